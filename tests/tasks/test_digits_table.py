"""The table of our own: its space, the program that makes it, and the table itself."""

import gzip
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import make_digits_curves as curves
import make_digits_table as maker
import pytest

from netwright.config import TableSettings
from netwright.errors import DataError
from netwright.evaluation.factory import evaluation_of
from netwright.evaluation.images import ImageEvaluation
from netwright.execution.in_process import InProcessExecutor
from netwright.recipes import config_of
from netwright.spaces.exploring import enumerate_space, size_of
from netwright.tasks.benchmarks.catalog import TABLES, find_table, load_table
from netwright.tasks.catalog import open_images
from netwright.trials import Job, Measurement

TABLE = TABLES["digits-table"]
generated = pytest.mark.skipif(not TABLE.path.exists(), reason="benchmarks/make_digits_table.py has not been run")


def strings() -> list[str]:
    return [str(episode.architecture) for episode in enumerate_space(config_of("digits-table").space)]


def test_the_space_has_1458_networks_told_apart_by_their_strings() -> None:
    assert len(strings()) == len(set(strings())) == TABLE.size == size_of(config_of("digits-table").space).value
    assert 1200 <= TABLE.size <= 1700
    assert sorted(map(str, maker.networks())) == sorted(strings())
    assert list(map(str, maker.networks())) == list(map(str, maker.networks())) != strings()


def made_up(job: Job) -> Measurement:
    """Numbers from the network's length alone, in the place of training."""
    value = float(len(str(job.architecture)))
    metrics: Mapping[str, Any] = dict.fromkeys(maker.VALIDATION, value) | {maker.SECONDS: 0.25, maker.TEST: value / 3}
    return Measurement(metrics)


def unexpected(job: Job) -> Measurement:
    raise AssertionError(f"{job.architecture} is trained a second time")


def test_making_goes_on_where_it_stopped(tmp_path: Path) -> None:
    wanted, path = maker.networks()[:5], tmp_path / "build" / "rows.csv"
    maker.train_missing(wanted[:3], InProcessExecutor(made_up), path)
    whole = path.read_text()
    path.write_text(whole + "3x3x4p 1x5")  # killed while it wrote
    assert list(maker.rows_in(path)) == [str(network) for network in wanted[:3]]
    assert maker.train_missing(wanted[:3], InProcessExecutor(unexpected), path).keys() == maker.rows_in(path).keys()
    assert path.read_text() == whole
    rows = maker.train_missing(wanted, InProcessExecutor(made_up), path)
    assert list(rows) == list(maker.rows_in(path)) == [str(network) for network in wanted]
    with pytest.raises(SystemExit, match="could not be trained: exception: AssertionError"):
        maker.train_missing(maker.networks()[:6], InProcessExecutor(unexpected), path)


def test_what_is_made_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = maker.train_missing(maker.networks(), InProcessExecutor(made_up), tmp_path / "rows.csv")
    monkeypatch.setattr("netwright.tasks.benchmarks.catalog.EMBEDDED", tmp_path / "data")
    target = TABLE.path
    maker.pack(rows, strings(), target)
    table = load_table("digits-table", tmp_path / "ignored")
    assert list(table.rows) == strings()
    assert not any("incomplete" in note for note in table.notes)
    row = table.row("1x1x4p 1x1x12<>")
    assert (row.validation_accuracy, row.seconds, row.test_accuracy) == (0.15, 0.25, pytest.approx(0.05))
    first = target.read_bytes()
    maker.pack(dict(reversed(rows.items())), strings(), target)
    assert target.read_bytes() == first


def test_the_mean_of_the_seeds_is_the_accuracy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netwright.tasks.benchmarks.catalog.EMBEDDED", tmp_path)
    lines = [maker.HEADER, ["a", "10", "20", "60", "0.5", "90"]]
    TABLE.path.write_bytes(gzip.compress("".join(",".join(line) + "\n" for line in lines).encode()))
    row = load_table("digits-table", None).row("a")
    assert (row.validation_accuracy, row.seconds, row.test_accuracy) == (pytest.approx(0.3), 0.5, 0.9)
    TABLE.path.unlink()
    with pytest.raises(DataError, match=r"digits-table\.csv\.gz is missing.*make_digits_table"):
        load_table("digits-table", None)


def test_the_spread_by_hand() -> None:
    rows = {name: [name, *map(str, values), "1", "1"] for name, values in (("a", (10, 11, 12)), ("b", (20, 21, 22)))}
    # Seeds: variance 1. Means 11 and 21: variance 50, of which a third of 1 is the seeds' own.
    by_network = (50 - 1 / 3) ** 0.5
    expected = f"2 networks: standard deviation {by_network:.1f} by network, 1.0 by seed, ratio {by_network:.2f}"
    assert maker.spread(rows) == expected


def test_a_network_is_trained_once_for_each_seed() -> None:
    settings = maker.SETTINGS.model_copy(update={"epochs": 1, "batch_size": 64})
    data = open_images("digits", None, verify=False)
    evaluate = maker.SeveralSeeds(ImageEvaluation(settings).evaluate(None), data)
    job = Job(0, maker.networks()[0], 0)
    metrics = evaluate(job).metrics
    values = [metrics[name] for name in maker.VALIDATION]
    assert len(set(values)) > 1
    assert all(round(10 * value) == pytest.approx(10 * value) for value in values), "of 1,000 images"
    again = evaluate(Job(1, job.architecture, 5)).metrics
    assert [again[name] for name in (*maker.VALIDATION, maker.TEST)] == [*values, metrics[maker.TEST]]


def test_curves_have_a_value_for_every_epoch_of_every_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [(1, 0), (2, 0), (2, 1)]
    for name in ("RUNS", "CURVES", "TESTS"):
        columns = {run: f"{name} {run}" for run in runs}
        monkeypatch.setattr(curves, name, runs if name == "RUNS" else columns)
    settings = {n: maker.SETTINGS.model_copy(update={"epochs": n, "batch_size": 64}) for n in (1, 2)}
    children = {n: ImageEvaluation(each).evaluate(None) for n, each in settings.items()}
    evaluate = curves.Curves(children, open_images("digits", None, verify=False))
    network = maker.networks()[0]
    metrics = evaluate(Job(0, network, 0)).metrics
    for epochs, repeat in runs:
        accuracies = [int(permille) for permille in metrics[f"CURVES {(epochs, repeat)}"].split()]
        assert len(accuracies) == epochs
        assert all(0 <= accuracy <= 1000 for accuracy in accuracies)
    assert metrics["CURVES (2, 0)"] != metrics["CURVES (2, 1)"]
    again = evaluate(Job(1, network, 7)).metrics
    assert {name: each for name, each in again.items() if name != maker.SECONDS} == {
        name: each for name, each in metrics.items() if name != maker.SECONDS
    }


# The table itself -----------------------------------------------------------------------------------------------------


@generated
def test_every_network_has_its_row() -> None:
    table = load_table("digits-table", None)
    assert sorted(table.rows) == sorted(strings())
    assert find_table("digits-table", Path("anywhere")) == TABLE.path
    opened = evaluation_of(TableSettings(task="digits-table")).open(None, verify=True)
    assert opened.notes == table.notes == TABLE.notes


@generated
def test_networks_differ_by_three_times_what_seeds_do() -> None:
    lines = [line.split(",") for line in gzip.decompress(TABLE.path.read_bytes()).decode().splitlines()[1:]]
    assert {len(line) for line in lines} == {6}
    values = [[float(field) for field in line[1:4]] for line in lines]
    by_seed = statistics.fmean(map(statistics.variance, values)) ** 0.5
    assert statistics.stdev(map(statistics.fmean, values)) > 3 * by_seed


@generated
def test_a_search_of_it_needs_no_data(cli: Any, tmp_path: Path) -> None:
    result = cli("search", "digits-table", "--trials", 10, "-o", tmp_path / "run")
    assert result.exit_code == 0, result.stderr
    assert "10 of 10 trials measured" in result.stdout
    assert 'class="nw-drawing"' in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
