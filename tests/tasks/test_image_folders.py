"""Folders of images as people have them: parts, sub-folders, links, damaged files and copies; what is said of them."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from netwright.errors import DataError
from netwright.image_files import decoded
from netwright.tasks.images.user_images import load_images


def picture(number: int, *shape: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(number).integers(0, 256, shape or (6, 5), np.uint8))


def fill(root: Path, *folders: str, count: int = 4) -> Path:
    """Write different grey images into each folder."""
    for number, folder in enumerate(folders):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for image in range(count):
            picture(100 * number + image).save(root / folder / f"{image}.png")
    return root


# Parts and sub-folders ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["val", "valid", "Validation", "VAL"])
def test_without_a_test_part_val_is_the_test_set(tmp_path: Path, name: str) -> None:
    data = load_images(fill(tmp_path, "train/a", "train/b", f"{name}/a", f"{name}/b", count=3))
    assert (data.class_names, len(data.train_labels), len(data.test_labels)) == (("a", "b"), 6, 6)
    assert data.notes[-1] == "val is the test set, and no search uses it"
    assert (f"{name} was read as val" in data.notes) == (name != "val")


def test_with_a_test_part_val_is_added_to_train(tmp_path: Path) -> None:
    data = load_images(fill(tmp_path, "Train/a", "Train/b", "val/a", "val/b", "test/a", "test/b"))
    assert (data.class_names, len(data.train_labels), len(data.test_labels)) == (("a", "b"), 16, 8)
    assert data.train_labels.tolist() == [0] * 4 + [1] * 4 + [0] * 4 + [1] * 4
    assert data.notes == (
        "Train was read as train",
        "the images of val were added to train; validation images are chosen at random from both",
    )


def test_train_alone_has_a_test_part_set_aside(tmp_path: Path) -> None:
    data = load_images(fill(tmp_path, "train/a", "train/b", count=5))
    assert (data.class_names, len(data.train_labels), len(data.test_labels)) == (("a", "b"), 8, 2)


def test_classes_may_be_called_like_parts(tmp_path: Path) -> None:
    assert load_images(fill(tmp_path, "train", "bus")).class_names == ("bus", "train")


def test_folders_within_a_class_are_read_and_counted(tmp_path: Path) -> None:
    data = load_images(fill(tmp_path, "a", "a/x/y", "b", "b/.hidden", "b/__cache__", "a/folder.png"))
    assert len(data.train_labels) + len(data.test_labels) == 16
    assert data.notes[0] == "8 of 16 images are in sub-folders of their class's folder"


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (("train/a", "train/b", "masks"), "train for parts of the data, and beside them masks; .* move masks away, or"),
        (("val/a", "test/a"), "has test, val and no train; the training part has to be called train"),
        (("train/a", "train/b", "val/a", "valid/a"), "has both val and valid; rename or remove one of them"),
        (("Train/a", "train/a"), "has both Train and train"),
        (("train", "test"), "train has no sub-folder; expected FOLDER/CLASS/IMAGE"),
        (("train/a", "train/b", "val/c"), "c is no class of the training images; expected a, b"),
        (("data/a", "data/b"), r"a single sub-folder, data, and that has a and 1 more; .* give --data /.*/data$"),
        ((".",), r"has no sub-folder and 4 other entries, the first: 0\.png; expected"),
    ],
)
def test_an_arrangement_that_is_not_understood_is_called_what_it_is(
    tmp_path: Path, folders: tuple[str, ...], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        load_images(fill(tmp_path, *folders))


# What is left out -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "kind"), [((6, 5, 3), "JPEG"), ((30, 40), "JPEG"), ((30, 40, 4), "PNG")])
def test_damaged_files_decide_nothing(tmp_path: Path, shape: tuple[int, ...], kind: str) -> None:
    whole = load_images(fill(tmp_path, "a", "b"))
    for number in range(12):
        buffer = io.BytesIO()
        picture(number, *shape).save(buffer, kind)
        content = buffer.getvalue()[: len(buffer.getvalue()) // 2]
        (tmp_path / "b" / f"z{number}.{kind.lower()}").write_bytes(content)
    data = load_images(tmp_path)
    assert data.train_images.equal(whole.train_images)
    assert data.test_images.equal(whole.test_images)
    assert data.notes[0].startswith("12 files that cannot be read left out, the first: b/z0")
    assert data.notes[1:] == whole.notes
    assert data.identity is not None
    assert whole.identity is not None
    assert data.identity.sha256 == whole.identity.sha256


def test_a_part_in_which_every_file_is_damaged_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, "train/a", "train/b", "test/a")
    for path in (tmp_path / "test" / "a").iterdir():
        path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataError, match="test holds no image that can be read"):
        load_images(tmp_path)


def test_links_are_followed_once_and_named(tmp_path: Path) -> None:
    store, root = fill(tmp_path / "store", "a", "b"), tmp_path / "data"
    (root / "b").mkdir(parents=True)
    (root / "a").symlink_to("../store/a")
    (store / "a" / "again").symlink_to(".")
    for number in range(4):
        (root / "b" / f"{number}.png").symlink_to(f"../../store/b/{number}.png")
    (root / "b" / "up").symlink_to("..")
    (root / "b" / "gone.png").symlink_to("/nowhere/x.png")
    (root / "c").symlink_to("nowhere")
    (root / "root").symlink_to(".")
    (root / "README").write_text("about")
    data = load_images(root)
    assert data.class_names == ("a", "b")
    assert len(data.train_labels) + len(data.test_labels) == 8
    assert data.notes[:3] == (
        "1 file outside the classes' folders left out, the first: README",
        "3 links to folders that contain them or are read already left out, the first: root",
        "2 broken links left out, the first: c (leads to nowhere)",
    )


# Copies and names -----------------------------------------------------------------------------------------------------


def test_copies_are_counted_within_and_between_the_parts(tmp_path: Path) -> None:
    fill(tmp_path, "train/a", "train/b", "test/a", "test/b")
    shutil.copy(tmp_path / "train/a/0.png", tmp_path / "train/a/copy.png")
    shutil.copy(tmp_path / "train/a/0.png", tmp_path / "train/b/copy.png")
    Image.open(tmp_path / "train/a/1.png").save(tmp_path / "test/b/other.bmp")  # the pixels count, not the format
    shutil.copy(tmp_path / "test/b/0.png", tmp_path / "test/b/copy.png")
    assert load_images(tmp_path).notes == (
        "2 of 10 training images are copies of others, 1 of them in another class",
        "1 of 10 test images are copies of training images, 1 of them in another class; expect a lower accuracy on new "
        "images",
        "1 of 10 test images are copies of others",
    )


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["cat", "cat"], "2 classes have the name 'cat'; expected a different name for each"),
        (["cat", "cat "], "2 classes have the name 'cat'"),
        (["caf\u00e9", "cafe\u0301"], "2 classes have the name"),
        (["cat", " "], "the name of class 1 is empty"),
    ],
)
def test_class_names_that_cannot_be_told_apart_are_refused(tmp_path: Path, names: list[str], message: str) -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8), np.uint8)
    np.savez(tmp_path / "own.npz", images=images, labels=np.arange(20) % 2, class_names=np.array(names))
    with pytest.raises(DataError, match=message):
        load_images(tmp_path / "own.npz")
    for name in names:
        fill(tmp_path / "folder", name)
    if len(list((tmp_path / "folder").iterdir())) == 2:  # a folder's names differ, at least in their bytes
        with pytest.raises(DataError, match=message.replace("class 1", "class 0")):
            load_images(tmp_path / "folder")


def test_arrays_are_named(tmp_path: Path) -> None:
    images, labels = np.random.default_rng(0).integers(0, 256, (20, 8, 8), np.uint8), np.arange(20) % 2
    np.savez(tmp_path / "own.npz", images=images, labels=labels, val_images=images)
    assert load_images(tmp_path / "own.npz").notes[0] == "arrays with other names left out: val_images"
    np.savez(tmp_path / "own.npz", x_train=images, y_train=labels)
    with pytest.raises(DataError, match="has no array 'images'; it has x_train, y_train"):
        load_images(tmp_path / "own.npz")
    np.savez(tmp_path / "own.npz", images=images, labels=labels.astype(object))
    with pytest.raises(DataError, match="in its array labels; arrays of objects are refused"):
        load_images(tmp_path / "own.npz")


# Pixels ---------------------------------------------------------------------------------------------------------------


def test_grey_with_alpha_is_laid_on_white(tmp_path: Path) -> None:
    clear = np.zeros((2, 2, 2), np.uint8)
    clear[0, :, 1] = 255
    Image.fromarray(clear, "LA").save(tmp_path / "clear.png")
    assert decoded(tmp_path / "clear.png", (2, 2), "L").tolist() == [[[0, 0], [255, 255]]]
    assert decoded((tmp_path / "clear.png").read_bytes(), (2, 2), "RGB").tolist() == [[[0, 0], [255, 255]]] * 3
