"""The arrangement of a user's image files: which folders are classes, which are parts, and what is left out.

    FOLDER/CLASS/IMAGE                                                one part
    FOLDER/train/CLASS/IMAGE, FOLDER/val/..., FOLDER/test/...         up to three parts

The names of parts are read in any case, and `valid` and `validation` mean `val`. A class's folder may have sub-folders.
"""

import errno
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from netwright.errors import DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
PARTS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
"""The parts by the names of their folders in small letters."""
EXPECTED = "expected FOLDER/CLASS/IMAGE, or FOLDER/train/CLASS/IMAGE and FOLDER/test/CLASS/IMAGE (or FOLDER/val)"
SKIPPED = {
    "1 file outside the classes' folders": "files outside the classes' folders",
    "1 file with no image's name": "files with no image's name",
    "1 link to a folder that contains it or is read already": "links to folders that contain them or are read already",
    "1 broken link": "broken links",
    "1 file that cannot be read": "files that cannot be read",
}
"""What is left out: one, and several."""
BROKEN_LINK = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


@dataclass(frozen=True)
class Entry:
    """A file with an image's name; `nested` if it lies in a sub-folder of its class's folder."""

    path: Path
    label: int
    nested: bool


@dataclass(frozen=True)
class Layout:
    """The folders whose sub-folders are the classes: of the training part, and of the test part if there is one."""

    train: tuple[Path, ...]
    test: Path | None = None
    notes: tuple[str, ...] = ()


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
        self._found[one].append(f"{path.relative_to(self._root)}{details}")


def find_layout(root: Path, skipped: SkippedFiles) -> Layout:
    """Find the parts in the folder `root`; raise `DataError` if it is not arranged as described above."""
    groups = folders(root)
    if not groups:
        files = [path.name for path in _entries(root) if not path.name.startswith(".")]
        held = f" and {len(files):,} other entries, the first: {files[0]}" if files else ""
        raise DataError(f"{root} has no sub-folder{held}; {EXPECTED}")
    named = [group for group in groups if group.name.casefold() in PARTS]
    others = [group for group in groups if group not in named]
    if not named or (others and not any(folders(group) for group in named)):
        if len(groups) == 1 and (inner := folders(groups[0])):
            raise DataError(
                f"{root} has a single sub-folder, {groups[0].name}, and that has {inner[0].name} and {len(inner) - 1} "
                f"more; if those are the classes or parts, give --data {groups[0]}"
            )
        return Layout((root,))
    if others:
        raise DataError(
            f"{root} has {_names(named)} for parts of the data, and beside them {_names(others)}; expected train, val "
            f"and test alone: move {others[0].name} away, or rename {named[0].name} if it is a class"
        )
    return _divided(root, folders(root, skipped))


def _divided(root: Path, named: Sequence[Path]) -> Layout:
    parts: dict[str, Path] = {}
    for group in named:
        part = PARTS[group.name.casefold()]
        if part in parts:
            raise DataError(f"{root} has both {parts[part].name} and {group.name}; rename or remove one of them")
        parts[part] = group
    if "train" not in parts:
        raise DataError(f"{root} has {_names(named)} and no train; the training part has to be called train")
    train, validation, test = parts["train"], parts.get("val"), parts.get("test")
    notes = [f"{group.name} was read as {part}" for part, group in parts.items() if group.name != part]
    if validation is None:
        return Layout((train,), test, tuple(notes))
    if test is None:
        return Layout((train,), validation, (*notes, "val is the test set, and no search uses it"))
    note = "the images of val were added to train; validation images are chosen at random from both"
    return Layout((train, validation), test, (*notes, note))


def folders(parent: Path, skipped: SkippedFiles | None = None) -> list[Path]:
    """Return the sub-folders sorted by name, without hidden ones and those of programs, such as __pycache__.

    Args:
        parent: The folder.
        skipped: Receives everything else in it but what is hidden.
    """
    found = []
    skipped = skipped or SkippedFiles(parent)
    for path in _entries(parent):
        if _is_hidden(path):
            continue
        try:
            is_folder = _is_folder(path)
        except OSError as error:
            skipped.unreadable(path, error)
            continue
        if not is_folder:
            skipped.outside(path)
        elif parent.resolve().is_relative_to(path.resolve()):
            skipped.circular(path)
        else:
            found.append(path)
    return found


def images_of(part: Path, class_names: Sequence[str], skipped: SkippedFiles) -> Iterator[Entry]:
    """Yield the files with an image's name in a part, ordered by class and name.

    Args:
        part: The folder whose sub-folders are classes.
        class_names: The classes in the order of their labels.
        skipped: Receives all other entries.

    Raises:
        DataError: A sub-folder is no class, or cannot be read.
    """
    for folder in folders(part, skipped):
        if folder.name not in class_names:
            raise DataError(f"{folder} is no class of the training images; expected {', '.join(class_names)}")
        for path in _files(folder, skipped):
            if path.suffix.lower() in SUFFIXES:
                yield Entry(path, class_names.index(folder.name), nested=path.parent != folder)
            else:
                skipped.foreign(path)


def _files(folder: Path, skipped: SkippedFiles) -> Iterator[Path]:
    """Yield all files below `folder`; each folder is read once, so that links cannot lead in a circle."""
    above = folder.resolve()
    read, pending = {above}, _entries(folder)[::-1]
    while pending:
        path = pending.pop()
        try:
            is_folder = _is_folder(path)
        except OSError as error:
            skipped.unreadable(path, error)
            continue
        if not is_folder:
            yield path
        elif not _is_hidden(path):
            leads_to = path.resolve()
            if leads_to in read or above.is_relative_to(leads_to):
                skipped.circular(path)
                continue
            read.add(leads_to)
            pending += _entries(path)[::-1]


def _is_folder(path: Path) -> bool:
    return stat.S_ISDIR(path.stat().st_mode)


def _is_hidden(path: Path) -> bool:
    return path.name.startswith((".", "__"))


def _entries(folder: Path) -> list[Path]:
    """Return what is in a folder, sorted by name; raise `DataError` if it may not be read."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error.strerror}; change its permissions, or move it away") from None


def _names(folders: Sequence[Path]) -> str:
    shown = [folder.name for folder in folders[:5]]
    return ", ".join(shown) + (f" and {len(folders) - 5} more" if len(folders) > 5 else "")
