"""Comparisons with stopping, with a budget of epochs, and with a ladder at the end of each run."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from netwright.compare.comparison import Comparison, costs_of
from netwright.compare.ladder import Finalist
from netwright.compare.plan import Plan, Repeats, make_plan
from netwright.compare.records import Record
from netwright.compare.runs import WholeRun, execute
from netwright.compare.tables import notes, strategies
from netwright.config import FunctionSettings, RunConfig
from netwright.errors import ConfigError, StoreError
from netwright.evaluation.function import FunctionEvaluation, TrialContext
from netwright.evaluation.interface import DatasetInfo
from netwright.searching.placement import Placement
from oracles.tiny_search import tiny, total

EPOCHS = 6
RUNGS = [(1, 0.25), (3, 0.5)]


def noisy_total(architecture: Any, trial: TrialContext) -> float:
    """The reward of an architecture, approached from below over the epochs, with noise that depends on the seed."""
    noise = trial.seed % 1000 / 1000 - 0.5
    for epoch in range(1, EPOCHS + 1):
        trial.report(epoch, total(architecture) * epoch / EPOCHS + noise)
    return total(architecture) + noise


def config(**changes: Any) -> RunConfig:
    settings = {"num_trials": 24, "batch_size": 4, "lag": 1, "confirm": {"top": 3, "num_seeds": 2}, **changes}
    return RunConfig(space=tiny(), evaluate=FunctionSettings(function=noisy_total), **settings)


def played(plan: Plan, seed: int = 0) -> Record:
    return WholeRun(plan, DatasetInfo()).play(next(iter(plan.configs)), seed)


def test_a_budget_of_epochs_ends_with_the_trial_that_reaches_it() -> None:
    found = played(make_plan(config(), "random", num_seeds=1, epochs=100))
    assert found.epochs == (EPOCHS,) * 17
    stopped = played(make_plan(config(stopping={"rungs": RUNGS}), "random", num_seeds=1, epochs=400))
    epochs = [each or 0 for each in stopped.epochs]
    assert set(epochs) == {1, 3, EPOCHS}
    assert sum(epochs[:-1]) < 400 <= sum(epochs)
    assert len(epochs) > 400 / EPOCHS
    for ended, score in zip(epochs, stopped.scores, strict=True):
        assert (score is None) == (ended < EPOCHS)  # a child that was stopped is no candidate


def test_a_repeat_costs_the_epochs_of_the_first_or_nothing() -> None:
    plan = make_plan(config(stopping={"rungs": RUNGS}), "random", num_seeds=1, epochs=400)
    found = played(plan)
    assert any(found.repeated)
    assert all(found.epochs[first] == epochs for first, epochs in zip(found.firsts, found.epochs, strict=True))
    assert costs_of(found, plan.budget)[-1] == sum(each or 0 for each in found.epochs)
    free = costs_of(found, replace(plan.budget, repeats=Repeats.free))[-1]
    assert free == sum(each or 0 for each, again in zip(found.epochs, found.repeated, strict=True) if not again)


def test_the_ladder_is_that_of_a_run_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs in memory and runs in folders, which retrain by `netwright confirm`'s code, choose the same."""
    ladder = {"top": 3, "num_seeds": 4}
    plan = make_plan(config(confirm=ladder), "random", num_seeds=2, trials=24, confirm=True)
    in_memory, _ = execute(plan, tmp_path / "memory", Placement(workers=1), lambda spent, total: None)
    monkeypatch.setattr(FunctionEvaluation, "is_instant", False)
    in_folders, _ = execute(plan, tmp_path / "folders", Placement(workers=1), lambda spent, total: None)
    for one, other in zip(in_memory, in_folders, strict=True):
        assert one.finalist is not None
        assert other.finalist is not None
        assert one.finalist == replace(other.finalist, seconds=None)
        assert one.finalist.num_trainings == 12
        assert one.finalist.epochs == 12 * EPOCHS
        best = max(score for score in one.scores if score is not None)
        assert one.finalist.score != best
        assert abs(one.finalist.score - total_of_best(one)) < 1  # of 4 seeds, and the noise is at most 0.5


def total_of_best(record: Record) -> float:
    """The score without noise is a whole number: the nearest one to the best score of the search."""
    return float(round(max(score for score in record.scores if score is not None)))


def test_the_finalist_has_a_column_and_its_cost_a_note(tmp_path: Path) -> None:
    plan = make_plan(config(), "random,evolution", num_seeds=2, epochs=60, confirm=True)
    records, dataset = execute(plan, tmp_path / "compared", Placement(workers=1), lambda spent, total: None)
    again, _ = execute(plan, tmp_path / "compared", Placement(workers=1), lambda spent, total: None)
    assert again == records
    compared = Comparison.of(plan, records, dataset)
    headers, rows = strategies(compared)
    column = headers.index("score after the ladder")
    scores = [each.finalist.score for each in records if each.strategy == "random" and each.finalist]
    assert rows[0][column].startswith(f"{sum(scores) / 2:.4g}")
    assert "random: the ladder cost 36 epochs a run, which the budget does not include" in notes(compared)
    document = compared.to_json()["strategies"][0]
    assert document["after_ladder"]["cost"] == 36
    assert [run["finalist"]["score"] for run in document["runs"]] == scores
    without = Comparison.of(plan, [replace(each, finalist=None) for each in records], dataset)
    assert "score after the ladder" not in strategies(without)[0]


def test_a_record_of_an_older_version_has_no_epochs(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    played(make_plan(config(), "random", num_seeds=1, trials=5, confirm=True)).write(path)
    document = json.loads(path.read_text())
    assert isinstance(Record.read(path).finalist, Finalist)
    del document["epochs"], document["finalist"]
    path.write_text(json.dumps(document))
    assert Record.read(path).epochs == (None,) * 5
    path.write_text(json.dumps({**document, "finalist": {"score": 1}}))
    with pytest.raises(StoreError, match=r"record\.json is no record of a run"):
        Record.read(path)


def test_budgets_that_cannot_be_are_refused() -> None:
    with pytest.raises(
        ConfigError, match="one of --trials N, --budget SECONDS and --epochs N; got --trials and --epochs"
    ):
        make_plan(config(), "random", num_seeds=1, trials=5, epochs=7)
    with pytest.raises(ConfigError, match="one of --trials N, --budget SECONDS and --epochs N; got none"):
        make_plan(config(), "random", num_seeds=1)
    plain = config().changed(evaluate=FunctionSettings(function=total))
    with pytest.raises(ConfigError, match=r"--epochs 7: children of recipe '.*' report no epochs; give --trials N"):
        make_plan(plain, "random", num_seeds=1, epochs=7)
    with pytest.raises(ConfigError, match="--epochs 0: expected 1 or more"):
        make_plan(config(), "random", num_seeds=1, epochs=0)
