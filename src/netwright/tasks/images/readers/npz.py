"""A user's own images in an .npz file, as `numpy.savez(path, images=..., labels=...)` writes it.

images, test_images     uint8 [N, H, W], [N, H, W, C] or [N, C, H, W] with 1 or 3 channels
labels, test_labels     integers [N] in 0..classes-1
class_names             strings [classes]; default: the labels as strings

Only `images` and `labels` are required. For safety, pickled objects are refused, and arrays that would not fit into
memory are not decompressed.
"""

import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from netwright.errors import DataError
from netwright.files import open_regular
from netwright.tasks.files import physical_memory
from netwright.tasks.identity import ContentDigest
from netwright.tasks.images.raw import MEMORY_PER_BYTE, Labelled, RawDataset, shrinking_note, shrunk
from netwright.tasks.images.readers.listing import some
from netwright.tasks.images.understood import Sizes

KNOWN = ("images", "labels", "test_images", "test_labels", "class_names")


def read_npz(path: Path, edge: int) -> RawDataset:
    """Read the images in the file `path`; raise `DataError` if an array is not as described above."""
    digest = ContentDigest()
    arrays, unknown = _arrays(path, digest)
    left_out = (f"arrays with other names left out: {some(unknown)}",) if unknown else ()
    return dataset_of(path, arrays, edge, digest.hexdigest(), "an .npz file", left_out)


def dataset_of(
    path: Path | str,
    arrays: Mapping[str, NDArray[np.generic]],
    edge: int,
    sha256: str,
    arrangement: str,
    left_out: tuple[str, ...] = (),
) -> RawDataset:
    """Check arrays as described above, and make a data set of them.

    Args:
        path: What messages call the data.
        arrays: With the names above.
        edge: Images are reduced to at most so many pixels a side.
        sha256: The checksum of the arrays.
        arrangement: How the data is arranged, in words.
        left_out: What was not read.

    Raises:
        DataError: An array is not as described above.
    """
    images = _images(path, "images", arrays["images"])
    height, width = images.shape[2:]
    notes = left_out
    if (height, width) != shrunk(height, width, edge):
        notes += (shrinking_note((height, width), shrunk(height, width, edge), edge),)
    train = Labelled(_small(images, edge), _labels(path, "labels", arrays["labels"], len(images)))
    test = None
    if "test_images" in arrays:
        test_images = _images(path, "test_images", arrays["test_images"])
        if test_images.shape[1:] != images.shape[1:]:
            raise DataError(
                f"{path}: test_images have shape {tuple(test_images.shape[1:])} (channels, height, width), images "
                f"{tuple(images.shape[1:])}; expected the same"
            )
        test_labels = _labels(path, "test_labels", arrays["test_labels"], len(test_images))
        test = Labelled(_small(test_images, edge), test_labels)
    names = _class_names(path, arrays, train, test)
    return RawDataset(train, test, names, sha256, notes, arrangement, Sizes.of([(height, width)]), left_out)


def _arrays(path: Path, digest: ContentDigest) -> tuple[dict[str, NDArray[np.generic]], list[str]]:
    """Read the known arrays and add their bytes to `digest`; return them and the names of the others.

    Their names and sizes are checked before any of them is decompressed.
    """
    reading = ""
    try:
        with open_regular(path, physical_memory()) as opened:
            if opened.read(len(np.lib.format.MAGIC_PREFIX)) == np.lib.format.MAGIC_PREFIX:
                raise DataError(f"{path} holds one nameless array; write it with numpy.savez(path, images=, labels=)")
            with zipfile.ZipFile(opened) as file:
                named = {member.filename.removesuffix(".npy"): member for member in file.infolist()}
                members = {name: named[name] for name in KNOWN if name in named}
                check_names(path, list(named))
                _check_sizes(path, members.values())
                arrays = {}
                for reading, member in members.items():
                    arrays[reading] = _array(file, member, digest)
                return arrays, [name for name in named if name not in KNOWN]
    except DataError:
        raise
    except Exception as error:  # zipfile and numpy may raise anything for a damaged file, also MemoryError
        what = str(error) or type(error).__name__
        refused = "; arrays of objects are refused" if "pickle" in what.lower() else ""
        what += (f", in its array {reading}" if reading else "") + refused
        raise DataError(f"{path} cannot be read as an .npz file ({what}); write it with numpy.savez") from error


def check_names(path: Path | str, names: Sequence[str]) -> None:
    """Raise `DataError` if one of the required arrays is missing."""
    found = set(names)
    for name in ("images", "labels"):
        if name not in found:
            raise DataError(f"{path} has no array {name!r}; it has {some(names)}")
    if ("test_images" in found) != ("test_labels" in found):
        raise DataError(f"{path} has one of test_images and test_labels; expected both or none")


def _check_sizes(path: Path, members: Iterable[zipfile.ZipInfo]) -> None:
    """Compare with the machine's total memory, not with its free memory, as `tasks.files.read_bytes` does."""
    size, largest = sum(member.file_size for member in members), physical_memory() // MEMORY_PER_BYTE
    if size > largest:
        raise DataError(
            f"{path} unpacks to arrays of {size:,} bytes, and preparing them may need {MEMORY_PER_BYTE} times as many; "
            f"on this machine they may have {largest:,} bytes; write fewer or smaller images"
        )


class _Recorded:
    """A member of a zip file whose bytes are added to `digest` as they are read, so that none is read twice."""

    def __init__(self, opened: IO[bytes], digest: ContentDigest) -> None:
        self._opened, self._digest = opened, digest

    def read(self, size: int = -1) -> bytes:
        """Read at most `size` bytes."""
        content = self._opened.read(size)
        self._digest.extend(content)
        return content


def _array(file: zipfile.ZipFile, member: zipfile.ZipInfo, digest: ContentDigest) -> NDArray[np.generic]:
    # Only for these two does Python decompress no more than it returns.
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{member.filename} is compressed by method {member.compress_type}; expected deflate or none")
    with file.open(member.filename) as opened:
        digest.add(f"{member.filename} {member.file_size}".encode())
        array: NDArray[np.generic] = np.lib.format.read_array(_Recorded(opened, digest), allow_pickle=False)
    return array


def _images(path: Path | str, name: str, array: NDArray[np.generic]) -> torch.Tensor:
    """Return images as uint8 [N, C, H, W]."""
    if array.dtype != np.uint8:
        raise DataError(f"{path}: {name} has type {array.dtype}; expected uint8, brightness in 0..255")
    if array.ndim == 3:
        array = array[:, None]
    elif array.ndim == 4 and array.shape[3] in (1, 3):  # if both layouts are possible, the one usual in files
        array = array.transpose(0, 3, 1, 2)
    if array.ndim != 4 or array.shape[1] not in (1, 3) or 0 in array.shape:
        raise DataError(
            f"{path}: {name} has shape {array.shape}; expected [images, height, width], or with 1 or 3 channels after "
            "or before height and width"
        )
    return torch.from_numpy(np.ascontiguousarray(array))


def _small(images: torch.Tensor, edge: int) -> torch.Tensor:
    height, width = images.shape[2:]
    size = shrunk(height, width, edge)
    if size == (height, width):
        return images
    parts = [
        functional.interpolate(part.float(), size=size, mode="bilinear", antialias=True).round().clamp(0, 255).byte()
        for part in images.split(256)
    ]
    return torch.cat(parts)


def _labels(path: Path | str, name: str, array: NDArray[np.generic], num_images: int) -> torch.Tensor:
    if not np.issubdtype(array.dtype, np.integer):
        raise DataError(f"{path}: {name} has type {array.dtype}; expected integers in 0..classes-1")
    if array.size != num_images or array.ndim == 0 or array.shape[0] != num_images:
        raise DataError(f"{path}: {name} has shape {array.shape} for {num_images:,} images; expected one for each")
    if array.min() < 0 or array.max() >= 2**31:
        raise DataError(f"{path}: {name} go from {array.min()} to {array.max()}; expected 0..classes-1")
    return torch.from_numpy(array.reshape(-1).astype(np.int64))


def _class_names(
    path: Path | str, arrays: Mapping[str, NDArray[np.generic]], train: Labelled, test: Labelled | None
) -> tuple[str, ...]:
    """Return the given names or the labels as strings; raise `DataError` if a label has no class."""
    highest = int(train.labels.max())
    if "class_names" in arrays:
        given = arrays["class_names"]
        if given.dtype.kind != "U" or given.ndim != 1 or given.nbytes == 0:
            raise DataError(f"{path}: class_names is {given.dtype} of shape {given.shape}; expected a list of strings")
        names = tuple(str(name) for name in given)
    elif highest >= len(train.labels):
        raise DataError(
            f"{path}: a label is {highest:,}, and there are {len(train.labels):,} images; expected 0..classes-1"
        )
    else:
        names = tuple(str(label) for label in range(highest + 1))
    for name, part in (("labels", train), ("test_labels", test)):
        if part is not None and (found := int(part.labels.max())) >= len(names):
            raise DataError(f"{path}: one of {name} is {found}; expected 0..{len(names) - 1}, one for each class")
    return names
