"""Images with a table of labels beside them, as on Kaggle and in the `imagefolder` of the Hugging Face Hub.

    FOLDER/TABLE.csv with a column of file names and a column of labels, and the images anywhere below FOLDER
    FOLDER/train.csv and FOLDER/test.csv: a table for each part
    FOLDER/metadata.csv or .jsonl, also in FOLDER/train, ...: the columns file_name, and label, labels or class

A file name may be a path below the folder or the name of a file there, with or without its suffix. A name that leaves
the folder is refused. The parts come from a column such as `split`, from the names of the tables, or from folders
called like parts.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from netwright.errors import DataError
from netwright.tasks.images.readers.class_folders import files_below
from netwright.tasks.images.readers.listing import PARTS, SUFFIXES, Entry, Listing, SkippedFiles, divided, some
from netwright.tasks.images.readers.table import Table, read_table, sample

METADATA = ("metadata.csv", "metadata.jsonl")
FILE_COLUMNS = (
    "file_name", "filename", "file", "filepath", "filepaths", "file_path", "path", "image", "image_id", "image_name",
    "image_path", "img", "id",
)  # fmt: skip
LABEL_COLUMNS = ("label", "labels", "class", "class_name", "category", "target")
PART_COLUMNS = ("split", "part", "subset", "set", "data set", "dataset")
NUM_TRIED = 200
"""Rows that decide which column has the names of the images."""
MOST_INTEGER_DIGITS = 18


class Images:
    """The image files below a folder, found by path or name; links that lead out of the folder are not followed."""

    def __init__(self, root: Path, skipped: SkippedFiles) -> None:
        self.root, top = root, root.resolve()
        self.paths = [path for path in files_below(root, skipped) if path.suffix.lower() in SUFFIXES]
        self._outside = {path for path in self.paths if not path.resolve().is_relative_to(top)}
        self._found: dict[str, list[Path]] = {}
        for path in self.paths:
            inner = path.relative_to(root)
            for key in {inner.as_posix(), inner.with_suffix("").as_posix(), path.name, path.stem}:
                self._found.setdefault(key, []).append(path)

    def find(self, name: str, stem: str = "") -> Path | None:
        """Return the image that a cell names, or None.

        Args:
            name: The cell.
            stem: The name of the table, which decides among several images: train.csv is about those in `train`.

        Raises:
            DataError: Several images have the name, or it is that of a link that leads out of the folder.
        """
        found = self._found.get(name.strip().removeprefix("./"), [])
        if len(found) > 1:
            exact = [path for path in found if path.relative_to(self.root).as_posix() == name.strip()]
            inside = [
                path for path in found if stem and path.relative_to(self.root).parts[0].casefold().startswith(stem)
            ]
            found = next((paths for paths in (exact, inside) if len(paths) == 1), found)
        if len(found) > 1:
            names = some(path.relative_to(self.root).as_posix() for path in found)
            raise DataError(f"{name!r} is the name of {len(found)} images, {names}; write their paths into the table")
        if found and found[0] in self._outside:
            raise DataError(f"{found[0]} is a link that leads out of the folder; put the image itself there")
        return found[0] if found else None

    def has(self, name: str) -> bool:
        """Return whether a cell names one or more images."""
        return name.strip().removeprefix("./") in self._found


@dataclass(frozen=True)
class Labels:
    """A table with the columns that matter."""

    table: Table
    files: str
    labels: str
    parts: str | None
    """The column of parts."""


@dataclass(frozen=True)
class Unnumbered:
    """An image with the name of its class; see `Entry`."""

    path: Path
    label: str
    content: bytes | None = None


def metadata_in(root: Path) -> list[Path]:
    """Return the metadata files of the Hub in a folder, or in its folders that are called like parts."""
    places = [root, *(path for path in sorted(root.iterdir()) if path.name.casefold() in PARTS and path.is_dir())]
    return [place / name for place in places for name in METADATA if (place / name).is_file()]


def understand(table: Table, images: Images) -> Labels:
    """Find the columns of file names, of labels and of parts.

    Raises:
        DataError: There is no such column, or more than one that could be meant.
    """
    files = _file_column(table, images)
    parts = next((name for name in table.named(PART_COLUMNS) if _are_parts(table.column(name))), None)
    others = [name for name in table.columns if name not in (files, parts)]
    return Labels(table, files, _label_column(table, others), parts)


def _are_parts(cells: Iterable[str]) -> bool:
    return all(each.strip().casefold() in PARTS for each in cells)


def _file_column(table: Table, images: Images) -> str:
    tried = table.rows[:NUM_TRIED]
    hits = {
        name: len({row[number] for row in tried if images.has(row[number])})
        for number, name in enumerate(table.columns)
    }
    named = table.named(FILE_COLUMNS)
    most = max(hits.values())
    candidates = [name for name, count in hits.items() if count and 2 * count > most]
    if not candidates:
        for name in named:
            check_inside(table, name)
        shown = "; ".join(f"{name}: {sample(table, name)}" for name in table.columns[:5])
        raise DataError(
            f"{table.path} has no column with names of the {len(images.paths):,} images below {images.root} (its "
            f"columns begin with {shown}); expected a first line with the names of the columns, and the names of the "
            "images in one of them"
        )
    preferred = [name for name in named if name in candidates]
    if not preferred and len(candidates) > 1:
        raise DataError(f"{table.path}: the columns {some(candidates)} all have names of images; call one file_name")
    return (preferred or candidates)[0]


def check_inside(table: Table, column: str) -> None:
    """Refuse names of files that are absolute or lead out of the folder of the table."""
    for name, line in zip(table.column(column), table.lines, strict=True):
        paths = PurePosixPath(name.strip()), PureWindowsPath(name.strip())
        if any(path.is_absolute() or path.drive or ".." in path.parts for path in paths):
            raise DataError(
                f"{table.path}: line {line:,} names {name[:100]!r}, which is outside the folder; expected a path below "
                "the folder"
            )


def _label_column(table: Table, columns: Sequence[str]) -> str:
    named = [name for name in table.named(LABEL_COLUMNS) if name in columns]
    if not named:
        # What has a value for each row, such as a number of a patient or a caption, is no class.
        named = [name for name in columns if 2 <= len(set(table.column(name))) <= len(table.rows) // 2]
    candidates = _one_of_equals(table, named)
    if len(candidates) > 1:
        raise DataError(
            f"{table.path}: the columns {some(candidates)} could be the labels; call the one that is meant label, or "
            "remove the others"
        )
    if not candidates:
        raise DataError(
            f"{table.path} has no column of labels beside the images' names, only {some(columns)}; expected a column "
            "called label"
        )
    return candidates[0]


def _one_of_equals(table: Table, columns: Sequence[str]) -> list[str]:
    """Leave out columns that number the classes of another column; of such a group the one with names stays."""
    kept: list[str] = []
    for name in sorted(columns, key=lambda name: all(_is_integer(cell) for cell in table.column(name))):
        cells = table.column(name)
        if not any(_correspond(cells, table.column(other)) for other in kept):
            kept.append(name)
    return [name for name in columns if name in kept]


def _correspond(cells: Sequence[str], others: Sequence[str]) -> bool:
    pairs = set(zip(cells, others, strict=True))
    return len(pairs) == len(set(cells)) == len(set(others))


def _is_integer(text: str) -> bool:
    digits = text.strip().removeprefix("-")
    return digits.isascii() and digits.isdigit() and len(digits) <= MOST_INTEGER_DIGITS


def class_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Return the different labels: numbers by value, and other names as folders are ordered."""
    names = set(labels)
    return tuple(sorted(names, key=lambda name: (int(name), name)) if all(map(_is_integer, names)) else sorted(names))


def read_labels(root: Path, tables: Sequence[Path]) -> Listing:
    """List the images below `root` that the tables name; the tables of several parts are called like these.

    Raises:
        DataError: A table does not say which image has which label, or names a file outside the folder.
    """
    skipped = SkippedFiles(root)
    images = Images(root, skipped)
    understood = [understand(read_table(path), images) for path in tables]
    return listed(root, understood, images, skipped)


def listed(root: Path, tables: Sequence[Labels], images: Images, skipped: SkippedFiles) -> Listing:
    """List the images that the tables name; the arguments are those that belong together by `understand`."""
    labelled: dict[Path, tuple[str, str]] = {}
    for each in tables:
        _add_rows(root, each, images, skipped, labelled)
    for path in images.paths:
        if path not in labelled:
            skipped.unlabelled(path)
    parts: dict[str, list[Unnumbered]] = {}
    for path in sorted(labelled):
        label, part = labelled[path]
        parts.setdefault(part, []).append(Unnumbered(path, label))
    if len(parts) == 1:  # a lone folder of images may have any name
        parts = {"train": next(iter(parts.values()))}
    return arranged(root, parts, skipped, _described(tables))


def _described(tables: Sequence[Labels]) -> str:
    shown = some(f"{each.table.path.name} ({each.files}, {each.labels})" for each in tables)
    return f"images with labels in {shown}"


def arranged(
    root: Path | str,
    parts: Mapping[str, Sequence[Unnumbered]],
    skipped: SkippedFiles,
    arrangement: str,
    names: Sequence[str] = (),
) -> Listing:
    """Number the classes of images in parts.

    Args:
        root: What messages call the data.
        parts: The images of train, val and test.
        skipped: What was left out.
        arrangement: How the data is arranged, in words.
        names: The classes in the order of their numbers, if the data has an order.

    Raises:
        DataError: No image has a label, or a label has no training image.
    """
    if not parts:
        reasons = "; ".join(skipped.notes())
        raise DataError(f"{root}: no image has a label{f' ({reasons})' if reasons else ''}; expected one in each row")
    found = divided(root, parts)
    class_names = tuple(names) or class_order(each.label for part in found.train for each in part)
    numbers = {name: number for number, name in enumerate(class_names)}

    def entries(part: Sequence[Unnumbered]) -> list[Entry]:
        for each in part:
            if each.label not in numbers:
                raise DataError(
                    f"{each.path} has the label {each.label!r}, and no training image has it; expected "
                    f"{some(class_names)}"
                )
        return [Entry(each.path, numbers[each.label], content=each.content) for each in part]

    return Listing(
        arrangement=arrangement,
        class_names=class_names,
        train=[entry for part in found.train for entry in entries(part)],
        test=None if found.test is None else entries(found.test),
        skipped=skipped,
        notes=found.notes,
    )


def _add_rows(
    root: Path, labels: Labels, images: Images, skipped: SkippedFiles, labelled: dict[Path, tuple[str, str]]
) -> None:
    """Add the label and the part of every image of a table to `labelled`."""
    table, place = labels.table, labels.table.path.parent
    check_inside(table, labels.files)
    stem = table.path.stem.casefold()
    is_metadata = table.path.name in METADATA
    given_parts = table.column(labels.parts) if labels.parts else [""] * len(table.rows)
    rows = zip(table.column(labels.files), table.column(labels.labels), given_parts, table.lines, strict=True)
    for name, label, given, line in rows:
        if is_metadata and place != root:  # the names are relative to the folder of the metadata
            name = f"{place.relative_to(root).as_posix()}/{name}"
        path = images.find(name, stem)
        if path is None:
            skipped.missing(table.path, f"line {line:,}: {name[:100]}")
            continue
        if not label.strip():
            continue
        first = path.relative_to(root).parts[0].casefold()
        word = re.split(r"[\W_]+", first)[0]  # that of test_images is test
        part = PARTS.get(given.strip().casefold()) or PARTS.get(stem) or PARTS.get(word, "train")
        if table.path.suffix.lower() == ".jsonl" and label.startswith(("[", "{")):
            raise DataError(f"{table.path}: line {line:,} has {label[:100]} as label; expected a single one")
        before = labelled.setdefault(path, (label.strip(), part))
        if before != (label.strip(), part):
            raise DataError(
                f"{table.path}: line {line:,} gives {path.name} the label {label.strip()!r} in {part}, and it has "
                f"{before[0]!r} in {before[1]} already; expected one label for each image"
            )
