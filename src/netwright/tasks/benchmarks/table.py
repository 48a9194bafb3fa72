"""A table of trained architectures: what is looked up in the place of training, read strictly from a CSV."""

import csv
import io
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netwright.errors import DataError, SpaceError

KEY = "architecture"
"""The column with the string form of the architecture."""


@dataclass(frozen=True)
class Row:
    """What is known of one architecture; accuracies are in 0..1."""

    validation_accuracy: float
    seconds: float
    """What the training took whose validation accuracy this is: the cost of the architecture in a search."""
    test_accuracy: float
    """Of the same architecture trained to the end, where the table has that."""


@dataclass(frozen=True)
class Columns:
    """Where a file holds what a `Row` holds; accuracies there are percent."""

    validation: tuple[str, ...]
    """One, or several whose mean is taken."""
    seconds: str
    test: str


@dataclass(frozen=True, eq=False)
class Table:
    """Rows by the `str` of their architecture. `name` and `notes` stand beside every number from it."""

    name: str
    rows: Mapping[str, Row]
    notes: tuple[str, ...] = ()

    def row(self, architecture: Any) -> Row:
        """What is known of `architecture`; `DataError` where the table does not have it."""
        try:
            return self.rows[str(architecture)]
        except KeyError:
            raise DataError(
                f"the table {self.name} has no row for {architecture}; expected one of its {len(self.rows):,} "
                "architectures: search the space that the table was made of, or complete the table"
            ) from None

    @property
    def best(self) -> Row:
        """The row with the highest validation accuracy: what the best search ends with."""
        return max(self.rows.values(), key=lambda row: row.validation_accuracy)


def read_rows(path: Path, text: str, columns: Columns, check: Callable[[str], object]) -> dict[str, Row]:
    """The rows of the CSV `text`, which is from the file at `path`; other columns than `columns` are ignored.

    `check` raises `SpaceError` for the string of an unknown architecture. Raises DataError with file and line for all
    that is missing, no number, out of range, or there twice.
    """
    reader = csv.reader(io.StringIO(text), strict=True)
    rows: dict[str, Row] = {}
    lines: dict[str, int] = {}
    try:
        header = next(reader)
        key, *places = _places(path, header, columns)
        for fields in reader:
            if len(fields) != len(header):
                raise ValueError(f"{len(fields)} fields, and the header has {len(header)}")
            architecture = fields[key]
            check(architecture)
            if architecture in rows:
                raise ValueError(f"{architecture} a second time, after line {lines[architecture]}; remove one of them")
            *validation, seconds, test = (_number(fields, header, place, columns) for place in places)
            rows[architecture] = Row(sum(validation) / len(validation) / 100, seconds, test / 100)
            lines[architecture] = reader.line_num
    except (ValueError, SpaceError, csv.Error) as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}") from None
    if not rows:
        raise DataError(f"{path} has a header and no row; expected a row for each architecture")
    return rows


def _places(path: Path, header: list[str], columns: Columns) -> list[int]:
    """The indices of the key and of `columns` in the header."""
    wanted = (KEY, *columns.validation, columns.seconds, columns.test)
    if missing := [name for name in wanted if name not in header]:
        shown = ", ".join(header)
        raise DataError(
            f"{path}, line 1: no column {', '.join(missing)}; expected a CSV with a header that names it, and this one "
            f"is: {shown[:200] + ' ...' if len(shown) > 200 else shown}"
        )
    if twice := [name for name in wanted if header.count(name) > 1]:
        raise DataError(f"{path}, line 1: the column {twice[0]} is there {header.count(twice[0])} times; expected once")
    return [header.index(name) for name in wanted]


def _number(fields: list[str], header: list[str], place: int, columns: Columns) -> float:
    """A field as a number: percent, or seconds above 0. `ValueError` for any other, NaN among them."""
    is_time = header[place] == columns.seconds
    try:
        value = float(fields[place])
    except ValueError:
        raise ValueError(f"{header[place]} is {fields[place]!r}; expected a number") from None
    if not (0 < value <= sys.float_info.max if is_time else 0 <= value <= 100):
        expected = "seconds, a finite number above 0" if is_time else "a percentage, 0 to 100"
        raise ValueError(f"{header[place]} is {fields[place]}; expected {expected}")
    return value
