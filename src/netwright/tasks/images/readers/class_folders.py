"""Folders whose sub-folders are the classes.

    FOLDER/CLASS/IMAGE                                                one part
    FOLDER/train/CLASS/IMAGE, FOLDER/val/..., FOLDER/test/...         up to three parts
    FOLDER/GROUP/CLASS/IMAGE                                          nested classes, named GROUP/CLASS

The names of parts are read in any case, and `valid` and `validation` mean `val`. A class's folder may have sub-folders;
`_are_nested` decides whether these are classes themselves.
"""

import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from netwright.errors import DataError
from netwright.tasks.images.readers.listing import (
    PARTS,
    SUFFIXES,
    Divided,
    Entry,
    Listing,
    SkippedFiles,
    divided,
    some,
)

EXPECTED = (
    "expected FOLDER/CLASS/IMAGE, or FOLDER/train/CLASS/IMAGE and FOLDER/test/CLASS/IMAGE (or FOLDER/val), or a table "
    "of labels beside the images"
)


@dataclass(frozen=True)
class _Found:
    """A file with an image's name, and the folder of the first level below the part in which it lies."""

    path: Path
    group: Path


def read_class_folders(root: Path) -> Listing:
    """List the images in the folder `root`; raise `DataError` if it is not arranged as described above."""
    skipped = SkippedFiles(root)
    layout = _find_layout(root, skipped)
    groups = folders(layout.train[0])
    if not groups:
        raise DataError(f"{layout.train[0]} has no sub-folder; {EXPECTED}")
    names = tuple(group.name for group in groups)
    train = [(part, _images_of(part, names, skipped)) for part in layout.train]
    test = None if layout.test is None else (layout.test, _images_of(layout.test, names, skipped))
    notes, nested = list(layout.notes), _are_nested([found for _, images in train for found in images])
    if nested:
        part, images = train[0]
        names = tuple(sorted({_path_of(part, found) for found in images}))
        notes.append(
            f"every folder with images is a class, named by its path, such as {names[0]}; to make {groups[0].name} the "
            "class, move its images up into it"
        )
    return Listing(
        arrangement="nested folders of classes" if nested else "a folder for each class",
        class_names=names,
        train=[entry for part, images in train for entry in _entries_of(part, images, names, nested=nested)],
        test=None if test is None else _entries_of(*test, names, nested=nested),
        skipped=skipped,
        notes=tuple(notes),
        expected=EXPECTED,
        test_place=layout.test,
    )


def _are_nested(images: Sequence[_Found]) -> bool:
    """Return whether the sub-folders of a group are classes.

    They are if no image lies directly in a group, and no two groups have a sub-folder of the same name: those would
    rather be the sessions or persons of each class.
    """
    leaves = {found.path.parent for found in images}
    groups = {found.group for found in images}
    if not leaves or leaves & groups or len(leaves) == len(groups):
        return False
    return len({leaf.name for leaf in leaves}) == len(leaves)


def _path_of(part: Path, found: _Found) -> str:
    return found.path.parent.relative_to(part).as_posix()


def _entries_of(part: Path, images: Sequence[_Found], names: Sequence[str], *, nested: bool) -> list[Entry]:
    labels = {name: label for label, name in enumerate(names)}
    if not nested:
        return [Entry(each.path, labels[each.group.name], each.path.parent != each.group) for each in images]
    for each in images:
        if _path_of(part, each) not in labels:
            raise DataError(f"{each.path.parent} is no class of the training images; expected {some(names)}")
    return [Entry(each.path, labels[_path_of(part, each)]) for each in images]


def _find_layout(root: Path, skipped: SkippedFiles) -> Divided[Path]:
    """Find the folders whose sub-folders are the classes: those of the training parts and that of the test part."""
    groups = folders(root)
    if not groups:
        files = [path.name for path in entries(root) if not path.name.startswith(".")]
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
        return Divided((root,), None)
    if others:
        raise DataError(
            f"{root} has {_names(named)} for parts of the data, and beside them {_names(others)}; expected train, val "
            f"and test alone: move {others[0].name} away, or rename {named[0].name} if it is a class"
        )
    return _in_parts(root, folders(root, skipped))


def _in_parts(root: Path, named: Sequence[Path]) -> Divided[Path]:
    parts: dict[str, Path] = {}
    for group in named:
        part = PARTS[group.name.casefold()]
        if part in parts:
            raise DataError(f"{root} has both {parts[part].name} and {group.name}; rename or remove one of them")
        parts[part] = group
    found = divided(root, parts)
    notes = [f"{group.name} was read as {part}" for part, group in parts.items() if group.name != part]
    return Divided(found.train, found.test, (*notes, *found.notes))


def folders(parent: Path, skipped: SkippedFiles | None = None) -> list[Path]:
    """Return the sub-folders sorted by name, without hidden ones and those of programs, such as __pycache__.

    Args:
        parent: The folder.
        skipped: Receives everything else in it but what is hidden.
    """
    found = []
    skipped = skipped or SkippedFiles(parent)
    for path in entries(parent):
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


def _images_of(part: Path, class_names: Sequence[str], skipped: SkippedFiles) -> list[_Found]:
    """Return the files with an image's name in a part, ordered by the folder of the first level and name.

    Raises:
        DataError: A sub-folder has no counterpart in the training part, or cannot be read.
    """
    found = []
    for folder in folders(part, skipped):
        if folder.name not in class_names:
            raise DataError(f"{folder} is no class of the training images; expected {', '.join(class_names)}")
        for path in files_below(folder, skipped):
            if path.suffix.lower() in SUFFIXES:
                found.append(_Found(path, folder))
            else:
                skipped.foreign(path)
    return found


def files_below(folder: Path, skipped: SkippedFiles) -> Iterator[Path]:
    """Yield all files below `folder`; each folder is read once, so that links cannot lead in a circle."""
    above = folder.resolve()
    read, pending = {above}, entries(folder)[::-1]
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
            pending += entries(path)[::-1]


def _is_folder(path: Path) -> bool:
    return stat.S_ISDIR(path.stat().st_mode)


def _is_hidden(path: Path) -> bool:
    return path.name.startswith((".", "__"))


def entries(folder: Path) -> list[Path]:
    """Return what is in a folder, sorted by name; raise `DataError` if it may not be read."""
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {error.strerror}; change its permissions, or move it away") from None


def _names(folders: Sequence[Path]) -> str:
    return some(folder.name for folder in folders)
