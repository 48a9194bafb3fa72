"""The tables by name, the values of `TableSettings.task`.

NAS-Bench-201 (X. Dong & Y. Yang, 2020, arXiv 2001.00326) is not part of netwright: `--data` or NETWRIGHT_DATA names its
file, `nasbench201-cifar.csv` plain or with .gz, or a folder that contains it. The protocol is that of the literature:
the reward comes from the validation accuracy after 12 epochs, the cost is the time of these epochs, and the result is
reported by the test accuracy after 200 epochs. The validation accuracies after 200 epochs confirm the best of a search.

The digits table is netwright's own and part of the package. It contains 1,458 small convolutional networks, each
trained with three seeds by

    python benchmarks/make_digits_table.py

Validation and test accuracy are means over the three trainings, so a network always has the same values.
"""

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from netwright.architectures.nasbench201 import EDGES, OPERATIONS, nasbench201_cell_from_string
from netwright.errors import ConfigError, DataError, unknown
from netwright.tasks.benchmarks.table import READER_VERSION, Columns, Table, read_rows
from netwright.tasks.downloads import ENVIRONMENT, named_folder
from netwright.tasks.files import decoded, read_bytes
from netwright.tasks.identity import DataIdentity

NASBENCH201_FILE = "nasbench201-cifar.csv"
EMBEDDED = Path(__file__).parent


@dataclass(frozen=True)
class TableFile:
    """The location and format of a table."""

    name: str
    file: str
    columns: Columns
    size: int
    """The number of architectures of the complete table."""
    check: Callable[[str], object] = str
    """Raises `SpaceError` for the string of an unknown architecture."""
    folders: tuple[str, ...] = ()
    """Sub-folders of the user's folder in which the file is searched."""
    embedded: bool = False
    """Whether it is part of the package, so that no path is needed."""
    notes: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """The file of an embedded table."""
        return EMBEDDED / self.file


def _nasbench201(data_set: str, prefix: str) -> TableFile:
    columns = Columns(
        validation=(f"{prefix}_valid_accuracy_12_epochs",),
        seconds=f"{prefix}_seconds_12_epochs",
        test=f"{prefix}_test_accuracy_200_epochs",
        epochs=12,
        longer={200: f"{prefix}_valid_accuracy_200_epochs"},
    )
    return TableFile(
        name=f"NAS-Bench-201, {data_set}",
        file=NASBENCH201_FILE,
        folders=("nasbench201", "data"),
        columns=columns,
        check=nasbench201_cell_from_string,
        size=len(OPERATIONS) ** len(EDGES),
        notes=("validation accuracies are those of 12 epochs, test accuracies those of 200",),
    )


TABLES = {
    "nasbench201-cifar10": _nasbench201("CIFAR-10", "cifar10"),
    "nasbench201-cifar100": _nasbench201("CIFAR-100", "cifar100"),
    "digits-table": TableFile(
        name="digits table",
        file="digits-table.csv.gz",
        columns=Columns(
            validation=("valid_accuracy_seed_0", "valid_accuracy_seed_1", "valid_accuracy_seed_2"),
            seconds="seconds",
            test="test_accuracy",
        ),
        size=1458,
        embedded=True,
        notes=("accuracies are means of three trainings of 4 epochs on 497 of scikit-learn's digits",),
    ),
}


def find_table(task: str, path: Path | None) -> Path:
    """Find the file of a table.

    Args:
        task: a key of `TABLES`.
        path: the file, or a folder that contains it; None for NETWRIGHT_DATA. Ignored for a table of the package.

    Raises:
        ConfigError: the name is unknown.
        DataError: there is no such file.
    """
    table = _table_file(task)
    if table.embedded:
        if not table.path.is_file():
            raise DataError(
                f"{table.path} is missing, though it is part of netwright; install netwright anew, or in a checkout "
                "run python benchmarks/make_digits_table.py"
            )
        return table.path
    expected = f"expected {table.file}, plain or with .gz, a CSV with the columns {', '.join(table.columns.required)}"
    path = named_folder(path)
    if path is None:
        raise DataError(f"{table.name} is no part of netwright: pass --data FILE or set {ENVIRONMENT}; {expected}")
    if path.is_file():
        return path
    if not path.is_dir():
        raise DataError(f"the data {path} does not exist; {expected}")
    for folder in (path, *(path / name for name in table.folders)):
        for name in (table.file, f"{table.file}.gz"):
            if (folder / name).is_file():
                return folder / name
    places = ", ".join(f"{name}/" for name in table.folders)
    raise DataError(f"the data folder {path} holds no {table.name}; {expected}, there or in {places}")


def load_table(task: str, path: Path | None) -> Table:
    """Read a table; a process reads each file once. Arguments as for `find_table`.

    Raises:
        ConfigError: the name is unknown.
        DataError: there is no such file, or it is not in the expected format.
    """
    found = find_table(task, path)
    about = found.stat()
    return _read(task, found, about.st_mtime_ns, about.st_size)


@functools.cache
def _read(task: str, path: Path, modified: int, size: int) -> Table:
    """Read and cache a table; `modified` and `size` of the file are keys, so that a changed file is read again."""
    table = _table_file(task)
    content = read_bytes(path)
    rows = read_rows(path, decoded(path, content), table.columns, table.check)
    notes = table.notes
    if len(rows) < table.size:
        notes += (f"the table is incomplete: {len(rows):,} of {table.size:,} architectures",)
    sha256 = hashlib.sha256(content).hexdigest()
    identity = DataIdentity(sha256, task, READER_VERSION, f"{len(rows):,} architectures", older=sha256[:8])
    return Table(identity.named(table.name), rows, notes, identity, table.columns.epochs)


def _table_file(task: str) -> TableFile:
    if task not in TABLES:
        raise ConfigError(unknown("table", task, TABLES))
    return TABLES[task]
