"""A user's `evaluate(architecture, trial)`: what it reports, when it is stopped, and what it may not do."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest

import netwright as nw
from netwright.architectures.values import JsonObject
from netwright.config import FunctionSettings
from netwright.errors import ConfigError
from netwright.evaluation.factory import evaluation_of
from netwright.execution.attempts import attempt
from netwright.trials import FailureKind, Job, Outcome, TrialState, never


@nw.space
def numbers():
    return (yield nw.Choice("number", tuple(range(40))))


def outcome(function: Callable[..., float], *, seed: int = 3, is_over: Callable[[JsonObject], bool] = never) -> Outcome:
    """What a child of `function` ends with, as a search has it."""
    evaluate = evaluation_of(FunctionSettings(function=function)).evaluate(None)
    return attempt(evaluate, Job(0, 7, seed, is_over))


def metrics(ended: Outcome) -> JsonObject:
    assert ended.measurement is not None, ended.failure
    return ended.measurement.metrics


def after(steps: int) -> Callable[[JsonObject], bool]:
    return lambda so_far: len(so_far["values"]) >= steps


def test_reports_are_the_curve_and_the_returned_number_is_the_value():
    def evaluate(architecture: int, trial: nw.TrialContext) -> float:
        for epoch in range(1, 4):
            trial.report(epoch, architecture / 10 * epoch)
        return architecture + trial.seed

    assert metrics(outcome(evaluate)) == {"value": 10.0, "values": pytest.approx([0.7, 1.4, 2.1])}


def test_a_trial_that_reports_nothing_has_no_curve():
    assert metrics(outcome(lambda architecture, trial: 2.0)) == {"value": 2.0}


@pytest.mark.parametrize(
    ("function", "takes"),
    [
        (lambda architecture: 1.0, False),
        (lambda architecture, scale=2.0: scale, False),
        (lambda architecture, context: context.seed, True),
        (lambda architecture, *, trial: trial.seed, False),
        (lambda architecture, trial=None: trial.seed, True),
        (len, False),
    ],
)
def test_a_second_argument_is_the_trial(function: Callable[..., float], takes: bool):
    assert FunctionSettings(function=function).takes_trial is takes


def test_report_ends_a_child_that_is_over_and_its_last_score_counts():
    cleaned = []

    def evaluate(architecture: int, trial: nw.TrialContext) -> float:
        try:
            for epoch in range(1, 10):
                trial.report(epoch, 0.1 * epoch)
        except Exception:  # as much user code has it; a stop passes
            return 99.0
        finally:
            cleaned.append(True)
        return 1.0

    assert metrics(outcome(evaluate, is_over=after(2))) == {"values": pytest.approx([0.1, 0.2])}
    assert cleaned == [True]


def test_a_function_that_catches_the_stop_changes_nothing():
    def evaluate(architecture: int, trial: nw.TrialContext) -> float:
        for epoch in range(1, 10):
            try:
                trial.report(epoch, 0.1 * epoch)
            except BaseException:
                continue
        return 99.0

    assert metrics(outcome(evaluate, is_over=after(2))) == {"values": pytest.approx([0.1, 0.2])}


@pytest.mark.parametrize(
    ("steps", "problem"),
    [((1, 2, 2), "got step 2 after 2 reports"), ((2,), "got step 2 after 0 reports"), ((0,), "got step 0 after 0")],
)
def test_steps_are_in_order(steps: tuple[int, ...], problem: str):
    def evaluate(architecture: int, trial: nw.TrialContext) -> float:
        for step in steps:
            trial.report(step, 0.5)
        return 1.0

    failure = outcome(evaluate).failure
    assert failure is not None
    assert failure.kind is FailureKind.EXCEPTION
    assert problem in failure.message
    assert "1, 2, 3" in failure.message


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf, 1e300])
def test_a_report_that_is_not_finite_fails_the_child_at_once(score: float):
    reached = []

    def evaluate(architecture: int, trial: nw.TrialContext) -> float:
        trial.report(1, 0.5)
        trial.report(2, score)
        reached.append(True)
        return 1.0

    failure = outcome(evaluate).failure
    assert failure is not None
    assert failure.kind is FailureKind.NOT_FINITE
    assert "after step 2" in failure.message
    assert not reached


def test_a_report_of_no_number_names_what_it_got():
    failure = outcome(lambda architecture, trial: trial.report(1, "0.5")).failure
    assert failure is not None
    assert "trial.report got '0.5' (str); expected a number" in failure.message


def test_a_report_after_the_end_is_refused():
    kept: list[nw.TrialContext] = []

    def evaluate(architecture: int, trial: nw.TrialContext) -> float:
        kept.append(trial)
        return 1.0

    outcome(evaluate)
    with pytest.raises(RuntimeError, match="after the function had ended"):
        kept[0].report(1, 0.5)
    with pytest.raises(RuntimeError, match="removed"):
        _ = kept[0].folder


def test_the_folder_is_empty_and_removed_whatever_happens():
    folders: list[Path] = []

    def evaluate(architecture: int, trial: nw.TrialContext) -> float:
        folders.append(trial.folder)
        assert list(trial.folder.iterdir()) == []
        (trial.folder / "weights").write_text("1")
        if len(folders) == 2:
            raise ValueError("broken")
        trial.report(1, 0.5)
        return 1.0

    for is_over in (never, never, after(1)):
        outcome(evaluate, is_over=is_over)
    assert len(set(folders)) == 3
    assert not any(folder.exists() for folder in folders)


def test_nw_search_stops_children_at_rungs(tmp_path: Path):
    epochs = []

    def evaluate(architecture: int, trial: nw.TrialContext) -> float:
        for epoch in range(1, 5):
            epochs.append(architecture)
            trial.report(epoch, architecture * epoch / 160)
        return architecture / 40

    results = nw.search(numbers(), evaluate, num_trials=60, strategy="random", rungs=[(1, 1 / 4)], out=tmp_path / "run")
    states = [trial.state for trial in results.trials]
    assert states.count(TrialState.STOPPED) >= 15
    assert results.best.state is TrialState.DONE
    assert results.best.proposal.architecture == max(trial.proposal.architecture for trial in results.trials)
    trained = [trial for trial in results.trials if trial.reused_from is None]
    assert len(epochs) == sum(len(trial.metrics["values"]) for trial in trained) < 4 * len(trained)
    again = nw.search(numbers(), evaluate, num_trials=60, strategy="random", rungs=[(1, 1 / 4)], out=tmp_path / "run")
    assert [(trial.state, trial.reward, trial.metrics) for trial in again.trials] == [
        (trial.state, trial.reward, trial.metrics) for trial in results.trials
    ]


@pytest.mark.parametrize(
    ("evaluate", "rungs", "problem"),
    [
        (lambda architecture: 1.0, [(1, 0.25)], r"evaluate\(architecture, trial\)"),
        (lambda architecture, trial: 1.0, [(4, 0.25), (2, 0.25)], "ascending order; 2 follows 4"),
        (lambda architecture, trial: 1.0, [(2, 0.25), (2, 0.5)], "ascending order; 2 follows 2"),
        (lambda architecture, trial: 1.0, [(1, 0.0)], "greater than 0"),
        (lambda architecture, trial: 1.0, [(1, 1.5)], "less than or equal to 1"),
        (lambda architecture, trial: 1.0, [(0, 0.5)], "greater than 0"),
        (lambda architecture, trial: 1.0, [(1, math.nan)], "greater than 0|finite"),
    ],
)
def test_rungs_that_stop_nothing_are_refused(evaluate: Callable[..., float], rungs, problem: str):
    with pytest.raises(ConfigError, match=problem):
        nw.search(numbers(), evaluate, num_trials=2, rungs=rungs)
