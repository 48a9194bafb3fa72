"""A table of NAS-Bench-201's shape whose numbers follow from the cell by a formula."""

import itertools
from collections.abc import Iterable
from pathlib import Path

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
COLUMNS = [
    "architecture",
    *(
        f"{data}_{what}"
        for data in ("cifar10", "cifar100")
        for what in (
            "valid_accuracy_12_epochs", "seconds_12_epochs", "valid_accuracy_200_epochs", "test_accuracy_200_epochs",
        )
    ),
]  # fmt: skip


def string(cell: tuple[str, ...]) -> str:
    a, b, c, d, e, f = cell
    return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"


def all_cells() -> list[str]:
    return [string(cell) for cell in itertools.product(OPERATIONS, repeat=6)]


def validation(cell: str) -> float:
    """Percent: 13 for a 3x3, 12 for a 1x1, and a little more for what stands early."""
    return 13.0 * cell.count("3x3") + 12.0 * cell.count("1x1") + 0.01 * cell.find("skip_connect") + 1


def row(cell: str) -> list[object]:
    """100 seconds; CIFAR-100 has half the accuracy, and a test accuracy lies 1 above."""
    high = validation(cell)
    return [cell, high, 100.0, high, high + 1, high / 2, 200.0, high / 2, high / 2 + 1]


def write_table(path: Path, cells: Iterable[str], columns: Iterable[str] = COLUMNS) -> Path:
    kept = [COLUMNS.index(name) for name in columns]
    lines = [columns := list(columns), *([row(cell)[placement] for placement in kept] for cell in cells)]
    path.write_text("".join(",".join(map(str, line)) + "\n" for line in lines))
    return path
