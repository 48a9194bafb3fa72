"""From a list of image files to pixels.

All images get the same size and number of channels. The notes count the changes that this needs:

- Files that are not images or cannot be read are left out, and have no influence on the others.
- The common size is the most frequent one, reduced to at most `edge` pixels a side; other images are resized.
- If one image has colour, all are read as colour. Transparent images get a white background. Photographs are rotated
  as their EXIF orientation says.

Files are decoded by several threads, in which Pillow runs without Python's lock; the result does not depend on them.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from netwright.errors import DataError
from netwright.image_files import MODES, decoded, opened_image
from netwright.tasks.identity import ContentDigest
from netwright.tasks.images.raw import Labelled, Progress, RawDataset, by, check_memory, shrinking_note, shrunk
from netwright.tasks.images.readers.listing import Entry, Listing, SkippedFiles
from netwright.tasks.images.understood import Sizes

GREY_MODES = ("1", "L", "LA", "La")
ORIENTATION, SIDEWAYS = 0x0112, (5, 6, 7, 8)
MOST_THREADS = 8
NUM_AHEAD = 128
"""Files that are read before their pixels are stored, which bounds the memory that their bytes take."""
Result = TypeVar("Result")
_KEPT: dict[tuple[object, ...], RawDataset] = {}
"""What the next call takes over, if anything."""


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
    edge: int

    @classmethod
    def of(cls, files: Sequence[_File], edge: int) -> "_Format":
        counts = Counter(file.size for file in files)
        most = max(counts.values())
        frequent = min(size for size, count in counts.items() if count == most)
        return cls(frequent, 1 if all(file.grey for file in files) else 3, edge)

    @property
    def size(self) -> tuple[int, int]:
        return shrunk(*self.frequent, self.edge)


def decode(root: Path, listing: Listing, edge: int, progress: Progress, *, keep: bool = False) -> RawDataset:
    """Decode the images of a listing.

    Args:
        root: Where they were listed, for messages.
        listing: The images.
        edge: Pixels of the longer side at most.
        progress: Called after every image.
        keep: Whether the next call takes over the result if it has the same arguments and the files are the same. A
            recipe is fitted to images just before they are opened for the search.

    Raises:
        DataError: No image of a part can be read, or all together take too much memory.
    """
    state = _state_of(root, listing, edge)
    kept = _KEPT.pop(state, None) if state else None
    _KEPT.clear()
    result = kept or _decoded(root, listing, edge, progress)
    if keep and state:
        _KEPT[state] = result
    return result


def _state_of(root: Path, listing: Listing, edge: int) -> tuple[object, ...] | None:
    """Return what tells whether the same files would be decoded again; None if they are no files of their own."""
    parts = (listing.train, listing.test or ())
    if any(entry.content is not None for part in parts for entry in part):
        return None
    return (root, edge, listing.class_names, listing.notes, *listing.skipped.notes(), *(
        tuple((entry.path, entry.label, _stamp(entry.path)) for entry in part) for part in parts
    ))  # fmt: skip


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        about = path.stat()
    except OSError:
        return ()
    return about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns


def _decoded(root: Path, listing: Listing, edge: int, progress: Progress) -> RawDataset:
    skipped, has_test = listing.skipped, listing.test is not None
    train = _headers(listing.train, skipped)
    test = _headers(listing.test or (), skipped)
    _check_filled(root, listing, train, test)
    total, ended = len(train) + len(test), count(1)

    def on_file() -> None:
        progress("decoding", min(next(ended), total), total)

    while True:  # until every file was decoded that the common format was derived from
        common, digest = _Format.of([*train, *test], edge), ContentDigest(listing.class_names)
        check_memory(root, len(train) + len(test), common.channels, common.size)
        train_images, train = _pixels(train, common, skipped, digest, on_file)
        test_images, test = _pixels(test, common, skipped, digest, on_file)
        _check_filled(root, listing, train, test)
        if _Format.of([*train, *test], edge) == common:
            break
    files = [*train, *test]
    left_out = tuple(skipped.notes())
    return RawDataset(
        train_images,
        test_images if has_test else None,
        listing.class_names,
        digest.hexdigest(),
        notes=(*listing.notes, *left_out, *_treatments(files, common)),
        arrangement=listing.arrangement,
        sizes=Sizes.of([file.size for file in files]),
        left_out=left_out,
    )


def _check_filled(root: Path, listing: Listing, train: Sequence[_File], test: Sequence[_File]) -> None:
    if not train:
        reasons = [f"{root} holds no image that can be read", *listing.skipped.notes(), listing.expected]
        raise DataError("; ".join(filter(None, reasons)))
    if listing.test is not None and not test:
        place = listing.test_place or "the test part"
        raise DataError(f"{place} holds no image that can be read; fill it, or remove it to have one set aside")


def _in_threads(
    function: Callable[[Entry], Result], given: Sequence[Entry]
) -> Iterator[tuple[Entry, Result | Exception]]:
    """Yield the result of `function`, or what it raised, for each of the entries in their order."""

    def caught(entry: Entry) -> Result | Exception:
        try:
            return function(entry)
        except Exception as error:  # a decoder may raise anything for a damaged file
            return error

    with ThreadPoolExecutor(min(MOST_THREADS, len(os.sched_getaffinity(0)))) as pool:
        for start in range(0, len(given), NUM_AHEAD):
            ahead = given[start : start + NUM_AHEAD]
            yield from zip(ahead, pool.map(caught, ahead), strict=True)


def _headers(entries: Sequence[Entry], skipped: SkippedFiles) -> list[_File]:
    files = []
    for entry, found in _in_threads(_header, entries):
        if isinstance(found, Exception):
            skipped.unreadable(entry.path, found)
        else:
            files.append(found)
    return files


def _header(entry: Entry) -> _File:
    with opened_image(entry.source) as image:
        width, height = image.size
        if image.getexif().get(ORIENTATION) in SIDEWAYS:
            width, height = height, width
        return _File(entry, (height, width), image.mode in GREY_MODES, image.has_transparency_data)


def _content_and_pixels(common: _Format, entry: Entry) -> tuple[bytes, Tensor]:
    content = entry.read()
    return content, decoded(content, common.size, MODES[common.channels])


def _pixels(
    files: Sequence[_File],
    common: _Format,
    skipped: SkippedFiles,
    digest: ContentDigest,
    on_file: Callable[[], None],
) -> tuple[Labelled, list[_File]]:
    """Decode the files of a part, and add their bytes to `digest`; return the images and the files that were read."""
    images = torch.empty((len(files), common.channels, *common.size), dtype=torch.uint8)
    whole: list[_File] = []
    results = _in_threads(partial(_content_and_pixels, common), [file.entry for file in files])
    for file, (entry, found) in zip(files, results, strict=True):
        if isinstance(found, Exception):
            skipped.unreadable(entry.path, found)
        else:
            content, images[len(whole)] = found
            digest.add(content, entry.label)
            whole.append(file)
        on_file()
    digest.add(b"", len(whole))  # where the part ends
    labels = torch.tensor([file.entry.label for file in whole], dtype=torch.int64)
    return Labelled(images[: len(whole)], labels), whole


def _treatments(files: Sequence[_File], common: _Format) -> Iterator[str]:
    """Yield one note for each way in which images were changed."""
    frequent, size = common.frequent, common.size
    if num_nested := sum(file.entry.nested for file in files):
        yield f"{num_nested:,} of {len(files):,} images are in sub-folders of their class's folder"
    if size != frequent:
        yield shrinking_note(frequent, size, common.edge)
    if num_others := sum(file.size != frequent for file in files):
        yield (
            f"{num_others:,} of {len(files):,} images had other sizes than the most frequent one, {by(frequent)}, and "
            f"were resized to {by(size)}"
        )
    if common.channels == 3 and (num_grey := sum(file.grey for file in files)):
        yield f"{num_grey:,} of {len(files):,} images are grey and were read as colour"
    if num_transparent := sum(file.transparent for file in files):
        yield f"{num_transparent:,} of {len(files):,} images are transparent and were laid on white"
