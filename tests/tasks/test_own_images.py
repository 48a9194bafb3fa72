"""Images of a user's own, from folders and arrays: what is read, what is reported, what is refused."""

import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from netwright.errors import DataError
from netwright.tasks.catalog import open_task, prepare_task
from netwright.tasks.images.data import ImageData, share_of_every_class, split_images
from netwright.tasks.images.readers import npz as arrays
from netwright.tasks.images.user_images import load_images


def picture(number: int, *, size: tuple[int, int] = (6, 5), channels: int = 1) -> np.ndarray:
    """uint8 [H, W] or [H, W, C], different for every number."""
    shape = size if channels == 1 else (*size, channels)
    return np.random.RandomState(number).randint(0, 256, shape, dtype=np.uint8)


def fill(root: Path, counts: dict[str, int], *, number: int = 0, **options: object) -> Path:
    """Writes so many PNGs for each class, the first with this number."""
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for _ in range(count):
            Image.fromarray(picture(number, **options)).save(root / name / f"{number:03}.png")
            number += 1
    return root


def everything(data: ImageData) -> list[tuple[bytes, str]]:
    """(pixels, class name) of all images, in some order."""
    images = torch.cat([data.train_images, data.test_images]).numpy()
    labels = torch.cat([data.train_labels, data.test_labels]).tolist()
    return sorted((image.tobytes(), data.class_names[label]) for image, label in zip(images, labels, strict=True))


def test_a_folder_is_read_pixel_by_pixel(tmp_path: Path) -> None:
    fill(tmp_path / "own", {"b": 10, "a": 5})
    data = open_task("images", prepare_task("images", tmp_path / "own", verify=True), verify=True)
    assert data.class_names == ("a", "b")
    assert everything(data) == sorted((picture(n).tobytes(), "b" if n < 10 else "a") for n in range(15))
    assert data.train_images.shape == (12, 1, 6, 5)
    assert torch.bincount(data.test_labels).tolist() == [1, 2]
    assert data.notes == ("3 images, a fifth of every class, were set aside for testing",)


def test_colour_is_read_as_colour(tmp_path: Path) -> None:
    data = load_images(fill(tmp_path / "own", {"a": 3, "b": 3}, channels=3))
    expected = sorted(np.ascontiguousarray(picture(n, channels=3).transpose(2, 0, 1)).tobytes() for n in range(6))
    assert [pixels for pixels, _ in everything(data)] == expected


def test_a_folder_divided_into_train_and_test_is_left_as_it_is(tmp_path: Path) -> None:
    fill(tmp_path / "own" / "train", {"a": 2, "b": 3})
    fill(tmp_path / "own" / "test", {"b": 4}, number=5)
    data = load_images(tmp_path / "own")
    assert torch.bincount(data.train_labels).tolist() == [2, 3]
    assert data.test_labels.tolist() == [1] * 4
    assert data.notes == ()
    fill(tmp_path / "own" / "test", {"c": 1})
    with pytest.raises(DataError, match="c is no class of the training images; expected a, b"):
        load_images(tmp_path / "own")


@pytest.mark.parametrize("layout", ["grey", "grey with a channel", "channels last", "channels first"])
def test_arrays_are_read_pixel_by_pixel(tmp_path: Path, layout: str) -> None:
    channels = 3 if layout.startswith("channels") else 1
    images = np.stack([picture(n, channels=channels) for n in range(12)])
    expected = images.transpose(0, 3, 1, 2) if channels == 3 else images[:, None]
    written = {"grey with a channel": images[..., None], "channels first": expected}.get(layout, images)
    np.savez(tmp_path / "own.npz", images=written, labels=np.arange(12) % 3)
    data = load_images(tmp_path / "own.npz")
    assert everything(data) == sorted((image.tobytes(), str(n % 3)) for n, image in enumerate(expected))
    assert data.name.startswith("own.npz (")


def test_arrays_with_a_test_part_and_names(tmp_path: Path) -> None:
    images = np.stack([picture(n) for n in range(6)])
    labels = np.array([[0], [1], [0], [1], [1], [0]])
    arrays = {"test_images": images[:2], "test_labels": labels[:2], "class_names": np.array(["cat", "dog"])}
    np.savez(tmp_path / "own.npz", images=images, labels=labels, **arrays)
    data = load_images(tmp_path / "own.npz")
    assert data.class_names == ("cat", "dog")
    assert torch.equal(data.test_images[:, 0], torch.from_numpy(images[:2]))
    assert data.test_labels.tolist() == [0, 1]
    assert len(data.train_images) == 6


def test_the_name_changes_with_any_pixel_label_or_class(tmp_path: Path) -> None:
    images, labels = np.stack([picture(n) for n in range(12)]), np.arange(12) % 2
    np.savez(tmp_path / "own.npz", images=images, labels=labels)
    name = load_images(tmp_path / "own.npz").name
    assert load_images(tmp_path / "own.npz").name == name
    names = {name}
    images[0, 0, 0] ^= 1
    np.savez(tmp_path / "own.npz", images=images, labels=labels)
    names.add(load_images(tmp_path / "own.npz").name)
    labels[0] ^= 1
    np.savez(tmp_path / "own.npz", images=images, labels=labels)
    names.add(load_images(tmp_path / "own.npz").name)
    np.savez(tmp_path / "own.npz", images=images, labels=labels, class_names=np.array(["a", "b"]))
    names.add(load_images(tmp_path / "own.npz").name)
    assert len(names) == 4


# Treatments that are reported -----------------------------------------------------------------------------------------


def test_what_cannot_be_read_is_left_out_and_counted(tmp_path: Path) -> None:
    root = fill(tmp_path / "own", {"a": 6, "b": 6})
    (root / "a" / "notes.txt").write_text("no image")
    (root / ".hidden").mkdir()
    (root / "a" / "000.png").write_bytes(b"no image either")
    whole = (root / "b" / "008.png").read_bytes()
    (root / "b" / "008.png").write_bytes(whole[: len(whole) // 2])
    Image.fromarray(np.zeros((6, 5), np.uint16)).save(root / "b" / "009.png")
    data = load_images(root)
    assert len(everything(data)) == 9
    assert data.notes[0] == "1 file with no image's name left out, the first: a/notes.txt"
    assert data.notes[1].startswith("3 files that cannot be read left out, the first: a/000.png (cannot identify image")


def test_other_sizes_are_resized_to_the_most_frequent_one(tmp_path: Path) -> None:
    root = fill(tmp_path / "own", {"a": 6, "b": 6})
    Image.fromarray(picture(0, size=(9, 8))).save(root / "a" / "000.png")
    Image.new("L", (50, 60), 77).save(root / "a" / "001.png")
    data = load_images(root)
    assert data.train_images.shape[2:] == (6, 5)
    assert data.notes[0] == (
        "2 of 12 images had other sizes than the most frequent one, 6 x 5, and were resized to 6 x 5"
    )
    kept = {pixels for pixels, _ in everything(data)}
    assert {picture(n).tobytes() for n in range(2, 12)} < kept
    assert bytes([77]) * 30 in kept


def test_large_images_are_shrunk_with_their_proportions(tmp_path: Path) -> None:
    data = load_images(fill(tmp_path / "own", {"a": 3, "b": 3}, size=(96, 128)))
    assert data.train_images.shape[1:] == (1, 48, 64)
    assert data.notes[0] == "images of 96 x 128 were shrunk to 48 x 64, at most 64 pixels a side"
    images = np.stack([picture(n, size=(96, 128)) for n in range(6)])
    np.savez(tmp_path / "own.npz", images=images, labels=[0, 0, 0, 1, 1, 1])
    arrays = load_images(tmp_path / "own.npz")
    assert arrays.notes == data.notes
    # Two implementations of the same smoothing, Pillow's and torch's, round differently.
    difference = arrays.train_images.int() - data.train_images.int()
    assert int(difference.abs().max()) <= 2


def test_grey_among_colour_transparency_and_orientation(tmp_path: Path) -> None:
    root = fill(tmp_path / "own", {"a": 4, "b": 4}, size=(6, 6), channels=3)
    Image.fromarray(picture(0, size=(6, 6))).save(root / "a" / "000.png")
    clear = np.zeros((6, 6, 4), np.uint8)  # black where it can be seen, and nothing can
    clear[:3, :, 3] = 255
    Image.fromarray(clear).save(root / "a" / "001.png")
    tall, upside = Image.new("RGB", (6, 6)), Image.Exif()
    tall.paste((255, 255, 255), (0, 0, 6, 3))
    upside[0x0112] = 3
    tall.save(root / "a" / "002.png", exif=upside)
    data = load_images(root)
    assert data.notes[:2] == (
        "1 of 8 images are grey and were read as colour",
        "1 of 8 images are transparent and were laid on white",
    )
    kept = [pixels for pixels, _ in everything(data)]
    assert picture(0, size=(6, 6)).tobytes() * 3 in kept
    half = bytes([0]) * 18 + bytes([255]) * 18
    assert kept.count(half * 3) == 2  # black above white: the transparent one, and the one that stood upside down


# Mistakes that are refused --------------------------------------------------------------------------------------------


def test_no_data_is_an_error_that_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"needs --data PATH; expected a folder with one sub-folder"):
        prepare_task("images", None, verify=True)
    with pytest.raises(DataError, match="does not exist"):
        prepare_task("images", tmp_path / "nothing", verify=True)
    (tmp_path / "list.txt").write_text("a,b")
    with pytest.raises(DataError, match=r"neither a folder nor an \.npz file"):
        prepare_task("images", tmp_path / "list.txt", verify=True)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({}, "has no sub-folder"),
        ({"a": 0, "b": 0}, "holds no image that can be read"),
        ({"a": 9}, "a single class, 'a'"),
        ({"a": 9, "b": 1, "c": 2}, r"too few images in 'b' \(1\), 'c' \(2\); every class needs 3 or more"),
        ({"a": 9, "b": 0}, r"too few images in 'b' \(0\)"),
    ],
)
def test_a_folder_that_cannot_be_divided_is_refused(tmp_path: Path, counts: dict[str, int], message: str) -> None:
    (tmp_path / "own").mkdir()
    fill(tmp_path / "own", counts)
    with pytest.raises(DataError, match=message):
        load_images(tmp_path / "own")


IMAGES, LABELS = np.zeros((12, 4, 4), np.uint8), np.arange(12) % 2


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": IMAGES}, "has no array 'labels'; it has images"),
        ({"images": IMAGES.astype(float), "labels": LABELS}, "images has type float64; expected uint8"),
        ({"images": IMAGES[0], "labels": LABELS}, r"images has shape \(4, 4\)"),
        ({"images": IMAGES[:0], "labels": LABELS[:0]}, r"images has shape \(0, 1, 4, 4\)"),
        ({"images": IMAGES.reshape(12, 2, 2, 4), "labels": LABELS}, "1 or 3 channels"),
        ({"images": IMAGES, "labels": LABELS[:5]}, r"labels has shape \(5,\) for 12 images"),
        ({"images": IMAGES, "labels": LABELS - 1}, "labels go from -1 to 0"),
        ({"images": IMAGES, "labels": LABELS * 10**6}, "a label is 1,000,000"),
        ({"images": IMAGES, "labels": LABELS * 11}, r"too few images in '1' \(0\)"),
        ({"images": IMAGES, "labels": LABELS * 0}, "a single class"),
        ({"images": IMAGES, "labels": LABELS / 2}, "labels has type float64"),
        ({"images": IMAGES, "labels": LABELS, "class_names": np.array(["a"])}, r"is 1; expected 0\.\.0"),
        ({"images": IMAGES, "labels": LABELS, "test_images": IMAGES}, "one of test_images and test_labels"),
        (
            {"images": IMAGES, "labels": LABELS, "test_images": IMAGES, "test_labels": LABELS + 1},
            "one of test_labels is 2",
        ),
        (
            {"images": IMAGES, "labels": LABELS, "test_images": IMAGES[:, :3], "test_labels": LABELS},
            r"test_images have shape \(1, 3, 4\)",
        ),
        ({"images": IMAGES, "labels": LABELS.astype(object)}, "arrays of objects are refused"),
        ({"images": IMAGES[:1], "labels": np.int64(0)}, r"labels has shape \(\) for 1 images"),
    ],
)
def test_arrays_that_cannot_be_used_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "own.npz", **arrays)
    with pytest.raises(DataError, match=message):
        load_images(tmp_path / "own.npz")


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "own.npz", images=np.stack([picture(n) for n in range(12)]), labels=LABELS)
    whole = (tmp_path / "own.npz").read_bytes()
    for damaged in (b"", b"no array", whole[:200], whole[:60] + bytes(80) + whole[140:]):
        (tmp_path / "own.npz").write_bytes(damaged)
        with pytest.raises(DataError, match=r"own\.npz cannot be read as an \.npz file"):
            load_images(tmp_path / "own.npz")


def test_a_text_under_this_name_is_no_zip_file(tmp_path: Path) -> None:
    (tmp_path / "own.npz").write_text("images, labels\n")
    with pytest.raises(DataError, match=r"cannot be read as an \.npz file \(File is not a zip file\)"):
        load_images(tmp_path / "own.npz")


def claiming(described: str, numbers: bytes = b"") -> bytes:
    """An array as numpy writes it, whose header says what it is told to."""
    header = described.encode() + b"\n"
    return b"\x93NUMPY\x01\0" + len(header).to_bytes(2, "little") + header + numbers


HUGE = claiming("{'descr': '|u1', 'fortran_order': False, 'shape': (1000000, 10000, 1000), }", bytes(100))
NOTHING = claiming("{'descr': '<U0', 'fortran_order': False, 'shape': (1000000000000,), }")


@pytest.mark.parametrize(
    ("member", "content", "message"),
    [
        ("images", HUGE, "cannot be read as an .npz file .Unable to allocate"),
        ("images", b"no array", "the magic string is not correct"),
        ("images", claiming("-" * 9000 + "1"), "cannot be read as an .npz file"),
        ("images", claiming("(" * 9000), "cannot be read as an .npz file"),
        (
            "images",
            claiming("{'descr': (), 'fortran_order': False, 'shape': (3,), }"),
            "cannot be read as an .npz file",
        ),
        ("class_names", NOTHING, "class_names is <U0 of shape .1000000000000,.; expected a list of strings"),
    ],
)
def test_a_header_that_says_what_cannot_be_is_refused(
    tmp_path: Path, member: str, content: bytes, message: str
) -> None:
    np.savez(tmp_path / "own.npz", **{"images": IMAGES, "labels": LABELS, member: IMAGES})
    with zipfile.ZipFile(tmp_path / "own.npz") as file:
        members = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(tmp_path / "own.npz", "w") as file:
        for name, whole in members.items():
            file.writestr(name, content if name == f"{member}.npy" else whole)
    with pytest.raises(DataError, match=message):
        load_images(tmp_path / "own.npz")


def encrypted(content: bytearray) -> None:
    for signature, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):  # the flags' place in a member's two headers
        content[content.index(signature) + place] |= 1


def compressed_by_99(content: bytearray) -> None:
    for signature, place in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        content[content.index(signature) + place] = 99


def of_a_later_version(content: bytearray) -> None:
    content[content.index(b"PK\1\2") + 6] = 99


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (encrypted, "'images.npy' is encrypted"),
        (compressed_by_99, "images.npy is compressed by method 99; expected deflate or none"),
        (of_a_later_version, "zip file version 9.9"),
    ],
)
def test_an_archive_that_python_does_not_unpack_is_refused(
    tmp_path: Path, change: Callable[[bytearray], None], message: str
) -> None:
    np.savez(tmp_path / "own.npz", images=IMAGES, labels=LABELS)
    content = bytearray((tmp_path / "own.npz").read_bytes())
    change(content)
    (tmp_path / "own.npz").write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_images(tmp_path / "own.npz")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compression_that_unpacks_without_bounds_is_refused(tmp_path: Path, method: int) -> None:
    np.savez(tmp_path / "own.npz", images=IMAGES, labels=LABELS)
    with zipfile.ZipFile(tmp_path / "own.npz") as file, zipfile.ZipFile(tmp_path / "2.npz", "w", method) as packed:
        for name in file.namelist():
            packed.writestr(name, file.read(name))
    with pytest.raises(DataError, match=f"is compressed by method {method}; expected deflate or none"):
        load_images(tmp_path / "2.npz")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({}, "has no array 'labels'; it has images"),
        (
            {"labels": np.zeros(40, np.uint8)},
            r"unpacks to arrays of 40,000,296 bytes.* may have 25,000,000 bytes; write fewer or smaller images",
        ),
    ],
)
def test_nothing_is_unpacked_of_what_is_refused_by_its_table_of_contents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labels: dict[str, np.ndarray], message: str
) -> None:
    np.savez_compressed(tmp_path / "own.npz", images=np.zeros((40, 1000, 1000), np.uint8), **labels)
    monkeypatch.setattr(arrays, "physical_memory", lambda: 100_000_000, raising=False)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=message):
            load_images(tmp_path / "own.npz")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000


# Division -------------------------------------------------------------------------------------------------------------


def test_a_share_is_taken_of_every_class() -> None:
    labels = torch.tensor([0] * 50 + [1] * 10 + [2] * 2 + [3])
    chosen, rest = share_of_every_class(labels, 0.2, seed=0)
    assert torch.bincount(labels[chosen]).tolist() == [10, 2, 1]
    assert torch.bincount(labels[rest]).tolist() == [40, 8, 1, 1]
    assert sorted([*chosen.tolist(), *rest.tolist()]) == list(range(63))
    assert chosen.tolist() != sorted(chosen.tolist())
    assert torch.equal(chosen, share_of_every_class(labels, 0.2, seed=0)[0])
    assert not torch.equal(chosen, share_of_every_class(labels, 0.2, seed=1)[0])


def test_a_fraction_divides_every_class_and_leaves_the_test_part_alone(tmp_path: Path) -> None:
    data = load_images(fill(tmp_path / "own", {"a": 25, "b": 4}))
    split = split_images(data, num_validation=0.2, seed=0)
    assert torch.bincount(split.validation_labels).tolist() == [4, 1]
    assert torch.bincount(split.train_labels).tolist() == [16, 2]
    parts = [split.train_images, split.validation_images, data.test_images]
    assert len({image.numpy().tobytes() for part in parts for image in part}) == 29
    small = split_images(data, num_validation=0.2, seed=0, num_train=7)
    assert torch.equal(small.train_images, split.train_images[:7])
    with pytest.raises(DataError, match="too few for 5 validation and 19 training images"):
        split_images(data, num_validation=0.2, seed=0, num_train=19)
