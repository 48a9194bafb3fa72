"""Tables of trained architectures: found, read, looked up, and what is refused."""

import csv
import gzip
import time
from pathlib import Path

import pytest

from netwright.architectures.nasbench201 import nasbench201_cell_from_string
from netwright.config import TableSettings
from netwright.errors import ConfigError, DataError
from netwright.evaluation.factory import evaluation_of
from netwright.tasks.benchmarks.catalog import find_table, load_table
from netwright.trials import Job
from oracles.made_up_table import COLUMNS, all_cells, write_table

CELLS = all_cells()[::600]
FILE = "nasbench201-cifar.csv"


def written(folder: Path, *changes: tuple[str, str], name: str = FILE) -> Path:
    """A small table with the first occurrence of each `old` replaced by `new`."""
    path = write_table(folder / name, CELLS)
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text)
    return path


@pytest.mark.parametrize("where", ["", "nasbench201", "data"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("named", ["file", "folder", "environment"])
def test_the_file_is_found(
    tmp_path: Path, where: str, packed: bool, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / where).mkdir(exist_ok=True)
    path = written(tmp_path / where)
    if packed:
        path.with_name(f"{FILE}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
        path = path.with_name(f"{FILE}.gz")
    if named == "environment":
        monkeypatch.setenv("NETWRIGHT_DATA", str(tmp_path))
    given = {"file": path, "folder": tmp_path, "environment": None}[named]
    assert find_table("nasbench201-cifar10", given) == path
    table = load_table("nasbench201-cifar10", given)
    assert list(table.rows) == CELLS
    assert table.notes[-1] == "the table is incomplete: 27 of 15,625 architectures"


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"pass --data FILE or set NETWRIGHT_DATA; expected nasbench201-cifar.csv, .*"):
        find_table("nasbench201-cifar10", None)
    with pytest.raises(DataError, match=r"nowhere does not exist; expected .* cifar100_seconds_12_epochs"):
        find_table("nasbench201-cifar100", tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"holds no NAS-Bench-201, CIFAR-10; .*there or in nasbench201/, data/"):
        find_table("nasbench201-cifar10", tmp_path)
    with pytest.raises(ConfigError, match="unknown table 'nasbench201-cifar11'; did you mean 'nasbench201-cifar10'"):
        load_table("nasbench201-cifar11", tmp_path)


@pytest.mark.parametrize(("task", "part", "seconds"), [("cifar10", 1.0, 100.0), ("cifar100", 0.5, 200.0)])
def test_a_lookup(tmp_path: Path, task: str, part: float, seconds: float) -> None:
    evaluation = evaluation_of(TableSettings(task=f"nasbench201-{task}"))
    opened = evaluation.open(written(tmp_path), verify=True)
    evaluate = evaluation.evaluate(opened.folder)
    cell = nasbench201_cell_from_string(CELLS[20])
    assert str(cell) == "|nor_conv_3x3~0|+|avg_pool_3x3~0|skip_connect~1|+|none~0|none~1|none~2|"
    percent = part * (2 * 13 + 0.01 * str(cell).find("skip") + 1)
    measurement = evaluate(Job(0, cell, seed=5))
    assert measurement == evaluate(Job(1, cell, seed=6))
    assert measurement.metrics == {
        "validation_accuracy": pytest.approx(percent / 100),
        "test_accuracy": pytest.approx(percent / 100 + 0.01),
        "table_seconds": seconds,
    }
    score = evaluation.reward.score(measurement)
    assert score == evaluation.reward(score) == measurement.metrics["validation_accuracy"]
    assert evaluation.costs(cell, opened.shape) == {}


def test_a_lookup_after_more_epochs(tmp_path: Path) -> None:
    path = write_table(tmp_path / FILE, CELLS)
    evaluate = evaluation_of(TableSettings(task="nasbench201-cifar100")).evaluate(path)
    cell = nasbench201_cell_from_string(CELLS[20])
    longer = evaluate(Job(0, cell, seed=5, epochs=200)).metrics
    assert longer == {**evaluate(Job(0, cell, seed=5)).metrics, "table_seconds": 200.0 * 200 / 12}
    with pytest.raises(DataError, match=r"CIFAR-100 .* has no results after 100 epochs; it has 200"):
        evaluate(Job(0, cell, seed=5, epochs=100))
    columns = [name for name in COLUMNS if not name.endswith("valid_accuracy_200_epochs")]
    write_table(path, CELLS, columns)
    evaluate = evaluation_of(TableSettings(task="nasbench201-cifar100")).evaluate(path)
    assert evaluate(Job(0, cell, seed=5)).metrics["table_seconds"] == 200.0
    with pytest.raises(DataError, match="after 200 epochs; it has no number of epochs beside the search's"):
        evaluate(Job(0, cell, seed=5, epochs=200))


def test_an_architecture_that_the_table_lacks(tmp_path: Path) -> None:
    table = load_table("nasbench201-cifar10", written(tmp_path))
    cell = nasbench201_cell_from_string(all_cells()[1])
    with pytest.raises(DataError, match=r"\(\w{8}\) has no row for \|none~0\|.*one of its 27 architectures"):
        table.row(cell)


def test_a_changed_file_is_read_again_and_has_another_name(tmp_path: Path) -> None:
    path = written(tmp_path)
    first = load_table("nasbench201-cifar10", path)
    assert load_table("nasbench201-cifar10", tmp_path) is first
    write_table(path, CELLS[:9])
    assert len(load_table("nasbench201-cifar10", path).rows) == 9
    assert load_table("nasbench201-cifar10", path).name != first.name


@pytest.mark.parametrize(
    "column", [name for name in COLUMNS if "cifar100" not in name and "valid_accuracy_200" not in name]
)
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    path = write_table(tmp_path / FILE, CELLS, [name for name in COLUMNS if name != column])
    with pytest.raises(DataError, match=rf"{FILE}, line 1: no column {column}; expected a CSV with a header"):
        load_table("nasbench201-cifar10", path)


def test_a_column_twice_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, ("cifar100_seconds_12_epochs", "cifar10_seconds_12_epochs"))
    with pytest.raises(DataError, match="line 1: the column cifar10_seconds_12_epochs is there 2 times"):
        load_table("nasbench201-cifar10", path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",0.99,100.0,", ",nan,100.0,", "line 2: cifar10_valid_accuracy_12_epochs is nan; .* a percentage, 0 to 100"),
        (",100.0,", ",inf,", "line 2: cifar10_seconds_12_epochs is inf; expected seconds, a finite number above 0"),
        (",100.0,", ",0,", "line 2: cifar10_seconds_12_epochs is 0"),
        (",100.0,", ",-3,", "line 2: cifar10_seconds_12_epochs is -3"),
        (",100.0,", ",,", "line 2: cifar10_seconds_12_epochs is ''; expected a number"),
        (",100.0,", ",100.5.1,", "line 2: cifar10_seconds_12_epochs is '100.5.1'"),
        (",0.99,100.0,", ",101,100.0,", "line 2: cifar10_valid_accuracy_12_epochs is 101; expected a percentage"),
        (",100.0,", ",", "line 2: 8 fields, and the header has 9"),
        ("\n" + CELLS[2], "\n" + CELLS[1], r"line 4: \|none~0\|.* a second time, after line 3; remove one"),
        ("|none~0|", "|mystery~0|", "line 2: unknown operation 'mystery'"),
        ("|none~0|", "|none~1|", "line 2: .* is not the string of a NAS-Bench-201 cell"),
        ("\n" + CELLS[2], "\n\n" + CELLS[2], "line 4: 0 fields"),
        ("\n" + CELLS[2], '\n"' + CELLS[2], r"line \d+: unexpected end of data"),
    ],
)  # fmt: skip
def test_a_bad_line_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = written(tmp_path, (old, new))
    with pytest.raises(DataError, match=f"{FILE}, {message}"):
        load_table("nasbench201-cifar10", path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"\x89PNG\r\n\x00\x01", "is no text"),
        (b"caf\xe9,1\n", "is not in UTF-8"),
        (b"a text,\nnothing else\n", "line 1: no column architecture, .* and this one is: a text, "),
        (b'{"cells": []}\n', "line 1: no column architecture"),
        ((",".join(COLUMNS) + "\n").encode(), "has a header and no row"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"mine.csv.* {message}"):
        load_table("nasbench201-cifar10", path)


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress(written(tmp_path).read_bytes())
    for name, content in (("cut.csv.gz", packed[:-20]), ("plain.csv.gz", b"architecture")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=f"{name} cannot be read"):
            load_table("nasbench201-cifar10", tmp_path / name)


# The real one ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("task", "test"), [("cifar10", 0.9437), ("cifar100", 0.7228)])
def test_the_real_table(real_table: Path, task: str, test: float) -> None:
    begun = time.process_time()
    table = load_table(f"nasbench201-{task}", real_table)
    assert time.process_time() - begun < 1.0
    assert sorted(table.rows) == sorted(all_cells())
    assert not any("incomplete" in note for note in table.notes)
    # Published: the test accuracy of the table's best cell by its reward.
    assert round(table.best.test_accuracy, 4) == test
    with gzip.open(real_table, "rt") if real_table.suffix == ".gz" else real_table.open() as file:
        for line in csv.DictReader(file):
            row = table.rows[line["architecture"]]
            assert row.validation_accuracy == float(line[f"{task}_valid_accuracy_12_epochs"]) / 100
            assert row.seconds == float(line[f"{task}_seconds_12_epochs"])
            assert row.test_accuracy == float(line[f"{task}_test_accuracy_200_epochs"]) / 100
