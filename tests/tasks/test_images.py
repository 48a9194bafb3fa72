"""The division of a data set into what a child learns from and what its reward is measured on."""

import pytest
import torch

from netwright.errors import DataError
from netwright.tasks.images.data import ImageData, ImageSplit, split_images

NUM_IMAGES = 100


@pytest.fixture
def data() -> ImageData:
    """100 images, the i-th of brightness i and label i % 10."""
    numbers = torch.arange(NUM_IMAGES, dtype=torch.uint8)
    images = numbers[:, None, None, None].expand(-1, 3, 4, 4).contiguous()
    labels = numbers.long() % 10
    return ImageData("numbers", images, labels, images[:0], labels[:0], tuple("0123456789"))


def train(split: ImageSplit) -> list[int]:
    return split.train_images[:, 0, 0, 0].tolist()


def validation(split: ImageSplit) -> list[int]:
    return split.validation_images[:, 0, 0, 0].tolist()


def test_every_image_goes_to_exactly_one_side(data: ImageData) -> None:
    split = split_images(data, num_validation=30, seed=0)
    assert len(validation(split)) == 30
    assert sorted(train(split) + validation(split)) == list(range(NUM_IMAGES))
    assert split.num_classes == 10


def test_labels_stay_with_their_images(data: ImageData) -> None:
    split = split_images(data, num_validation=30, seed=0)
    assert split.train_labels.tolist() == [number % 10 for number in train(split)]
    assert split.validation_labels.tolist() == [number % 10 for number in validation(split)]


def test_fewer_training_images_leave_the_validation_images_as_they_are(data: ImageData) -> None:
    small = split_images(data, num_validation=30, seed=0, num_train=20)
    assert len(train(small)) == 20
    assert not set(train(small)) & set(validation(small))
    assert validation(small) == validation(split_images(data, num_validation=30, seed=0))


def test_the_seed_decides(data: ImageData) -> None:
    first, again, other = (split_images(data, num_validation=30, seed=seed) for seed in (7, 7, 8))
    assert train(first) == train(again)
    assert validation(first) == validation(again)
    assert set(validation(first)) != set(validation(other))


def test_the_global_generator_neither_decides_nor_moves(data: ImageData) -> None:
    torch.manual_seed(0)
    state = torch.random.get_rng_state()
    first = split_images(data, num_validation=30, seed=7)
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(1)
    assert train(split_images(data, num_validation=30, seed=7)) == train(first)


@pytest.mark.parametrize(("num_validation", "num_train"), [(100, None), (30, 71), (101, 1)])
def test_too_many_images_are_refused(data: ImageData, num_validation: int, num_train: int | None) -> None:
    with pytest.raises(DataError, match=r"numbers has 100 training images.*lower evaluate.num_validation"):
        split_images(data, num_validation=num_validation, seed=0, num_train=num_train)


def test_all_images_may_be_used(data: ImageData) -> None:
    split = split_images(data, num_validation=30, seed=0, num_train=70)
    assert len(train(split)) == 70
