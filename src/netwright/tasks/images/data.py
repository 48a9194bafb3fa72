"""Labelled images as every image task hands them to training, and their division into training and validation."""

from dataclasses import dataclass

import torch
from torch import Tensor

from netwright.architectures.costs import ImageShape
from netwright.errors import DataError


@dataclass(frozen=True, eq=False)
class ImageData:
    """A data set in memory.

    Images are uint8 of shape [images, channels, height, width], labels int64 of shape [images] in
    0..len(class_names)-1. `name` is printed beside every number measured on the data; `notes` say what was changed in
    it, a line each.
    """

    name: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    class_names: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def shape(self) -> ImageShape:
        """What a network for these images reads and tells apart."""
        channels, height, width = self.train_images.shape[1:]
        return ImageShape(channels, height, width, len(self.class_names))


@dataclass(frozen=True, eq=False)
class ImageSplit:
    """What a child sees during a search: the test set is not in it."""

    train_images: Tensor
    train_labels: Tensor
    validation_images: Tensor
    validation_labels: Tensor
    num_classes: int


def everything_but_test(data: ImageData) -> ImageSplit:
    """What a final training sees: all images outside the test set to learn from, none for validation."""
    return ImageSplit(
        data.train_images, data.train_labels, data.train_images[:0], data.train_labels[:0], len(data.class_names)
    )


def split_images(
    data: ImageData, *, num_validation: int | float, seed: int, num_train: int | None = None
) -> ImageSplit:
    """Take `num_validation` random training images for validation and the rest, or `num_train` of it, for training.

    A fraction below 1 is that share of every class. The same seed gives the same division. Paper: 5,000 of CIFAR-10's
    50,000 (section 4.1).
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
    """Indices of a random `share` of every class, and those of the rest, both in random order.

    Each side has at least one image of every class that has two.
    """
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        members = order[labels[order] == label]
        chosen[members[: min(max(1, round(share * len(members))), len(members) - 1)]] = True
    return order[chosen[order]], order[~chosen[order]]
