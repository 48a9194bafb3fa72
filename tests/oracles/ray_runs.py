"""What tests of runs on Ray look at: trials that must repeat, children begun, processes of this machine."""

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from netwright.searching.store import Store


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


def until(happened: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"after {seconds} seconds: {what}"
        time.sleep(0.05)


def processes_named(name: str) -> list[int]:
    """Of this machine; Ray gives an actor's process the name of its class."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes().startswith(name.encode()):
                found.append(int(path.parent.name))
    return found


def num_calls(folder: Path) -> int:
    calls = folder / "calls.txt"
    return calls.read_text().count("\n") if calls.exists() else 0
