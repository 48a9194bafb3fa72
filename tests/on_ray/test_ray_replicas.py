"""Replicas whose draws and gradients are computed by the workers of a Ray cluster."""

import os
import signal
import threading
from pathlib import Path
from typing import Any

import netwright as nw
from netwright.searching.store import Store
from oracles.ray_runs import trials, until
from oracles.refusals import Cli

RECIPE = '''
import os
import time
from pathlib import Path
from typing import Any

import netwright as nw

DRIVER = os.getpid()
PROCESSES = Path(__file__).with_name("processes.txt")


@nw.space
def tiny():
    """Never ends when a replica, which draws or differentiates, goes through it for the ninth time."""
    if os.getpid() != DRIVER:
        with PROCESSES.open("a") as notes:
            notes.write(f"{os.getpid()}\\n")
        if PROCESSES.read_text().count("\\n") == 9:
            time.sleep(600)
    widths = []
    for _ in range(3):
        widths.append((yield nw.Choice("width", tuple(range(10)))))
    return widths


def value(architecture):
    return float(sum(architecture))


def config():
    return nw.RunConfig(space=tiny(), evaluate={"kind": "function", "function": value}, num_trials=24, batch_size=2)
'''


def test_a_worker_that_is_killed_while_a_replica_computes_changes_nothing(
    cli: Cli, recipe_file: Path, connected: str, tmp_path: Path
) -> None:
    """With one worker batches end in one order, so that the search can be held against one in this process."""
    recipe_file.write_text(RECIPE)
    local, run, processes = tmp_path / "local", tmp_path / "run", tmp_path / "processes.txt"
    search = ("search", f"{recipe_file}:config", "--replicas", 3, "--batch", 2, "--servers", 3, "--workers", 1)
    search += ("--set", "reuse=false", "--set", "strategy.learning_rate=0.05")
    assert cli(*search, "-o", local).exit_code == 0
    assert not processes.exists()

    def kill() -> None:
        until(lambda: processes.exists() and len(processes.read_text().split()) == 9, "no replica computes", 60)
        os.kill(int(processes.read_text().split()[-1]), signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    assert cli(*search, "--executor", "ray", "--address", connected, "-o", run).exit_code == 0
    thread.join()
    first, last = processes.read_text().split()[0], processes.read_text().split()[-1]
    assert first != last
    assert trials(run) == trials(local)
    with Store.read(run) as ours, Store.read(local) as theirs:
        assert len(ours.updates()) == 12
        assert ours.updates() == theirs.updates()
        assert ours.strategy_state() == theirs.strategy_state()
    assert cli("replay", run).exit_code == 0


@nw.space
def digits():
    written = []
    for _ in range(4):
        written.append((yield nw.Choice("digit", tuple(range(10)))))
    return written


def total(architecture: list[int]) -> float:
    return float(sum(architecture))


def test_from_python_it_is_the_search_in_this_process(connected: str) -> None:
    settings: dict[str, Any] = {"num_trials": 16, "batch_size": 2, "replicas": 2}
    here = nw.search(digits(), total, **settings)
    there = nw.search(digits(), total, executor="ray", address=connected, workers=1, **settings)
    assert [(trial.proposal, trial.reward) for trial in there.trials] == [
        (trial.proposal, trial.reward) for trial in here.trials
    ]
    assert max(trial.proposal.policy_version for trial in here.trials) > 3
