"""The task `images`: a user's own images, from a folder with one sub-folder for each class or from an .npz file.

Decisions that the data leaves open are made here and reported in `ImageData.notes`, which accompany every result:

- Without test images, a fifth of every class is set aside for testing, with a fixed seed.
- Images are reduced so that no side has more than `MAX_EDGE` pixels.
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

from netwright.errors import DataError
from netwright.tasks.files import check_there
from netwright.tasks.identity import DataIdentity
from netwright.tasks.images.copies import notes_on_copies
from netwright.tasks.images.data import ImageData, share_of_every_class
from netwright.tasks.images.decoding import read_folder
from netwright.tasks.images.raw import Labelled, RawDataset
from netwright.tasks.images.readers.npz import read_arrays

READER_VERSION = 2
"""Increment it when a change of the reader gives other images, sizes, parts or another order for the same files."""
TEST_SHARE, TEST_SEED = 0.2, 0
EXPECTED = "expected a folder with one sub-folder of images for each class, or an .npz file with `images` and `labels`"


def find_images(path: Path | None) -> Path:
    """Return `path`; raise `DataError` if it is neither a folder nor an .npz file."""
    if path is None:
        raise DataError(f"the task `images` needs --data PATH; {EXPECTED}")
    path = path.expanduser()
    check_there(path, EXPECTED)
    if not path.is_dir() and path.suffix != ".npz":
        raise DataError(f"the data {path} is neither a folder nor an .npz file; {EXPECTED}")
    return path


def load_images(path: Path | None) -> ImageData:
    """Read the images at `path`, always in the same order.

    The name of the data is that of the folder or file with eight digits of the checksum of its identity.

    Raises:
        DataError: there are no images, or they cannot be divided into training and test images.
    """
    path = find_images(path)
    found = read_folder(path) if path.is_dir() else read_arrays(path)
    _check_classes(path, found)
    notes, identity = list(found.notes), _identity(found)
    train, test = found.train, found.test
    if test is None:
        chosen, rest = share_of_every_class(train.labels, TEST_SHARE, seed=TEST_SEED)
        chosen, rest = chosen.sort().values, rest.sort().values
        train, test = train.only(rest), train.only(chosen)
        notes.append(f"{len(chosen):,} images, a fifth of every class, were set aside for testing")
    notes += notes_on_copies(train, test)
    return ImageData(
        name=identity.named(path.resolve().name),
        train_images=train.images,
        train_labels=train.labels,
        test_images=test.images,
        test_labels=test.labels,
        class_names=found.class_names,
        notes=tuple(notes),
        identity=identity,
    )


def _check_names(path: Path, names: Sequence[str]) -> None:
    """Refuse names that a person cannot tell apart, also those of letters that are composed in another way."""
    counts = Counter(unicodedata.normalize("NFC", name).strip() for name in names)
    name, count = counts.most_common(1)[0]
    if "" in counts:
        raise DataError(f"{path}: the name of class {[not n.strip() for n in names].index(True)} is empty; name it")
    if count > 1:
        raise DataError(f"{path}: {count} classes have the name {name!r}; expected a different name for each")


def _check_classes(path: Path, found: RawDataset) -> None:
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
