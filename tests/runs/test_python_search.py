"""`nw.search` with a user's own space and own plain function, whatever that function does."""

import os
import re
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import netwright as nw
from netwright.errors import ConfigError, RunError, SpaceError, StoreError
from netwright.trials import FailureKind, Trial, TrialState

Architecture = dict[str, list[int]]


@nw.space
def tiny(num_layers: int = 3):  # type: ignore[no-untyped-def]
    widths = []
    for _ in range(num_layers):
        widths.append((yield nw.Choice("width", (1, 2, 3, 4))))
    return {"widths": widths}


def total(architecture: Architecture) -> float:
    return float(sum(architecture["widths"]))


def raise_always(architecture: Architecture) -> float:
    raise LookupError(f"no such network: {architecture}")  # the line that a user looks for


def raise_sometimes(architecture: Architecture) -> float:
    if architecture["widths"][0] == 4:
        raise LookupError("no such network")
    return total(architecture)


def seen(trials: tuple[Trial, ...]) -> list[tuple[object, ...]]:
    """What must be the same where a search is repeated."""
    drawn = [(trial.number, trial.proposal.actions, trial.proposal.policy_version) for trial in trials]
    ended = [(trial.state, trial.reward, trial.reused_from, trial.failure_kind) for trial in trials]
    return list(zip(drawn, ended, strict=True))


def states(results: Any) -> Counter[TrialState]:
    return Counter(trial.state for trial in results.trials)


# What comes back


@pytest.mark.parametrize("workers", [None, 2])
@pytest.mark.parametrize("space", [tiny, tiny(), tiny(num_layers=2)])
def test_the_best_is_what_the_function_says(space: Any, workers: int | None) -> None:
    results = nw.search(space, total, num_trials=30, workers=workers)
    assert [trial.number for trial in results.trials] == list(range(30))
    assert states(results) == {TrialState.DONE: 30}
    assert all(trial.reward == trial.metrics["value"] == total(trial.proposal.architecture) for trial in results.trials)
    assert results.best.reward == max(trial.reward for trial in results.trials if trial.reward is not None)
    top = results.top(5)
    assert [trial.reward for trial in top] == sorted((trial.reward for trial in top), reverse=True)
    assert len({trial.fingerprint for trial in top}) == 5


def test_a_lambda_in_a_worker() -> None:
    factor = 3
    results = nw.search(tiny(), lambda network: factor * network["widths"][0], num_trials=4, workers=1)
    assert [trial.reward for trial in results.trials] == [
        3 * trial.proposal.architecture["widths"][0] for trial in results.trials
    ]


def test_an_object_with_state_as_function() -> None:
    class Judge:
        def __init__(self) -> None:
            self.calls = 0

        def __call__(self, architecture: Architecture) -> float:
            self.calls += 1
            return total(architecture)

    judge = Judge()
    results = nw.search(tiny(), judge, num_trials=40)
    reused = [trial for trial in results.trials if trial.reused_from is not None]
    assert reused
    assert judge.calls == 40 - len(reused) == len({trial.fingerprint for trial in results.trials})


def test_a_duplicate_takes_the_reward_of_the_first_with_its_architecture() -> None:
    drawn = iter(range(100))
    results = nw.search(tiny(num_layers=1), lambda _: next(drawn), num_trials=12)
    first: dict[str, Trial] = {}
    for trial in results.trials:
        original = first.setdefault(trial.fingerprint, trial)
        assert trial.reward == original.reward
        assert trial.reused_from == (None if trial is original else original.number)
    assert len(first) <= 4


@pytest.mark.parametrize("strategy", ["reinforce", "random"])
def test_workers_change_nothing_and_the_seed_everything(strategy: str) -> None:
    one, two, other = (
        nw.search(tiny(), total, num_trials=24, batch_size=4, strategy=strategy, workers=workers, seed=seed)
        for workers, seed in ((None, 0), (2, 0), (None, 1))
    )
    assert seen(one.trials) == seen(two.trials)
    assert seen(one.trials) != seen(other.trials)


def test_a_batch_that_ends_before_the_one_ahead_of_it_changes_nothing(tmp_path: Path) -> None:
    def slow_once(architecture: Architecture) -> float:
        try:
            (tmp_path / "begun").touch(exist_ok=False)
        except FileExistsError:
            return total(architecture)
        time.sleep(1)
        return total(architecture)

    arguments: dict[str, Any] = {"space": tiny(), "num_trials": 12, "batch_size": 2}
    late = nw.search(evaluate=slow_once, workers=2, **arguments)
    in_order = nw.search(evaluate=total, **arguments)
    assert seen(late.trials) == seen(in_order.trials)
    assert [trial.proposal.policy_version for trial in late.trials] == [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_reinforce_learns_and_random_search_does_not() -> None:
    def mean_of_last(strategy: Any) -> float:
        results = nw.search(tiny(), lambda network: float(network["widths"][0] == 4), num_trials=200, strategy=strategy)
        return float(np.mean([trial.reward for trial in results.trials[-40:]]))

    assert mean_of_last(nw.ReinforceSettings(learning_rate=0.05)) > 0.9
    assert mean_of_last("random") < 0.6


@pytest.mark.parametrize(
    ("value", "reward"),
    [(1, 1.0), (True, 1.0), (np.float32(0.5), 0.5), (np.int64(3), 3.0), (torch.tensor(0.25), 0.25), (-2.5, -2.5)],
)
def test_every_kind_of_number_is_a_reward(value: Any, reward: float) -> None:
    results = nw.search(tiny(), lambda _: value, num_trials=2)
    assert [trial.reward for trial in results.trials] == [reward, reward]
    assert all(type(trial.reward) is float for trial in results.trials)


# What goes wrong


@pytest.mark.parametrize("workers", [None, 2])
def test_what_always_raises_stops_the_search_with_the_users_own_line(workers: int | None, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="first 3 trials all failed") as caught:
        nw.search(tiny(), raise_always, num_trials=50, workers=workers, out=tmp_path / "run")
    message = str(caught.value)
    assert f'File "{__file__}", line {raise_always.__code__.co_firstlineno + 1}, in raise_always' in message
    assert "the line that a user looks for" in message
    assert "LookupError: no such network: {'widths': [" in message
    assert "attempts.py" not in message
    # Mended: the same call goes on, and the three failures stand.
    with pytest.warns(UserWarning, match="3 of 12 trials failed; trial "):
        results = _mended(tmp_path / "run")
    assert states(results)[TrialState.FAILED] == 3


def _mended(run: Path) -> Any:
    """The call of the test above with a function of the same name that works."""
    mended: Callable[..., float] = lambda architecture: total(architecture)  # noqa: E731
    mended.__qualname__ = "raise_always"
    return nw.search(tiny(), mended, num_trials=12, out=run)


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
    for trial in failed:
        assert (trial.reward, trial.failure_kind) == (0.0, FailureKind.EXCEPTION)
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
    assert all((trial.failure_kind, trial.reward) == (kind, 0.0) for trial in failed)
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


# What cannot be meant


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"strategy": "reinforc"}, ConfigError, "unknown strategy 'reinforc'; did you mean 'reinforce'?"),
        ({"num_trials": 0}, ConfigError, "num_trials: Input should be greater than 0"),
        ({"num_trials": -1}, ConfigError, "num_trials: Input should be greater than 0"),
        ({"num_trials": "many"}, ConfigError, "num_trials: Input should be a valid integer"),
        ({"workers": 0}, ConfigError, "workers is a number of processes, 1 or more"),
        ({"batch_size": 0}, ConfigError, "batch_size: Input should be greater than 0"),
        ({"lag": -1}, ConfigError, "lag: Input should be greater than or equal to 0"),
        ({"time_limit_seconds": 3}, ConfigError, "time_limit_seconds needs processes.* pass workers=1"),
        ({"time_limit_seconds": 0, "workers": 1}, ConfigError, "time_limit_seconds: Input should be greater than 0"),
        ({"evaluate": 3}, ConfigError, "evaluate is a function of an architecture that returns a number; got 3"),
        ({"space": 3}, SpaceError, "needs a space"),
        ({"space": lambda: 3}, SpaceError, "needs a space"),
    ],
)
def test_a_wrong_argument_is_named(changes: dict[str, Any], kind: type[Exception], message: str) -> None:
    arguments: dict[str, Any] = {"space": tiny(), "evaluate": total, "num_trials": 4, **changes}
    with pytest.raises(kind, match=message):
        nw.search(**arguments)


# What stays on disk


def test_the_same_call_goes_on_and_more_trials_extend_it(tmp_path: Path) -> None:
    calls: list[Architecture] = []

    def evaluate(architecture: Architecture) -> float:
        calls.append(architecture)
        return total(architecture)

    def search(num_trials: int, workers: int | None = None) -> Any:
        return nw.search(tiny(), evaluate, num_trials=num_trials, out=tmp_path / "run", workers=workers)

    assert len(search(10).trials) == 10
    num_calls = len(calls)
    assert len(search(10).trials) == 10
    assert len(calls) == num_calls
    extended = search(30)
    at_once = nw.search(tiny(), total, num_trials=30)
    assert seen(extended.trials) == seen(at_once.trials)
    assert len(calls) == len({str(call) for call in calls})
    assert seen(search(30, workers=1).trials) == seen(at_once.trials)
    assert seen(search(10).trials) == seen(at_once.trials[:10])


def test_an_interrupted_search_goes_on(tmp_path: Path) -> None:
    calls: list[Architecture] = []

    def evaluate(architecture: Architecture) -> float:
        calls.append(architecture)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return total(architecture)

    with pytest.raises(KeyboardInterrupt):
        nw.search(tiny(), evaluate, num_trials=20, out=tmp_path / "run")
    results = nw.search(tiny(), evaluate, num_trials=20, out=tmp_path / "run")
    assert seen(results.trials) == seen(nw.search(tiny(), total, num_trials=20).trials)
    # Only the one that was interrupted was evaluated twice.
    assert {count for call, count in Counter(map(str, calls)).items() if call != str(calls[7])} == {1}
    assert Counter(map(str, calls))[str(calls[7])] == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 7}, "seed: 0 in the run, now 7"),
        ({"strategy": "random"}, "strategy.name: 'reinforce' in the run, now 'random'"),
        ({"space": tiny(num_layers=2)}, "space.num_layers: 3 in the run, now 2"),
        ({"lag": 0, "batch_size": 2}, "batch_size: 8 in the run, now 2; lag: 1 in the run, now 0"),
        ({"evaluate": raise_always}, "evaluate.function: '.*:total' in the run, now '.*:raise_always'"),
    ],
)
def test_other_settings_on_the_same_folder_are_refused_by_name(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    arguments: dict[str, Any] = {"space": tiny(), "evaluate": total, "num_trials": 2, "out": tmp_path / "run"}
    first = nw.search(**arguments)
    with pytest.raises(ConfigError, match=message):
        nw.search(**{**arguments, **changes})
    assert seen(nw.search(**arguments).trials) == seen(first.trials)


def test_two_searches_cannot_write_one_run(tmp_path: Path) -> None:
    inside, leave = threading.Event(), threading.Event()

    def evaluate(architecture: Architecture) -> float:
        inside.set()
        assert leave.wait(30)
        return total(architecture)

    arguments: dict[str, Any] = {"space": tiny(), "evaluate": evaluate, "num_trials": 3, "out": tmp_path / "run"}
    writer = threading.Thread(target=nw.search, kwargs=arguments)
    writer.start()
    try:
        assert inside.wait(30)
        with pytest.raises(StoreError, match="another process is writing"):
            nw.search(**arguments)
    finally:
        leave.set()
        writer.join()
    assert states(nw.search(**arguments)) == {TrialState.DONE: 3}


# Where functions come from

SCRIPT = """
import dataclasses
import os

import netwright as nw

PARENT = os.getpid()


@dataclasses.dataclass(frozen=True)
class Network:
    widths: tuple[int, ...]


@nw.space
def my_space(num_layers: int = 3):
    widths = []
    for _ in range(num_layers):
        widths.append((yield nw.Choice("width", (1, 2, 3, 4))))
    return Network(tuple(widths))


def evaluate(network):
    assert isinstance(network, Network)
    assert os.getpid() != PARENT
    return float(sum(network.widths))


results = nw.search(my_space(), evaluate, num_trials=10, workers=2, out="run")
print("best", results.best.reward, results.best.proposal.architecture)
assert len(results.trials) == 10
assert all(trial.reward == sum(trial.proposal.architecture.widths) for trial in results.trials), results
"""


def python(folder: Path, *arguments: str) -> str:
    """What a new Python prints; it must end well and in silence."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("how", ["a script", "a command"])
def test_what_a_script_defines_without_a_guard_arrives(how: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    first = python(tmp_path, *(("-c", SCRIPT) if how == "a command" else ("script.py",)))
    assert first.startswith("best ")
    assert "Network(widths=(" in first


def test_a_script_sees_its_own_traceback(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(
        "import netwright as nw\n\n"
        "@nw.space\ndef my_space():\n    return {'width': (yield nw.Choice('width', tuple(range(9))))}\n\n"
        "def evaluate(network):\n    return 1 / 0  # my mistake\n\n"
        "nw.search(my_space(), evaluate, num_trials=10, workers=2)\n"
    )
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "return 1 / 0  # my mistake" in done.stderr
    assert "ZeroDivisionError: division by zero" in done.stderr
    assert "RunError: the first 3 trials all failed" in done.stderr


def test_a_search_leaves_no_warning_and_no_process_behind(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nw.search(tiny(), total, num_trials=4, workers=2, out=tmp_path / "run")
    assert not [path for path in Path("/proc").glob("[0-9]*/stat") if _is_child(path)]


def _is_child(path: Path) -> bool:
    """Whether this is a worker of ours; loky's resource tracker stays for the next search."""
    try:
        parent = int(path.read_text().rpartition(")")[2].split()[1])
        command = path.with_name("cmdline").read_bytes()
    except OSError:
        return False
    return parent == os.getpid() and b"resource_tracker" not in command and b"loky" in command
