"""`nw.search` with a function that raises, returns no number, dies or never ends."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import netwright as nw
from netwright.errors import ConfigError, RunError
from netwright.trials import FailureKind, TrialState
from oracles.tiny_search import Architecture, raise_always, seen, states, tiny, total


def raise_sometimes(architecture: Architecture) -> float:
    if architecture["widths"][0] == 4:
        raise LookupError("no such network")
    return total(architecture)


@pytest.mark.parametrize("workers", [None, 2])
def test_what_always_raises_stops_the_search_with_the_users_own_line(workers: int | None, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="first 3 trials all failed") as caught:
        nw.search(tiny(), raise_always, num_trials=50, workers=workers, out=tmp_path / "run")
    message = str(caught.value)
    code = raise_always.__code__
    assert f'File "{code.co_filename}", line {code.co_firstlineno + 1}, in raise_always' in message
    assert "the line that a user looks for" in message
    assert "LookupError: no such network: {'widths': [" in message
    assert "attempts.py" not in message
    # Mended: another function is refused, and with accept_changes the three failures stand.
    with pytest.raises(ConfigError, match="the code has changed"):
        _mended(tmp_path / "run", accept_changes=False)
    with pytest.warns(UserWarning, match="3 of 12 trials failed; trial "):
        results = _mended(tmp_path / "run", accept_changes=True)
    assert states(results)[TrialState.FAILED] == 3


def _mended(run: Path, *, accept_changes: bool) -> Any:
    """The call of the test above with a function of the same name that works."""
    mended: Callable[..., float] = lambda architecture: total(architecture)  # noqa: E731
    mended.__module__, mended.__qualname__ = raise_always.__module__, raise_always.__qualname__
    return nw.search(tiny(), mended, num_trials=12, out=run, accept_changes=accept_changes)


@pytest.mark.parametrize("workers", [None, 2])
def test_what_sometimes_raises_fails_those_trials_and_warns_once(workers: int | None) -> None:
    with pytest.warns(UserWarning, match=r"of 24 trials failed; trial \d+: exception: LookupError") as caught:
        results = nw.search(tiny(), raise_sometimes, num_trials=24, workers=workers)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert "in raise_sometimes" in str(caught[0].message)
    failed = [trial for trial in results.trials if trial.state is TrialState.FAILED]
    assert {trial.fingerprint for trial in failed} == {
        trial.fingerprint for trial in results.trials if trial.proposal.architecture["widths"][0] == 4
    }
    assert failed
    lowest = min(trial.reward for trial in results.trials if trial.state is TrialState.DONE)
    for trial in failed:
        assert trial.failure_kind is FailureKind.EXCEPTION
        assert trial.reward < lowest
        assert "LookupError: no such network" in (trial.error or "")
    assert results.best.proposal.architecture["widths"][0] != 4


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (float("nan"), FailureKind.NOT_FINITE, "not finite: the value is nan"),
        (float("inf"), FailureKind.NOT_FINITE, "not finite: the value is inf"),
        (-np.float64("inf"), FailureKind.NOT_FINITE, "not finite: the value is -inf"),
        ("0.9", FailureKind.EXCEPTION, "evaluate returned '0.9' (str); expected a number"),
        (None, FailureKind.EXCEPTION, "evaluate returned None (NoneType); expected a number"),
        ([0.9], FailureKind.EXCEPTION, "evaluate returned [0.9] (list); expected a number"),
        (10**400, FailureKind.EXCEPTION, "int too large"),
        (1j, FailureKind.EXCEPTION, "evaluate returned 1j (complex)"),
    ],
)
def test_what_is_no_reward_is_a_failed_trial_that_says_what_was_returned(
    value: Any, kind: FailureKind, message: str
) -> None:
    def evaluate(architecture: Architecture) -> Any:
        return value if architecture["widths"][0] != 1 else 0.5

    with pytest.warns(UserWarning, match="failed"):
        results = nw.search(tiny(), evaluate, num_trials=24, strategy="random", seed=3)
    failed = [trial for trial in results.trials if trial.state is TrialState.FAILED]
    assert failed
    lowest = min(trial.reward for trial in results.trials if trial.state is TrialState.DONE)
    assert all(trial.failure_kind == kind and trial.reward < lowest for trial in failed)
    assert message in (failed[0].error or "")
    assert results.best.reward == 0.5


def test_running_out_of_memory_has_its_own_reason() -> None:
    def greedy(architecture: Architecture) -> float:
        if architecture["widths"][0] == 1:
            torch.empty(2**60, dtype=torch.uint8)
        if architecture["widths"][0] == 2:
            raise MemoryError
        return 1.0

    with pytest.warns(UserWarning, match="out of memory"):
        results = nw.search(tiny(), greedy, num_trials=24)
    failed = [trial for trial in results.trials if trial.state is TrialState.FAILED]
    assert {trial.failure_kind for trial in failed} == {FailureKind.OUT_OF_MEMORY}
    assert {trial.proposal.architecture["widths"][0] for trial in failed} == {1, 2}


def test_an_error_with_a_text_that_is_not_unicode_is_kept_readable(tmp_path: Path) -> None:
    def evaluate(architecture: Architecture) -> float:
        if architecture["widths"][0] == 4:
            raise FileNotFoundError(os.fsdecode(b"caf\xe9.bin"))
        return 1.0

    with pytest.warns(UserWarning, match=re.escape(r"caf\udce9.bin")):
        nw.search(tiny(), evaluate, num_trials=16, out=tmp_path / "run")


def test_a_worker_that_dies_is_tried_again_and_then_given_up(tmp_path: Path) -> None:
    notes = tmp_path / "notes"

    def evaluate(architecture: Architecture) -> float:
        if architecture["widths"][0] == 4:
            with notes.open("a") as file:
                file.write(f"{architecture['widths']}\n")
            os._exit(1)
        return 1.0

    with pytest.warns(UserWarning, match="worker lost"):
        results = nw.search(tiny(num_layers=1), evaluate, num_trials=12, workers=2)
    lost = [trial for trial in results.trials if trial.state is TrialState.FAILED]
    assert lost
    assert {trial.proposal.architecture["widths"][0] for trial in lost} == {4}
    assert all((trial.reward, trial.failure_kind) == (None, FailureKind.WORKER_LOST) for trial in lost)
    assert states(results) == {TrialState.FAILED: len(lost), TrialState.DONE: 12 - len(lost)}
    assert notes.read_text() == "[4]\n" * 3


def test_a_worker_that_dies_once_leaves_no_trace(tmp_path: Path) -> None:
    died = tmp_path / "died"

    def evaluate(architecture: Architecture) -> float:
        if not died.exists():
            died.touch()
            os._exit(1)
        return total(architecture)

    results = nw.search(tiny(), evaluate, num_trials=8, workers=1)
    assert died.exists()
    assert seen(results.trials) == seen(nw.search(tiny(), total, num_trials=8).trials)


def test_the_time_limit_ends_a_child_and_only_that_one() -> None:
    def evaluate(architecture: Architecture) -> float:
        while architecture["widths"][0] == 4:
            pass
        return 1.0

    with pytest.warns(UserWarning, match=r"time limit: stopped after 0\.5 seconds"):
        results = nw.search(tiny(num_layers=1), evaluate, num_trials=12, workers=2, time_limit_seconds=0.5)
    failed = {trial.failure_kind for trial in results.trials if trial.proposal.architecture["widths"][0] == 4}
    assert failed == {FailureKind.TIME_LIMIT}
    assert all(
        trial.reward == (0.0 if trial.proposal.architecture["widths"][0] == 4 else 1.0) for trial in results.trials
    )
