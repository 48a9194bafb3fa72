"""Images that a Python program has in memory become the same data as those of a folder."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset

import netwright as nw
from netwright.errors import DataError
from netwright.tasks.images.readers.objects import images_from
from netwright.tasks.images.user_images import load_images

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 6, 5, 3), np.uint8)
LABELS = np.arange(12) % 2


class Pairs(Dataset):  # type: ignore[type-arg]
    """A map-style dataset as torchvision has them."""

    def __init__(self, convert: Callable[[np.ndarray], object], classes: Sequence[str] = ("cat", "dog")) -> None:
        self.convert, self.classes = convert, list(classes)

    def __len__(self) -> int:
        return len(IMAGES)

    def __getitem__(self, index: int) -> tuple[object, int]:
        return self.convert(IMAGES[index]), int(LABELS[index])


class ClassLabel:
    names = ("cat", "dog")


class HubDataset(Pairs):
    """What is used of a datasets.Dataset."""

    column_names = ("image", "label")
    features = {"image": object(), "label": ClassLabel()}  # noqa: RUF012

    def __getitem__(self, index: int) -> dict[str, object]:  # type: ignore[override]
        return {"image": Image.fromarray(IMAGES[index]), "label": int(LABELS[index])}


class Frame:
    """What is used of a pandas data frame."""

    def __init__(self, **columns: list[object]) -> None:
        self.columns, self._columns = list(columns), columns

    def __getitem__(self, name: str) -> list[object]:
        return self._columns[name]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, (image, label) in enumerate(zip(IMAGES, LABELS, strict=True)):
        path = tmp_path / "own" / ("cat", "dog")[label] / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return tmp_path / "own"


def as_floats(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1) / 255


@pytest.mark.parametrize(
    "data",
    [
        Pairs(Image.fromarray),
        Pairs(lambda image: image),
        Pairs(as_floats),
        Pairs(lambda image: torch.from_numpy(image).permute(2, 0, 1)),
        HubDataset(Image.fromarray),
        {"train": HubDataset(Image.fromarray), "test": Pairs(as_floats)},
    ],
)
def test_datasets_give_the_pixels_and_names_of_a_folder(folder: Path, data: object) -> None:
    ours, theirs = images_from(data, name="mine"), load_images(folder)
    assert (ours.class_names, ours.name[:6]) == (("cat", "dog"), "mine (")
    pixels = {image.numpy().tobytes() for image in torch.cat([theirs.train_images, theirs.test_images])}
    assert {image.numpy().tobytes() for image in torch.cat([ours.train_images, ours.test_images])} == pixels
    if isinstance(data, dict):
        assert ours.test_labels.tolist() == LABELS.tolist()


def test_a_frame_of_paths_gives_what_the_folder_gives(folder: Path) -> None:
    paths = sorted(folder.rglob("*.png"))
    frame = Frame(path=list(paths), label=[path.parent.name for path in paths])
    ours, theirs = images_from(frame), load_images(folder)
    assert ours.train_images.equal(theirs.train_images)
    assert ours.identity is not None
    assert theirs.identity is not None
    assert ours.identity.sha256 == theirs.identity.sha256


def test_arrays_are_data_without_a_file() -> None:
    for images in (IMAGES, torch.from_numpy(IMAGES), IMAGES.transpose(0, 3, 1, 2)):
        data = images_from((images, LABELS), image_size=4)
        assert data.train_images.shape[1:] == (3, 4, 3)
    named = images_from({"images": IMAGES, "labels": LABELS, "class_names": np.array(["cat", "dog"])})
    assert named.class_names == ("cat", "dog")
    assert named.name != images_from((IMAGES, 1 - LABELS)).name


def test_saved_images_are_read_again_by_every_command(tmp_path: Path) -> None:
    nw.save_images({"train": Pairs(as_floats), "test": HubDataset(Image.fromarray)}, tmp_path / "mine.npz")
    ours, saved = images_from({"train": Pairs(as_floats), "test": Pairs(as_floats)}), load_images(tmp_path / "mine.npz")
    assert saved.class_names == ours.class_names
    for part in ("train_images", "train_labels", "test_images", "test_labels"):
        assert getattr(saved, part).equal(getattr(ours, part)), part
    with pytest.raises(DataError, match=r"mine\.png is read by its suffix; expected a name such as mine\.npz"):
        nw.save_images(Pairs(as_floats), tmp_path / "mine.png")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (3, "the data is of type int; expected"),
        ("a path", "the data is of type str; expected"),
        ({"train": 3}, "the data is of type int"),
        ({"left": Pairs(as_floats)}, "is a dictionary with left; expected"),
        ({}, "is a dictionary with none; expected"),
        (Pairs(lambda image: image.astype(np.float32)), r"item 0 of train .* not in 0\.\.1; expected images before"),
        (Pairs(lambda image: image.astype(np.int64)), "its numbers are int64"),
        (Pairs(lambda image: None), "item 0 of train is no image with a label"),
        (Pairs(Image.fromarray, ["one"]), r"a label is 1; expected 0\.\.0"),
        (Frame(path=["x.png"], colour=["red"]), "has the columns path, colour; expected one called label"),
        ((IMAGES.astype(object), LABELS), "images is an array of objects"),
        ((IMAGES, LABELS[:3]), "labels has shape"),
        ({"images": IMAGES}, "has no array 'labels'"),
    ],
)
def test_other_objects_are_refused(data: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        images_from(data)
