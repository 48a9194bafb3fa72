"""A user's own images in a folder; see `tasks/images/readers/class_folders.py` for its arrangement.

All images get the same size and number of channels. The notes count the changes that this needs:

- Files that are not images or cannot be read are left out, and have no influence on the others.
- The common size is the most frequent one, reduced to at most `MAX_EDGE` pixels a side; other images are resized.
- If one image has colour, all are read as colour. Transparent images get a white background. Photographs are rotated
  as their EXIF orientation says.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from netwright.errors import DataError
from netwright.files import check_readable, read_whole
from netwright.image_files import LARGEST_FILE, MODES, decoded, opened_image
from netwright.tasks.identity import ContentDigest
from netwright.tasks.images.raw import MAX_EDGE, Labelled, RawDataset, shrunk
from netwright.tasks.images.readers.class_folders import (
    EXPECTED,
    Entry,
    Layout,
    SkippedFiles,
    find_layout,
    folders,
    images_of,
)

GREY_MODES = ("1", "L", "LA", "La")
ORIENTATION, SIDEWAYS = 0x0112, (5, 6, 7, 8)


@dataclass(frozen=True)
class _File:
    """The header of one image; `size` is (height, width) after rotation."""

    entry: Entry
    size: tuple[int, int]
    grey: bool
    transparent: bool


@dataclass(frozen=True)
class _Format:
    """What all images have in common after decoding; `frequent` is the most frequent (height, width)."""

    frequent: tuple[int, int]
    channels: int

    @classmethod
    def of(cls, files: Sequence[_File]) -> "_Format":
        counts = Counter(file.size for file in files)
        most = max(counts.values())
        frequent = min(size for size, count in counts.items() if count == most)
        return cls(frequent, 1 if all(file.grey for file in files) else 3)

    @property
    def size(self) -> tuple[int, int]:
        return shrunk(*self.frequent)


def read_folder(root: Path) -> RawDataset:
    """Read the images in the folder `root`; raise `DataError` if they are not arranged as `layout` describes."""
    skipped = SkippedFiles(root)
    layout = find_layout(root, skipped)
    class_names = tuple(folder.name for folder in folders(layout.train[0]))
    if not class_names:
        raise DataError(f"{layout.train[0]} has no sub-folder; {EXPECTED}")
    train = [file for part in layout.train for file in _headers(images_of(part, class_names, skipped), skipped)]
    test = [] if layout.test is None else list(_headers(images_of(layout.test, class_names, skipped), skipped))
    _check_filled(root, layout, train, test, skipped)
    while True:  # until every file was decoded that the common format was derived from
        common, digest = _Format.of([*train, *test]), ContentDigest(class_names)
        train_images, train = _pixels(train, common, skipped, digest)
        test_images, test = _pixels(test, common, skipped, digest)
        _check_filled(root, layout, train, test, skipped)
        if _Format.of([*train, *test]) == common:
            break
    notes = (*layout.notes, *skipped.notes(), *_treatments([*train, *test], common))
    divided = layout.test is not None
    return RawDataset(train_images, test_images if divided else None, class_names, digest.hexdigest(), notes)


def _check_filled(
    root: Path, layout: Layout, train: Sequence[_File], test: Sequence[_File], skipped: SkippedFiles
) -> None:
    if not train:
        raise DataError("; ".join([f"{root} holds no image that can be read", *skipped.notes(), EXPECTED]))
    if layout.test is not None and not test:
        raise DataError(f"{layout.test} holds no image that can be read; fill it, or remove it to have one set aside")


def _headers(entries: Iterable[Entry], skipped: SkippedFiles) -> Iterator[_File]:
    for entry in entries:
        try:
            file = _header(entry)
        except Exception as error:  # a decoder may raise anything for a damaged file
            skipped.unreadable(entry.path, error)
        else:
            yield file


def _header(entry: Entry) -> _File:
    check_readable(entry.path, LARGEST_FILE)
    with opened_image(entry.path) as image:
        width, height = image.size
        if image.getexif().get(ORIENTATION) in SIDEWAYS:
            width, height = height, width
        return _File(entry, (height, width), image.mode in GREY_MODES, image.has_transparency_data)


def _pixels(
    files: Sequence[_File], common: _Format, skipped: SkippedFiles, digest: ContentDigest
) -> tuple[Labelled, list[_File]]:
    """Decode the files of a part, and add their bytes to `digest`; return the images and the files that were read."""
    images = torch.empty((len(files), common.channels, *common.size), dtype=torch.uint8)
    whole: list[_File] = []
    for file in files:
        try:
            content = read_whole(file.entry.path, LARGEST_FILE)
            images[len(whole)] = decoded(content, common.size, MODES[common.channels])
        except Exception as error:  # a decoder may raise anything for a damaged file
            skipped.unreadable(file.entry.path, error)
        else:
            digest.add(content, file.entry.label)
            whole.append(file)
    digest.add(b"", len(whole))  # where the part ends
    labels = torch.tensor([file.entry.label for file in whole], dtype=torch.int64)
    return Labelled(images[: len(whole)], labels), whole


def _treatments(files: Sequence[_File], common: _Format) -> Iterator[str]:
    """Yield one note for each way in which images were changed."""
    frequent, size = common.frequent, common.size
    if num_nested := sum(file.entry.nested for file in files):
        yield f"{num_nested:,} of {len(files):,} images are in sub-folders of their class's folder"
    if size != frequent:
        yield f"images of {_by(frequent)} were shrunk to {_by(size)}, at most {MAX_EDGE} pixels a side"
    if num_others := sum(file.size != frequent for file in files):
        yield (
            f"{num_others:,} of {len(files):,} images had other sizes than the most frequent one, {_by(frequent)}, and "
            f"were resized to {_by(size)}"
        )
    if common.channels == 3 and (num_grey := sum(file.grey for file in files)):
        yield f"{num_grey:,} of {len(files):,} images are grey and were read as colour"
    if num_transparent := sum(file.transparent for file in files):
        yield f"{num_transparent:,} of {len(files):,} images are transparent and were laid on white"


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
