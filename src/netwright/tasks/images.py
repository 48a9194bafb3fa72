"""Labelled images as every image task hands them to training, and their division into training and validation."""

from dataclasses import dataclass

import torch
from torch import Tensor

from netwright.errors import DataError


@dataclass(frozen=True, eq=False)
class ImageData:
    """A data set in memory.

    Images are uint8 of shape [images, channels, height, width], labels int64 of shape [images] in
    0..len(class_names)-1. `name` is printed beside every number measured on the data.
    """

    name: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    class_names: tuple[str, ...]


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


def split_images(data: ImageData, *, num_validation: int, seed: int, num_train: int | None = None) -> ImageSplit:
    """Take `num_validation` random training images for validation and the rest, or `num_train` of it, for training.

    The same seed gives the same division. Paper: 5,000 of CIFAR-10's 50,000 (section 4.1).
    """
    available = len(data.train_images)
    wanted = num_validation + (1 if num_train is None else num_train)
    if wanted > available:
        raise DataError(
            f"{data.name} has {available:,} training images, too few for {num_validation:,} validation "
            f"and {num_train or 1:,} training images; lower evaluate.num_validation or evaluate.num_train"
        )
    order = torch.randperm(available, generator=torch.Generator().manual_seed(seed))
    validation = order[:num_validation]
    train = order[num_validation:] if num_train is None else order[num_validation : num_validation + num_train]
    return ImageSplit(
        data.train_images[train],
        data.train_labels[train],
        data.train_images[validation],
        data.train_labels[validation],
        len(data.class_names),
    )
