"""What every reader of image files returns: which images there are, with their labels, and what is left out."""

import errno
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from netwright.errors import DataError
from netwright.files import check_readable, read_whole
from netwright.image_files import LARGEST_FILE

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
PARTS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
"""The parts by the names of their folders in small letters."""
SKIPPED = {
    "1 file outside the classes' folders": "files outside the classes' folders",
    "1 file with no image's name": "files with no image's name",
    "1 link to a folder that contains it or is read already": "links to folders that contain them or are read already",
    "1 broken link": "broken links",
    "1 file that cannot be read": "files that cannot be read",
    "1 image without a label": "images without a label",
    "1 row whose image is missing": "rows whose images are missing",
    "1 table that was not read": "tables that were not read",
}
"""What is left out: one, and several."""
Part = TypeVar("Part")
BROKEN_LINK = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


@dataclass(frozen=True)
class Entry:
    """An image that has a label; `nested` if it lies in a sub-folder of its class's folder."""

    path: Path
    """The file, or the name of the image in messages if `content` is not None."""
    label: int
    nested: bool = False
    content: bytes | None = None
    """The encoded image if it is no file of its own."""

    @property
    def source(self) -> bytes | Path:
        """What to read the header from; raises `OSError` if the file is no regular file or too large."""
        if self.content is not None:
            return self.content
        check_readable(self.path, LARGEST_FILE)
        return self.path

    def read(self) -> bytes:
        """Return the encoded image."""
        return read_whole(self.path, LARGEST_FILE) if self.content is None else self.content


class SkippedFiles:
    """Everything that is left out, with reasons."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._found: dict[str, list[str]] = {one: [] for one in SKIPPED}

    def foreign(self, path: Path) -> None:
        """Add a file whose name is not that of an image."""
        self._add("1 file with no image's name", path)

    def outside(self, path: Path) -> None:
        """Add a file that lies beside the folders of the classes or parts."""
        self._add("1 file outside the classes' folders", path)

    def circular(self, path: Path) -> None:
        """Add a link to a folder that contains the link, or that is read anyway."""
        self._add("1 link to a folder that contains it or is read already", path)

    def unlabelled(self, path: Path) -> None:
        """Add an image that has no label."""
        self._add("1 image without a label", path)

    def missing(self, table: Path, name: str) -> None:
        """Add a row of a table that names no image of the folder."""
        self._add("1 row whose image is missing", table, f" ({name})")

    def unread_table(self, path: Path, reason: str) -> None:
        """Add a table that has no influence."""
        self._add("1 table that was not read", path, f" ({reason})")

    def unreadable(self, path: Path, error: Exception) -> None:
        """Add an entry that cannot be read or decoded; a link that leads nowhere is called that."""
        if isinstance(error, OSError) and error.errno in BROKEN_LINK and path.is_symlink():
            self._add("1 broken link", path, f" (leads to {path.readlink()})")
            return
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        reason = reason.replace(f"{str(path)!r}", path.name)
        self._add("1 file that cannot be read", path, f" ({reason})")

    def notes(self) -> Iterator[str]:
        """Yield one line for each reason."""
        for one, found in self._found.items():
            if found:
                what = one if len(found) == 1 else f"{len(found):,} {SKIPPED[one]}"
                yield f"{what} left out, the first: {found[0]}"

    def _add(self, one: str, path: Path, details: str = "") -> None:
        shown = path.relative_to(self._root) if path.is_relative_to(self._root) else path
        self._found[one].append(f"{shown}{details}")


@dataclass(frozen=True)
class Listing:
    """The images of a training part and of a test part, not decoded yet, in the order in which they are read."""

    arrangement: str
    """In words, such as "one folder for each class"."""
    class_names: tuple[str, ...]
    train: Sequence[Entry]
    test: Sequence[Entry] | None
    """None if a test part has to be set aside."""
    skipped: SkippedFiles
    notes: tuple[str, ...] = ()
    expected: str = ""
    """The arrangement that the error for an empty training part asks for."""
    test_place: Path | None = None
    """Where the test part is, for messages."""


@dataclass(frozen=True)
class Divided(Generic[Part]):
    """The parts of the data as they are used: one or two for training, and one or none for the test."""

    train: tuple[Part, ...]
    test: Part | None
    notes: tuple[str, ...] = ()


def divided(root: Path | str, parts: Mapping[str, Part]) -> Divided[Part]:
    """Decide what the parts train, val and test are used for.

    Raises:
        DataError: There is no part to train on.
    """
    if "train" not in parts:
        raise DataError(f"{root} has {', '.join(parts)} and no train; the training part has to be called train")
    train, validation, test = parts["train"], parts.get("val"), parts.get("test")
    if validation is None:
        return Divided((train,), test)
    if test is None:
        return Divided((train,), validation, ("val is the test set, and no search uses it",))
    note = "the images of val were added to train; validation images are chosen at random from both"
    return Divided((train, validation), test, (note,))


def some(names: Iterable[str], most: int = 5) -> str:
    """Return the first names, and how many more there are."""
    every = list(names)
    return (", ".join(every[:most]) or "none") + (f" and {len(every) - most:,} more" if len(every) > most else "")
