"""The task `images`: a user's own images, in a folder or file; each arrangement has a reader in `readers/`.

Decisions that the data leaves open are made here and reported in `ImageData.notes`, which accompany every result:

- Without test images, a fifth of every class is set aside for testing, with a fixed seed.
- Images are reduced so that no side has more than `image_size` pixels.
- Unreadable files, other sizes, grey among colour images, transparency: see `tasks/images/decoding.py`.
- Copies of an image are kept and counted: see `tasks/images/copies.py`.

A class too small to be divided, a single class, and labels without a class are errors.
"""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch

from netwright.errors import ConfigError, DataError
from netwright.tasks.files import check_there
from netwright.tasks.identity import DataIdentity
from netwright.tasks.images.copies import notes_on_copies
from netwright.tasks.images.data import ImageData, share_of_every_class
from netwright.tasks.images.decoding import decode
from netwright.tasks.images.observing import observer
from netwright.tasks.images.raw import LARGEST_EDGE, MAX_EDGE, Labelled, RawDataset
from netwright.tasks.images.readers.class_folders import folders
from netwright.tasks.images.readers.directory import read_directory
from netwright.tasks.images.readers.labels import read_labels
from netwright.tasks.images.readers.npz import read_npz
from netwright.tasks.images.readers.parquet import parquet_files, read_parquet
from netwright.tasks.images.readers.table import TABLES
from netwright.tasks.images.understood import ClassCount, Understood

READER_VERSION = 2
"""Increment it when a change of the reader gives other images, sizes, parts or another order for the same files."""
TEST_SHARE, TEST_SEED = 0.2, 0
EXPECTED = (
    "expected a folder with one sub-folder of images for each class, a folder of images with a table of labels, a "
    ".parquet file, or an .npz file with `images` and `labels`"
)


def find_images(path: Path | None) -> Path:
    """Return `path`; raise `DataError` if it is neither a folder nor a file that a reader is for."""
    if path is None:
        raise DataError(f"the task `images` needs --data PATH; {EXPECTED}")
    path = path.expanduser()
    check_there(path, EXPECTED)
    if not path.is_dir() and path.suffix not in (".npz", ".parquet", *TABLES):
        raise DataError(f"the data {path} is neither a folder nor an .npz file, a .parquet file or a table; {EXPECTED}")
    return path


def load_images(path: Path | None, *, image_size: int | None = None, keep: bool = False) -> ImageData:
    """Read the images at `path`, always in the same order.

    The name of the data is that of the folder or file with eight digits of the checksum of its identity.

    Args:
        path: A folder or file as the readers describe it.
        image_size: Pixels of the longer side at most; None is 64.
        keep: Whether the next call in this process takes over what was decoded, if the files are still the same.

    Raises:
        DataError: There are no images, or they cannot be divided into training and test images.
        ConfigError: `image_size` is out of range.
    """
    edge, path = checked_edge(image_size), find_images(path)
    return image_data(path, _read(path, edge, keep=keep))


def checked_edge(image_size: int | None) -> int:
    """Return the largest number of pixels a side; raise `ConfigError` if there may not be so many."""
    if image_size is None:
        return MAX_EDGE
    if not 1 <= image_size <= LARGEST_EDGE:
        raise ConfigError(f"the size of images is {image_size}; expected 1..{LARGEST_EDGE} pixels a side")
    return image_size


def _read(path: Path, edge: int, *, keep: bool) -> RawDataset:
    if path.suffix == ".npz" and not path.is_dir():
        return read_npz(path, edge)
    if path.is_dir():
        files = parquet_files(path)
        has_classes = any(folder.name != "data" for folder in folders(path))
        listing = read_parquet(path, files) if files and not has_classes else read_directory(path)
        return decode(path, listing, edge, observer().progress, keep=keep)
    if path.suffix == ".parquet":
        return decode(path.parent, read_parquet(path.parent, [path]), edge, observer().progress, keep=keep)
    return decode(path.parent, read_labels(path.parent, [path]), edge, observer().progress, keep=keep)


def image_data(path: Path | str, found: RawDataset) -> ImageData:
    """Check the classes of what was read, set test images aside if there are none, and describe everything.

    Args:
        path: Where the data is, or its name; for the name of the data and for messages.
        found: What a reader returned.

    Raises:
        DataError: A class has too few images, or there is a single one.
    """
    _check_classes(path, found)
    notes, identity = list(found.notes), _identity(found)
    train, test = found.train, found.test
    if test is None:
        chosen, rest = share_of_every_class(train.labels, TEST_SHARE, seed=TEST_SEED)
        chosen, rest = chosen.sort().values, rest.sort().values
        train, test = train.only(rest), train.only(chosen)
        notes.append(f"{len(chosen):,} images, a fifth of every class, were set aside for testing")
    notes += notes_on_copies(train, test)
    name = identity.named(path.resolve().name if isinstance(path, Path) else path)
    understood = _understood(name, found, train, test, [note for note in notes if note not in found.left_out])
    observer().understood(understood)
    return ImageData(
        name=name,
        train_images=train.images,
        train_labels=train.labels,
        test_images=test.images,
        test_labels=test.labels,
        class_names=found.class_names,
        notes=tuple(notes),
        identity=identity,
        understood=understood,
    )


def _understood(name: str, found: RawDataset, train: Labelled, test: Labelled, notes: Sequence[str]) -> Understood:
    counts = (
        torch.bincount(part.labels, minlength=len(found.class_names)).tolist() for part in (train, test)
    )  # fmt: skip
    channels, height, width = train.images.shape[1:]
    return Understood(
        name=name,
        arrangement=found.arrangement,
        classes=tuple(ClassCount(*each) for each in zip(found.class_names, *counts, strict=True)),
        sizes=found.sizes,
        channels=channels,
        prepared=(height, width),
        left_out=found.left_out,
        notes=tuple(notes),
    )


def _check_names(path: Path | str, names: Sequence[str]) -> None:
    """Refuse names that a person cannot tell apart, also those of letters that are composed in another way."""
    counts = Counter(unicodedata.normalize("NFC", name).strip() for name in names)
    name, count = counts.most_common(1)[0]
    if "" in counts:
        raise DataError(f"{path}: the name of class {[not n.strip() for n in names].index(True)} is empty; name it")
    if count > 1:
        raise DataError(f"{path}: {count} classes have the name {name!r}; expected a different name for each")


def _check_classes(path: Path | str, found: RawDataset) -> None:
    _check_names(path, found.class_names)
    if len(found.class_names) < 2:
        raise DataError(f"{path} has a single class, {found.class_names[0]!r}; expected two or more")
    uses = "to train on, to validate and to test" if found.test is None else "to train on and to validate"
    least = 3 if found.test is None else 2
    counts = torch.bincount(found.train.labels, minlength=len(found.class_names)).tolist()
    small = [
        f"{name!r} ({count})" for name, count in zip(found.class_names, counts, strict=True) if count < least
    ]  # fmt: skip
    if small:
        shown = ", ".join(small[:5]) + (f" and {len(small) - 5} more" if len(small) > 5 else "")
        notes = "".join(f". {note}" for note in found.notes)
        raise DataError(
            f"{path}: too few images in {shown}; every class needs {least} or more that can be read, one each {uses}"
            f"{notes}"
        )


def _identity(found: RawDataset) -> DataIdentity:
    num_images = len(found.train.labels) + (len(found.test.labels) if found.test else 0)
    return DataIdentity(
        sha256=found.sha256,
        reader="images",
        version=READER_VERSION,
        extent=f"{num_images:,} images in {len(found.class_names):,} classes",
        older=_checksum(found),
    )


def _checksum(found: RawDataset) -> str:
    digest = hashlib.sha256(repr(found.class_names).encode())
    for part in (found.train, found.test or Labelled.none()):
        digest.update(repr(tuple(part.images.shape)).encode())
        digest.update(part.images.numpy().tobytes())
        digest.update(part.labels.numpy().tobytes())
    return digest.hexdigest()[:8]
