"""Images in parquet files, as the Hugging Face Hub stores them: a column of structs {bytes, path}, and one of labels.

    FILE.parquet; FOLDER/*.parquet or FOLDER/data/*.parquet, with parts as in train-00000-of-00002.parquet

Labels are integers, with the names of the Hub's ClassLabel if the file has them, or strings. The files are read by
pyarrow, which netwright does not require.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from netwright.errors import DataError
from netwright.files import open_regular
from netwright.tasks.files import physical_memory
from netwright.tasks.images.raw import MEMORY_PER_BYTE
from netwright.tasks.images.readers.labels import LABEL_COLUMNS, Unnumbered, arranged
from netwright.tasks.images.readers.listing import PARTS, Listing, SkippedFiles, some
from netwright.tasks.images.readers.table import cell

ROWS_AT_ONCE = 256
PART_OF_NAME = re.compile("|".join(sorted(PARTS, key=len, reverse=True)))
"""The part that a file's name begins with."""


@dataclass(frozen=True)
class Shard:
    """One parquet file; each row has the encoded image, or None if it has none, and the label."""

    path: Path
    names: tuple[str, ...]
    """The classes of the Hub's ClassLabel; empty if the labels have no names."""
    rows: Sequence[tuple[bytes | None, object]]


def parquet_files(path: Path) -> list[Path]:
    """Return the parquet files at `path`: itself, or those in the folder or its sub-folder `data`."""
    if path.suffix == ".parquet":
        return [path]
    return sorted(path.glob("*.parquet")) or sorted(path.glob("data/*.parquet"))


def read_parquet(root: Path, files: Sequence[Path]) -> Listing:
    """List the images in parquet files.

    Raises:
        DataError: pyarrow is missing, or a file has no images with labels.
    """
    size, largest = sum(path.stat().st_size for path in files), physical_memory() // MEMORY_PER_BYTE
    if size > largest:
        raise DataError(
            f"{root}: its parquet files have {size:,} bytes, and on this machine they may have {largest:,}; give fewer"
        )
    return listed_shards(root, [_shard(path) for path in files])


def listed_shards(root: Path, shards: Sequence[Shard]) -> Listing:
    """List the images of all shards; the name of a file begins with its part."""
    skipped = SkippedFiles(root)
    parts: dict[str, list[Unnumbered]] = {}
    for shard in shards:
        found = PART_OF_NAME.match(shard.path.name.casefold())
        part = parts.setdefault(PARTS[found[0]] if found else "train", [])
        part += _images_of(shard, skipped)
    if len(parts) == 1:
        parts = {"train": next(iter(parts.values()))}
    names = shards[0].names
    if any(shard.names != names for shard in shards):
        raise DataError(f"{root}: its parquet files have different names of classes; expected the same in all")
    filled = {part: images for part, images in parts.items() if images}
    return arranged(root, filled, skipped, "parquet files with images", names)


def _images_of(shard: Shard, skipped: SkippedFiles) -> Iterator[Unnumbered]:
    for number, (content, label) in enumerate(shard.rows):
        place = shard.path / str(number)
        if content is None:
            skipped.unreadable(place, ValueError("the row holds no bytes of an image"))
        elif label is None or cell(label) == "":
            skipped.unlabelled(place)
        elif not shard.names or not isinstance(label, int):
            yield Unnumbered(place, cell(label), content)
        elif 0 <= label < len(shard.names):
            yield Unnumbered(place, shard.names[label], content)
        elif label == -1:  # the Hub's mark of a test part without labels
            skipped.unlabelled(place)
        else:
            raise DataError(f"{place} has the label {label}; expected 0..{len(shard.names) - 1}")


def _shard(path: Path) -> Shard:
    try:
        import pyarrow.parquet as pq
    except ImportError:
        raise DataError(f"{path} is read by pyarrow, which is not installed; pip install pyarrow") from None
    try:
        with open_regular(path, physical_memory()) as opened:
            file = pq.ParquetFile(opened)
            image, label = chosen_columns(path, {field.name: str(field.type) for field in file.schema_arrow})
            rows = [
                (each[image]["bytes"] if each[image] else None, each[label])
                for batch in file.iter_batches(batch_size=ROWS_AT_ONCE, columns=[image, label])
                for each in batch.to_pylist()
            ]
            return Shard(path, class_label_names(file.schema_arrow.metadata or {}, label), rows)
    except DataError:
        raise
    except Exception as error:  # pyarrow may raise anything for a damaged file
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path} cannot be read as a parquet file ({what}); write or download it again") from error


def chosen_columns(path: Path, types: Mapping[str, str]) -> tuple[str, str]:
    """Return the columns of images and of labels, given the types of all columns in pyarrow's words.

    Raises:
        DataError: There is no such column, or more than one.
    """
    images = [name for name, kind in types.items() if kind.startswith("struct<") and "bytes: binary" in kind]
    if len(images) != 1:
        raise DataError(
            f"{path} has {len(images)} columns with images ({some(images)}) among {some(types)}; expected one of "
            "structs with bytes and path"
        )
    simple = [name for name, kind in types.items() if re.fullmatch(r"u?int\d+|(large_)?string|bool", kind)]
    named = [name for name in simple if name.casefold() in LABEL_COLUMNS]
    labels = named or simple
    if len(labels) != 1:
        raise DataError(
            f"{path} has {len(labels)} columns that could be the labels ({some(labels)}); expected one called label"
        )
    return images[0], labels[0]


def class_label_names(metadata: Mapping[bytes, bytes], column: str) -> tuple[str, ...]:
    """Return the names of a ClassLabel from what `datasets` writes into the schema; empty if there are none."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        names = features[column]["names"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return ()
    return tuple(map(str, names)) if isinstance(names, list) else ()
