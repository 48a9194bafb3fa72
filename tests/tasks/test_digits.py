"""The embedded digits, and the catalogue through which every task is opened."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits as load_embedded

from netwright.errors import ConfigError
from netwright.tasks.catalog import TASKS, open_task, prepare_task
from netwright.tasks.images.digits import load_digits


def test_shapes_types_and_names() -> None:
    data = load_digits()
    assert data.name == "digits (scikit-learn)"
    assert data.class_names == tuple("0123456789")
    assert data.train_images.shape == (1497, 1, 8, 8)
    assert data.test_images.shape == (300, 1, 8, 8)
    assert data.train_images.dtype == torch.uint8
    assert data.train_labels.dtype == torch.int64
    assert int(data.train_images.max()) == 255


def test_every_embedded_image_is_there_once_with_its_label() -> None:
    data, embedded = load_digits(), load_embedded()
    images = torch.cat([data.train_images, data.test_images]).flatten(1).double() * (16 / 255)
    labels = torch.cat([data.train_labels, data.test_labels])
    ours = sorted(
        (*np.rint(image.numpy()).tolist(), label) for image, label in zip(images, labels.tolist(), strict=True)
    )
    theirs = sorted(
        (*image.ravel().tolist(), label) for image, label in zip(embedded.images, embedded.target, strict=True)
    )
    assert ours == theirs


def test_the_test_images_never_change() -> None:
    first, second = load_digits(), load_digits()
    assert torch.equal(first.test_images, second.test_images)
    assert first.test_labels.bincount().tolist() == [19, 27, 29, 27, 24, 34, 40, 34, 31, 35]


def test_the_catalogue_opens_digits_without_a_folder() -> None:
    assert {"cifar10", "digits", "images"} <= set(TASKS)
    assert prepare_task("digits", Path("/nowhere"), verify=True) is None
    assert torch.equal(open_task("digits", None, verify=True).test_images, load_digits().test_images)


@pytest.mark.parametrize("step", [prepare_task, open_task])
def test_a_mistyped_task_names_the_nearest(step: object) -> None:
    with pytest.raises(ConfigError, match="unknown task 'cifar-10'; did you mean 'cifar10'"):
        step("cifar-10", None, verify=True)  # type: ignore[operator]
