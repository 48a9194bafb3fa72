"""Tables with a row for each image: CSV, TSV and JSON Lines. Every cell is text, and none is ever interpreted.

A table may come from anyone: its size is limited before it is read, and NUL bytes, rows of another length than the
first line and columns of the same name are refused.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from netwright.architectures.values import JsonObject
from netwright.errors import DataError
from netwright.files import read_whole
from netwright.tasks.files import MEMORY_PER_BYTE, decoded, physical_memory
from netwright.tasks.images.readers.listing import some

TABLES = {".csv": ",", ".tsv": "\t", ".jsonl": None}
"""The suffixes of tables, with the character between cells. A CSV may also have semicolons or tabs."""
LARGEST_TABLE = 256 << 20
"""Bytes of a table: 2 million rows of 128 bytes."""
MOST_COLUMNS = 2_000


@dataclass(frozen=True)
class Table:
    """The cells of a table."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    """The number of each row's last line in the file, for messages."""

    def column(self, name: str) -> list[str]:
        """Return the cells of a column."""
        number = self.columns.index(name)
        return [row[number] for row in self.rows]

    def named(self, names: Sequence[str]) -> list[str]:
        """Return the columns that have one of these names, which are in small letters, in the order of `names`."""
        found = {column.strip().casefold(): column for column in reversed(self.columns)}
        return [found[name] for name in names if name in found]


def read_table(path: Path) -> Table:
    """Read a table; raise `DataError` if it is none."""
    try:
        content = read_whole(path, min(LARGEST_TABLE, physical_memory() // MEMORY_PER_BYTE))
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}; expected a table of labels of at most {LARGEST_TABLE:,} bytes"
        ) from None
    text = decoded(path, content)
    table = _json_lines(path, text) if path.suffix.lower() == ".jsonl" else _separated(path, text)
    repeated = [name for name, count in Counter(name.strip().casefold() for name in table.columns).items() if count > 1]
    if repeated:
        raise DataError(f"{path} has several columns of the name {repeated[0]!r}; rename all but one")
    if not table.rows:
        raise DataError(f"{path} has no row; expected a line with the names of the columns, and one for each image")
    return table


def _separated(path: Path, text: str) -> Table:
    first = text.lstrip("\n").partition("\n")[0]
    separator = TABLES.get(path.suffix.lower()) or ","
    if separator not in first:
        separator = max(",;\t", key=first.count)
    rows: list[tuple[str, ...]] = []
    lines: list[int] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for cells in reader:
            if any(map(str.strip, cells)):
                rows.append(tuple(cells))
                lines.append(reader.line_num)
    except csv.Error as error:
        raise DataError(f"{path} is no table: line {reader.line_num:,}: {error}; export it again as CSV") from None
    header = rows[0]
    if len(header) > MOST_COLUMNS:
        raise DataError(f"{path} has {len(header):,} columns; expected at most {MOST_COLUMNS:,}")
    for row, line in zip(rows, lines, strict=True):
        if len(row) != len(header):
            raise DataError(
                f"{path}: line {line:,} has {len(row):,} cells, and the first line {len(header):,}; expected as many "
                "in every line"
            )
    return Table(path, header, tuple(rows[1:]), tuple(lines[1:]))


def _json_lines(path: Path, text: str) -> Table:
    documents: list[JsonObject] = []
    lines: list[int] = []
    columns: dict[str, None] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            document = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path} is no JSON Lines file: line {number:,}: {error}") from None
        if not isinstance(document, dict):
            raise DataError(f"{path}: line {number:,} is no JSON object; expected one for each image")
        columns.update(dict.fromkeys(document))
        if len(columns) > MOST_COLUMNS:
            raise DataError(f"{path} has more than {MOST_COLUMNS:,} columns; expected fewer")
        documents.append(document)
        lines.append(number)
    cells = (tuple(cell(document.get(name)) for name in columns) for document in documents)
    return Table(path, tuple(columns), tuple(cells), tuple(lines))


def cell(value: object) -> str:
    """Return the text of a value of a JSON document or data frame; a missing value is empty."""
    if value is None or (isinstance(value, float) and value != value):
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():  # a column of integers with missing values
        return str(int(value))
    return json.dumps(value) if isinstance(value, list | dict) else str(value)


def sample(table: Table, column: str) -> str:
    """Return the first cells of a column for a message."""
    return some((repr(each[:40]) for each in table.column(column)[:3]), 3)
