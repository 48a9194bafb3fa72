"""A folder of images whose arrangement has to be found: classes as folders, or a table of labels beside the images."""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from netwright.errors import DataError, command
from netwright.tasks.images.readers.class_folders import entries, read_class_folders
from netwright.tasks.images.readers.labels import METADATA, Images, Labels, listed, metadata_in, understand
from netwright.tasks.images.readers.listing import PARTS, Listing, SkippedFiles, some
from netwright.tasks.images.readers.table import TABLES, read_table

DUMMIES = ("sample_submission", "samplesubmission")
"""Tables of Kaggle whose labels are placeholders, by the start of their names in small letters."""
POOLS = {
    *PARTS, "training", "testing", "image", "images", "img", "imgs", "photo", "photos", "picture", "pictures", "jpg",
    "jpeg", "png", "data", "all", "resized",
}  # fmt: skip
"""Words in the names of folders whose images a table labels."""


def read_directory(root: Path) -> Listing:
    """List the images in a folder.

    Metadata of the Hub has precedence over folders, and folders over any other table.

    Raises:
        DataError: Neither folders nor a table say which image has which label, or they contradict each other.
    """
    tables = metadata_in(root) or [path for path in entries(root) if _is_table(path)]
    try:
        by_folders = read_class_folders(root)
    except DataError:
        if not tables:
            raise
        by_folders = None
    if not tables:
        assert by_folders is not None
        return by_folders
    has_folders = by_folders is not None and len(by_folders.class_names) > 1 and not _are_pools(by_folders)
    skipped = SkippedFiles(root)
    images = Images(root, skipped)
    usable, reasons = _understood(tables, images)
    if by_folders is not None and has_folders:
        if not usable:
            return by_folders
        if usable[0].table.path.name not in METADATA:
            _check_agreement(root, usable, images)
            return by_folders
    if not usable:
        raise next(iter(reasons.values()))
    _check_parts(root, usable)
    for path in reasons:
        skipped.unread_table(path, "it has no labels of images")
    return listed(root, usable, images, skipped)


def _are_pools(listing: Listing) -> bool:
    """Return whether the names of the folders say that they are no classes, such as images and test_images."""
    return all(not set(re.split(r"[\W_]+", name.casefold())) - POOLS for name in listing.class_names)


def _is_table(path: Path) -> bool:
    name = path.name.casefold()
    return path.suffix.lower() in TABLES and not name.startswith((".", *DUMMIES)) and path.is_file()


def _understood(tables: Sequence[Path], images: Images) -> tuple[list[Labels], dict[Path, DataError]]:
    """Return the tables that can be used, and why the others cannot."""
    usable: list[Labels] = []
    reasons: dict[Path, DataError] = {}
    for path in tables:
        try:
            usable.append(understand(read_table(path), images))
        except DataError as error:
            reasons[path] = error
    return usable, reasons


def _check_agreement(root: Path, tables: Sequence[Labels], images: Images) -> None:
    """Refuse folders of which a table says that their images are of several classes."""
    for each in tables:
        labels: dict[str, set[str]] = defaultdict(set)
        for name, label in zip(each.table.column(each.files), each.table.column(each.labels), strict=True):
            if images.has(name) and (path := images.find(name, each.table.path.stem.casefold())):
                labels[path.parent.relative_to(root).as_posix()].add(label)
        mixed = [folder for folder, found in labels.items() if len(found) > 1]
        if mixed:
            raise DataError(
                f"{root}: its folders could be the classes, and {each.table.path.name} gives the images in {mixed[0]} "
                f"several labels of its column {each.labels}; if these are the labels: "
                f"{command('search', 'images', '--data', each.table.path)}; if the folders are the classes, move the "
                "table away"
            )


def _check_parts(root: Path, tables: Sequence[Labels]) -> None:
    """Refuse several tables unless each is that of a part."""
    if len(tables) < 2 or all(each.table.path.name in METADATA for each in tables):
        return
    names = [each.table.path.name for each in tables]
    parts = [PARTS.get(Path(name).stem.casefold()) for name in names]
    if None in parts or len(set(parts)) < len(parts):
        raise DataError(
            f"{root} has several tables with labels of images, {some(names)}; expected one, or train.csv, val.csv and "
            f"test.csv; name the one that is meant, such as --data {tables[0].table.path}"
        )
