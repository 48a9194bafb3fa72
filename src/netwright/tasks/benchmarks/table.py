"""A table of trained architectures, read from a CSV file with strict checks and used instead of training."""

import csv
import io
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from netwright.errors import DataError, SpaceError
from netwright.tasks.identity import DataIdentity

READER_VERSION = 1
"""Increment it when a change of the reader gives other results for the same file."""
KEY = "architecture"
"""The column with the string form of the architecture."""


@dataclass(frozen=True)
class Row:
    """The results of one architecture; accuracies are in 0..1."""

    validation_accuracy: float
    seconds: float
    """Duration of the training of `validation_accuracy`: the cost of the architecture in a search."""
    test_accuracy: float
    """After the table's longest training, which may be longer than that of `validation_accuracy`."""
    longer: Mapping[int, float] = field(default_factory=dict)
    """Validation accuracies after more epochs, by their number."""


@dataclass(frozen=True)
class Columns:
    """The names of the columns of a file that give a `Row`; accuracies in the file are percentages."""

    validation: tuple[str, ...]
    """One or more columns, which are averaged."""
    seconds: str
    test: str
    epochs: int | None = None
    """Of the training of `validation` and `seconds`; None where no column is of a longer one."""
    longer: Mapping[int, str] = field(default_factory=dict)
    """Columns with validation accuracies after more epochs, by their number; a file may lack them."""

    @property
    def required(self) -> tuple[str, ...]:
        """The columns that a file must have, that of the architecture first."""
        return KEY, *self.validation, self.seconds, self.test


@dataclass(frozen=True, eq=False)
class Table:
    """Rows by the `str` of their architecture. `name` and `notes` are printed with every number from the table."""

    name: str
    rows: Mapping[str, Row]
    notes: tuple[str, ...] = ()
    identity: DataIdentity | None = None
    epochs: int | None = None
    """Of the training of `Row.validation_accuracy` and `Row.seconds`; None where no row has a longer one."""

    def row(self, architecture: object) -> Row:
        """Return the row of `architecture`; raise `DataError` if the table does not contain it."""
        try:
            return self.rows[str(architecture)]
        except KeyError:
            raise DataError(
                f"the table {self.name} has no row for {architecture}; expected one of its {len(self.rows):,} "
                "architectures: search the space that the table was made of, or complete the table"
            ) from None

    @property
    def best(self) -> Row:
        """The row with the highest validation accuracy, the best result that a search can have."""
        return max(self.rows.values(), key=lambda row: row.validation_accuracy)


def read_rows(path: Path, text: str, columns: Columns, check: Callable[[str], object]) -> dict[str, Row]:
    """Parse the rows of a CSV text.

    Args:
        path: the file of the text, for messages.
        text: the CSV text with a header; columns that are not in `columns` are ignored.
        columns: the columns to read.
        check: raises `SpaceError` for the string of an invalid architecture.

    Raises:
        DataError: a value is missing, not a number, out of range or repeated; the message has file and line.
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
            numbers = {header[place]: _number(fields, header, place, columns) for place in places}
            rows[architecture] = _row(numbers, columns)
            lines[architecture] = reader.line_num
    except (ValueError, SpaceError, csv.Error) as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}") from None
    if not rows:
        raise DataError(f"{path} has a header and no row; expected a row for each architecture")
    return rows


def _row(numbers: Mapping[str, float], columns: Columns) -> Row:
    """Return the row of an architecture, given its number in each column."""
    return Row(
        sum(numbers[name] for name in columns.validation) / len(columns.validation) / 100,
        numbers[columns.seconds],
        numbers[columns.test] / 100,
        {epochs: numbers[name] / 100 for epochs, name in columns.longer.items() if name in numbers},
    )


def _places(path: Path, header: list[str], columns: Columns) -> list[int]:
    """Return the indices in the header of the key and of all columns that are read."""
    wanted = [*columns.required, *(name for name in columns.longer.values() if name in header)]
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
    """Parse a percentage or a number of seconds above 0; raise `ValueError` for any other value, such as NaN."""
    is_time = header[place] == columns.seconds
    try:
        value = float(fields[place])
    except ValueError:
        raise ValueError(f"{header[place]} is {fields[place]!r}; expected a number") from None
    if not (0 < value <= sys.float_info.max if is_time else 0 <= value <= 100):
        expected = "seconds, a finite number above 0" if is_time else "a percentage, 0 to 100"
        raise ValueError(f"{header[place]} is {fields[place]}; expected {expected}")
    return value
