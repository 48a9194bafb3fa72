"""The same seed gives the same search: on any number of workers, after `kill -9`, asked for at once or in two runs."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netwright.searching.store import FILE_NAME, Store
from netwright.trials import Trial, TrialState
from oracles.processes import members

DIGITS = [
    "search", "digits", "--set", "batch_size=4", "--set", "confirm.at_end=false", "--set", "evaluate.epochs=2",
    "--set", "evaluate.num_train=200", "--set", "evaluate.num_validation=100", "--set", "evaluate.last_epochs=1",
    "--set", "strategy.learning_rate=0.05", "--set", "space.num_layers=3", "--set", "evaluate.upsample=8",
]  # fmt: skip
Start = Callable[..., Any]
Cli = Callable[..., Any]


def trials(run: Path) -> list[tuple[object, ...]]:
    """Everything about a run's trials that must repeat."""
    with Store.read(run) as store:
        limit = store.document("config")["num_trials"]
        return [
            (
                trial.number, trial.state, trial.proposal.actions, trial.reward, dict(trial.metrics),
                trial.proposal.policy_version, trial.reused_from, trial.failure_kind,
            )
            for trial in store.trials()[:limit]
        ]  # fmt: skip


@pytest.mark.slow
def test_digits_gives_the_same_trials_on_one_worker_and_on_two_killed_and_extended(
    start: Start, cli: Cli, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    command = start(*DIGITS, "--trials", 10, "--workers", 2, "-o", two)
    command.until(two, 5)
    command.kill()
    before = [trial for trial in trials(two) if trial[1] is TrialState.DONE]
    assert 5 <= len(before) < 10
    assert cli("resume", two, "--trials", 14).exit_code == 0
    assert cli(*DIGITS, "--trials", 14, "--workers", 1, "-o", one).exit_code == 0

    expected = trials(one)
    assert [trial[1] for trial in expected] == [TrialState.DONE] * 14
    assert [trial[5] for trial in expected] == [0] * 8 + [1] * 4 + [2] * 2, "or else nothing was learned on the way"
    assert trials(two) == expected
    assert all(trial in expected for trial in before)


@pytest.mark.parametrize("strategy", ["reinforce", "random"])
def test_an_own_recipe_gives_the_same_trials_whatever_happens(
    start: Start, cli: Cli, recipe_file: Path, tmp_path: Path, strategy: str
) -> None:
    search = ["search", f"{recipe_file}:config", "--strategy", strategy]
    one, two, killed, extended, other = (tmp_path / name for name in ("one", "two", "killed", "extended", "other"))
    command = start(*search, "--trials", 40, "--workers", 2, "-o", killed, TEST_SECONDS="0.05")

    for arguments in (
        (*search, "--trials", 40, "--workers", 1, "-o", one),
        (*search, "--trials", 40, "--workers", 2, "-o", two),
        (*search, "--trials", 18, "--workers", 2, "-o", extended),
        (*search, "--trials", 40, "--workers", 1, "-o", extended),
        (*search, "--trials", 40, "--workers", 2, "--seed", 1, "-o", other),
    ):
        assert cli(*arguments).exit_code == 0
        if arguments[-1] == one:  # meanwhile
            command.until(killed, 5)
            command.kill()
            assert sum(trial[1].finished for trial in trials(killed)) < 40  # type: ignore[attr-defined]
    assert cli("resume", killed).exit_code == 0

    expected = trials(one)
    assert [trial[0] for trial in expected] == list(range(40))
    assert any(trial[6] is not None for trial in expected), "no duplicate came up, so this test shows little"
    assert trials(two) == expected
    assert trials(killed) == expected
    assert trials(extended) == expected
    assert trials(other) != expected


def test_no_finished_child_is_trained_twice(start: Start, cli: Cli, recipe_file: Path, tmp_path: Path) -> None:
    run, calls = tmp_path / "run", tmp_path / "calls.txt"
    search = ["search", f"{recipe_file}:config", "--trials", 40, "--workers", 2, "-o", run]
    seen: list[tuple[set[str], Counter[str]]] = []
    for num_finished in (6, 18):
        command = start(*search, TEST_SECONDS="0.05")
        command.until(run, num_finished)
        command.kill()
        with Store.read(run) as store:
            finished = {name(trial) for trial in store.trials() if trial.state is TrialState.DONE}
        num_calls = Counter(calls.read_text().split())
        assert len(num_calls.keys() - finished) <= 4  # two in workers, two whose answer was on its way
        seen.append((finished, num_calls))
    assert cli(*search).exit_code == 0

    at_last = Counter(calls.read_text().split())
    for finished, num_calls in seen:
        assert {each: at_last[each] for each in finished} == {each: num_calls[each] for each in finished}
    with Store.read(run) as store:
        tried = {name(trial) for trial in store.trials()[:40]}
    assert set(at_last) == tried
    assert at_last.total() <= len(tried) + 2 * 4
    assert cli(*search).exit_code == 0
    assert Counter(calls.read_text().split()) == at_last


def test_workers_exit_after_their_parent_was_killed_and_the_run_can_go_on_at_once(
    start: Start, cli: Cli, recipe_file: Path, tmp_path: Path
) -> None:
    run, calls = tmp_path / "run", tmp_path / "calls.txt"
    search = ["search", f"{recipe_file}:config", "--trials", 24, "--workers", 2, "-o", run]
    command = start(*search, TEST_SECONDS="100")
    deadline = time.monotonic() + 60
    while not (calls.exists() and calls.read_text().count("\n") == 2):
        assert time.monotonic() < deadline, "no child was begun"
        time.sleep(0.05)
    group = command.process.pid
    assert len(members(group)) >= 3
    os.kill(command.process.pid, signal.SIGKILL)
    command.process.wait()
    # Nobody holds the lock any more, though the workers may still live.
    assert cli(*search).exit_code == 0
    deadline = time.monotonic() + 5
    while members(group):
        assert time.monotonic() < deadline, f"processes {members(group)} outlive their parent"
        time.sleep(0.05)
    assert len(trials(run)) == 24


def test_a_killed_run_has_no_half_made_store(cli: Cli, recipe_file: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / (FILE_NAME + ".new")).write_bytes(b"what a process left that was killed while it made the store")
    assert cli("search", f"{recipe_file}:config", "--trials", 4, "-o", run).exit_code == 0
    assert not (run / (FILE_NAME + ".new")).exists()
    assert len(trials(run)) == 4


def name(trial: Trial) -> str:
    """How the recipe notes a call with this architecture."""
    return "-".join(map(str, trial.proposal.architecture["widths"]))
