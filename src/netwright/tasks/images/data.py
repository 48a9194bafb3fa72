"""Labelled images as all image tasks provide them, and their division into training and validation images."""

from dataclasses import dataclass

import torch
from torch import Tensor

from netwright.architectures.costs import ImageShape
from netwright.errors import DataError
from netwright.tasks.identity import DataIdentity
from netwright.tasks.images.understood import Understood


@dataclass(frozen=True, eq=False)
class ImageData:
    """A data set in memory.

    Images are uint8 of shape [images, channels, height, width], labels int64 of shape [images] in
    0..len(class_names)-1. `name` and `notes` are printed with every number measured on the data; each note describes
    one change to the original images.
    """

    name: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    class_names: tuple[str, ...]
    notes: tuple[str, ...] = ()
    identity: DataIdentity | None = None
    """Of a user's own images."""
    understood: Understood | None = None
    """What was understood of a user's own images."""

    @property
    def shape(self) -> ImageShape:
        """The shape of a network's input and the number of classes."""
        channels, height, width = self.train_images.shape[1:]
        return ImageShape(channels, height, width, len(self.class_names))


@dataclass(frozen=True, eq=False)
class ImageSplit:
    """The training and validation images of a child; tensors as in `ImageData`. Test images are never included."""

    train_images: Tensor
    train_labels: Tensor
    validation_images: Tensor
    validation_labels: Tensor
    num_classes: int


def everything_but_test(data: ImageData) -> ImageSplit:
    """Return the split of a final training: all images but the test images for training, none for validation."""
    return ImageSplit(
        data.train_images, data.train_labels, data.train_images[:0], data.train_labels[:0], len(data.class_names)
    )


def split_images(
    data: ImageData, *, num_validation: int | float, seed: int, num_train: int | None = None
) -> ImageSplit:
    """Divide the training images at random into training and validation images.

    Args:
        data: the data set.
        num_validation: number of validation images, or a fraction of every class (paper: 5,000 of CIFAR-10's 50,000,
            section 4.1).
        seed: determines the division.
        num_train: number of training images; None for all that remain.

    Raises:
        DataError: the data set has too few images.
    """
    available = len(data.train_images)
    if isinstance(num_validation, float):
        validation, rest = share_of_every_class(data.train_labels, num_validation, seed=seed)
        order, num_validation = torch.cat([validation, rest]), len(validation)
    else:
        order = torch.randperm(available, generator=torch.Generator().manual_seed(seed))
    wanted = num_validation + (1 if num_train is None else num_train)
    if wanted > available:
        raise DataError(
            f"{data.name} has {available:,} training images, too few for {num_validation:,} validation "
            f"and {num_train or 1:,} training images; lower evaluate.num_validation or evaluate.num_train"
        )
    validation = order[:num_validation]
    train = order[num_validation:] if num_train is None else order[num_validation : num_validation + num_train]
    return ImageSplit(
        data.train_images[train],
        data.train_labels[train],
        data.train_images[validation],
        data.train_labels[validation],
        len(data.class_names),
    )


def share_of_every_class(labels: Tensor, share: float, *, seed: int) -> tuple[Tensor, Tensor]:
    """Divide the images of every class at random.

    Args:
        labels: int64 [N].
        share: fraction of every class in the first part.
        seed: determines the division.

    Returns:
        The indices of the first part and of the rest, both in random order. Both have at least one image of every class
        with two images or more.
    """
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        members = order[labels[order] == label]
        chosen[members[: min(max(1, round(share * len(members))), len(members) - 1)]] = True
    return order[chosen[order]], order[~chosen[order]]
