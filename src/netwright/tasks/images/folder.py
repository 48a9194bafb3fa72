"""A user's own images in a folder: FOLDER/CLASS/IMAGE, or FOLDER/train/CLASS/IMAGE and FOLDER/test/CLASS/IMAGE.

All images get the same size and number of channels. The notes count the changes that this needs:

- Files that are not images or cannot be read are left out.
- The common size is the most frequent one, reduced to at most `MAX_EDGE` pixels a side; other images are resized.
- If one image has colour, all are read as colour. Transparent images get a white background. Photographs are rotated
  as their EXIF orientation says.
"""

import io
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps

from netwright.errors import DataError
from netwright.files import check_readable
from netwright.tasks.identity import ContentDigest
from netwright.tasks.images.raw import MAX_EDGE, Labelled, RawDataset, shrunk

FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".ppm": "PPM",
    ".pgm": "PPM",
}
"""Accepted formats by suffix. Pillow reads more, but some of them by calling other programs."""
LARGEST_FILE = 512 << 20
"""Bytes of one image file."""
GREY_MODES, DEEP_MODES = ("1", "L", "LA", "La"), ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
ORIENTATION, SIDEWAYS = 0x0112, (5, 6, 7, 8)
EXPECTED = "expected FOLDER/CLASS/IMAGE, or FOLDER/train/CLASS/IMAGE and FOLDER/test/CLASS/IMAGE"


@dataclass(frozen=True)
class _File:
    """The header of one image; `size` is (height, width) after rotation."""

    path: Path
    label: int
    size: tuple[int, int]
    grey: bool
    transparent: bool


class SkippedFiles:
    """The files that are left out, with reasons."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._foreign: list[Path] = []
        self._unreadable: list[tuple[Path, str]] = []

    def foreign(self, path: Path) -> None:
        """Add a file whose name is not that of an image."""
        self._foreign.append(path)

    def unreadable(self, path: Path, error: Exception) -> None:
        """Add an image that cannot be decoded."""
        self._unreadable.append((path, str(error).splitlines()[0] if str(error) else type(error).__name__))

    def notes(self) -> Iterator[str]:
        """Yield one line for each reason."""
        if self._foreign:
            first = self._foreign[0].relative_to(self._root)
            yield f"{_files(len(self._foreign))} with no image's name left out, the first: {first}"
        if self._unreadable:
            path, reason = self._unreadable[0]
            where = path.relative_to(self._root)
            reason = reason.replace(f"{str(path)!r}", where.name)
            yield f"{_files(len(self._unreadable))} that cannot be read left out, the first: {where} ({reason})"


def read_folder(root: Path) -> RawDataset:
    """Read the images in the folder `root`; raise `DataError` if they are not arranged as described above."""
    groups = _folders(root)
    if not groups:
        raise DataError(f"{root} has no sub-folder; {EXPECTED}")
    divided = {group.name for group in groups} == {"train", "test"}
    classes = _folders(root / "train") if divided else groups
    class_names = tuple(folder.name for folder in classes)
    if not classes:
        raise DataError(f"{root / 'train'} has no sub-folder; {EXPECTED}")
    skipped = SkippedFiles(root)
    train = list(_headers(classes, class_names, skipped))
    test = list(_headers(_folders(root / "test"), class_names, skipped)) if divided else []
    if not train:
        raise DataError("; ".join([f"{root} holds no image that can be read", *skipped.notes(), EXPECTED]))
    if divided and not test:
        raise DataError(f"{root / 'test'} holds no image that can be read; fill it, or remove it to have one set aside")
    seen = [*train, *test]
    size, treatments = _common_size(seen)
    colour = not all(file.grey for file in seen)
    if colour and (num_grey := sum(file.grey for file in seen)):
        treatments.append(f"{num_grey:,} of {len(seen):,} images are grey and were read as colour")
    if num_transparent := sum(file.transparent for file in seen):
        treatments.append(f"{num_transparent:,} of {len(seen):,} images are transparent and were laid on white")
    digest = ContentDigest(class_names)
    parts = [_pixels(files, size, colour, skipped, digest) for files in (train, test)]
    notes = (*skipped.notes(), *treatments)
    return RawDataset(parts[0], parts[1] if divided else None, class_names, digest.hexdigest(), notes)


def _folders(parent: Path) -> list[Path]:
    """Return the sub-folders sorted by name, without hidden ones and those of programs, such as __pycache__."""
    return [path for path in _entries(parent) if path.is_dir() and not path.name.startswith((".", "__"))]


def _entries(folder: Path) -> list[Path]:
    """Return what is in a folder, sorted by name; raise `DataError` if it may not be read."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error.strerror}; change its permissions, or move it away") from None


def _headers(folders: Sequence[Path], class_names: Sequence[str], skipped: SkippedFiles) -> Iterator[_File]:
    for folder in folders:
        if folder.name not in class_names:
            raise DataError(f"{folder} is no class of the training images; expected {', '.join(class_names)}")
        for path in _entries(folder):
            if path.suffix.lower() not in FORMATS or path.is_dir():
                skipped.foreign(path)
                continue
            try:
                check_readable(path, LARGEST_FILE)
                file = _header(path, class_names.index(folder.name))
            except Exception as error:  # a decoder may raise anything for a damaged file
                skipped.unreadable(path, error)
            else:
                yield file


def _header(path: Path, label: int) -> _File:
    with _opened(path) as image:
        width, height = image.size
        if image.getexif().get(ORIENTATION) in SIDEWAYS:
            width, height = height, width
        return _File(path, label, (height, width), image.mode in GREY_MODES, image.has_transparency_data)


def _opened(path: Path | io.BytesIO) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        image = Image.open(path, formats=sorted(set(FORMATS.values())))
    if image.mode in DEEP_MODES:
        image.close()
        raise ValueError(f"mode {image.mode}: more than 8 bits for each channel")
    return image


def _common_size(files: Sequence[_File]) -> tuple[tuple[int, int], list[str]]:
    """Return the common (height, width) and notes on the images that it changes."""
    counts = Counter(file.size for file in files)
    most = max(counts.values())
    frequent = min(size for size, count in counts.items() if count == most)
    size = shrunk(*frequent)
    notes = []
    if size != frequent:
        notes.append(f"images of {_by(frequent)} were shrunk to {_by(size)}, at most {MAX_EDGE} pixels a side")
    if others := len(files) - most:
        notes.append(
            f"{others:,} of {len(files):,} images had other sizes than the most frequent one, {_by(frequent)}, and "
            f"were resized to {_by(size)}"
        )
    return size, notes


def _pixels(
    files: Sequence[_File], size: tuple[int, int], colour: bool, skipped: SkippedFiles, digest: ContentDigest
) -> Labelled:
    """Decode the files to one array, and add their bytes to `digest`."""
    channels = 3 if colour else 1
    images = np.empty((len(files), *size, channels), np.uint8)
    labels: list[int] = []
    for file in files:
        try:
            content = file.path.read_bytes()
            images[len(labels)] = _decoded(file, io.BytesIO(content), size, colour)
        except Exception as error:  # a decoder may raise anything for a damaged file
            skipped.unreadable(file.path, error)
        else:
            digest.add(content, file.label)
            labels.append(file.label)
    digest.add(b"", len(labels))  # where the part ends
    channels_first = np.ascontiguousarray(images[: len(labels)].transpose(0, 3, 1, 2))
    return Labelled(torch.from_numpy(channels_first), torch.tensor(labels, dtype=torch.int64))


def _decoded(file: _File, content: io.BytesIO, size: tuple[int, int], colour: bool) -> NDArray[np.uint8]:
    """Decode the content of an image file to [H, W, C] of the common size."""
    height, width = size
    with _opened(content) as opened:
        opened.draft(None, (2 * max(size), 2 * max(size)))  # decodes a JPEG at a reduced size where possible
        image = ImageOps.exif_transpose(opened)
        if file.transparent:
            canvas = Image.new("RGBA", image.size, "white")
            canvas.alpha_composite(image.convert("RGBA"))
            image = canvas
        image = image.convert("RGB" if colour else "L")
        if image.size != (width, height):
            image = image.resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(image).reshape(height, width, -1)


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"
