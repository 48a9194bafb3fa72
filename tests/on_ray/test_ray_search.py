"""Searches by the command line with children on Ray: equal to local ones, whoever is killed on the way."""

import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import netwright as nw
from netwright.searching.store import Store
from netwright.trials import TrialState
from oracles.ray_nodes import Nodes
from oracles.ray_runs import num_calls, trials, until
from oracles.refusals import Cli, Start, one_line

DIGITS = [
    "search", "digits", "--trials", 4, "--set", "batch_size=2", "--set", "confirm.at_end=false",
    "--set", "evaluate.epochs=1", "--set", "evaluate.num_train=100", "--set", "evaluate.num_validation=50",
    "--set", "evaluate.last_epochs=1", "--set", "strategy.learning_rate=0.05", "--set", "space.num_layers=2",
    "--set", "evaluate.upsample=8", "--set", "lag=0",
]  # fmt: skip


RAYS_AGENTS = ("ray::DashboardA", "ray::RuntimeEnv")
"""Small processes of Ray's that take up to a minute and a half to notice that the rest has been killed."""


def processes(session: int) -> list[str]:
    """The names of the processes of a session that are alive."""
    found: list[str] = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            head, _, rest = path.read_text().rpartition(")")
        except OSError:
            continue
        state, _, _, of = rest.split()[:4]
        if int(of) == session and state != "Z":
            found.append(head.partition("(")[2])
    return found


def test_digits_on_ray_equal_digits_in_local_workers(cli: Cli, address: str, tmp_path: Path) -> None:
    local, ray = tmp_path / "local", tmp_path / "ray"
    assert cli(*DIGITS, "--workers", 1, "-o", local).exit_code == 0
    result = cli(*DIGITS, "--executor", "ray", "--address", address, "-o", ray)
    assert result.exit_code == 0
    assert "workers=2" in result.stderr
    expected = trials(local)
    assert [trial[1] for trial in expected] == [TrialState.DONE] * 4
    assert [trial[5] for trial in expected] == [0] * 2 + [1] * 2, "or else nothing was learned on the way"
    assert trials(ray) == expected
    with Store.read(ray) as store:
        assert store.document("place") == {
            "workers": None, "data": None, "verify": True,
            "executor": "ray", "address": address, "gpus_per_child": None,
        }  # fmt: skip


@pytest.fixture
def expected(cli: Cli, recipe_file: Path, tmp_path: Path) -> list[tuple[object, ...]]:
    """The trials of the user's recipe in a local worker."""
    assert cli("search", f"{recipe_file}:config", "--workers", 1, "-o", tmp_path / "local").exit_code == 0
    (tmp_path / "calls.txt").unlink()
    return trials(tmp_path / "local")


@pytest.mark.slow
def test_a_node_is_killed_and_no_trial_is_lost_or_stored_twice(
    start: Start, recipe_file: Path, nodes: Nodes, tmp_path: Path, expected: list[tuple[object, ...]]
) -> None:
    run = tmp_path / "run"
    pid = nodes.add(num_cpus=2)
    try:
        search = ("search", f"{recipe_file}:config", "--executor", "ray", "--address", nodes.address, "-o", run)
        command = start(*search, TEST_SECONDS="0.5")
        until(lambda: num_calls(tmp_path) >= 4, "no four children were begun")
        command.until(run, 2)
        os.kill(pid, signal.SIGKILL)
        code, _, err = command.end(90)
        assert code == 0, err
        assert "workers=4" in err
    finally:
        nodes.remove(pid)
    assert trials(run) == expected
    distinct = sum(trial[6] is None for trial in expected)
    assert distinct < num_calls(tmp_path) <= distinct + 2, "the children of the dead node, and no others, begin again"


@pytest.mark.slow
def test_the_driver_is_killed_and_the_same_command_goes_on(
    start: Start, recipe_file: Path, nodes: Nodes, tmp_path: Path, expected: list[tuple[object, ...]]
) -> None:
    run, calls = tmp_path / "run", tmp_path / "calls.txt"
    search = ("search", f"{recipe_file}:config", "--executor", "ray", "--address", nodes.address, "-o", run)
    command = start(*search, TEST_SECONDS="0.4")
    command.until(run, 6)
    os.kill(command.process.pid, signal.SIGKILL)
    command.end()
    before = [trial for trial in trials(run) if trial[1] is TrialState.DONE]
    assert 6 <= len(before) < 24
    code, _, err = start(*search).end(60)
    assert code == 0, err
    assert trials(run) == expected
    counted = Counter(calls.read_text().split())
    with Store.read(run) as store:
        widths = [trial.proposal.architecture["widths"] for trial in store.trials()]
    assert all(counted["-".join(map(str, widths[trial[0]]))] == 1 for trial in before)  # type: ignore[index]
    assert counted.total() <= len(counted) + 4, "two in workers, two whose answer was on its way"


@pytest.mark.parametrize("what", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "killed"])
def test_an_interrupted_search_leaves_no_process_of_the_cluster_that_it_started(
    start: Start, recipe_file: Path, nodes: Nodes, tmp_path: Path, what: signal.Signals
) -> None:
    run = tmp_path / "run"
    command = start("search", f"{recipe_file}:config", "--executor", "ray", "-o", run, TEST_SECONDS="300")
    until(lambda: num_calls(tmp_path) >= 2, "no child was begun", 60)
    assert len(processes(command.process.pid)) > 4
    if what is signal.SIGINT:  # a terminal sends it to the whole group
        os.killpg(command.process.pid, what)
        code, out, err = command.end(20)
        assert (code, out) == (130, "")
        assert f"Interrupted. Every finished trial is kept; go on: netwright resume {run}" in one_line(err)
    else:
        os.kill(command.process.pid, what)
    slow = RAYS_AGENTS if what is signal.SIGKILL else ()
    until(lambda: not set(processes(command.process.pid)).difference(slow), "processes are left")


def test_an_interrupted_search_leaves_the_cluster_and_takes_its_children_along(
    start: Start, cli: Cli, recipe_file: Path, address: str, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    search: tuple[Any, ...] = ("search", f"{recipe_file}:config", "--executor", "ray", "--address", address, "-o", run)
    command = start(*search, TEST_SECONDS="300")
    until(lambda: num_calls(tmp_path) == 2, "no two children were begun", 60)
    command.process.send_signal(signal.SIGTERM)
    code, out, err = command.end(20)
    assert (code, out) == (130, ""), err
    # Both processors are free again, or else this would wait for 300 seconds.
    assert cli(*search, "--workers", 2).exit_code == 0
    assert len(trials(run)) == 24


def rising(architecture: list[int], trial: nw.TrialContext) -> float:
    """A curve that rises to the sum of the digits."""
    for epoch in range(1, 5):
        trial.report(epoch, sum(architecture) * epoch / 4)
    return float(sum(architecture))


def test_children_are_stopped_on_ray_as_in_this_process(connected: str) -> None:
    settings: dict[str, Any] = {"num_trials": 40, "batch_size": 4, "rungs": [(1, 0.5), (2, 0.5)], "seed": 1}
    here = nw.search(three_digits(), rising, **settings)
    there = nw.search(three_digits(), rising, executor="ray", address=connected, workers=2, **settings)
    found, expected = (
        [(trial.proposal, trial.state, trial.reward, trial.metrics) for trial in results.trials]
        for results in (there, here)
    )
    assert found == expected
    assert sum(trial.state is TrialState.STOPPED for trial in here.trials) > 5


@nw.space
def three_digits():  # type: ignore[no-untyped-def]
    found = []
    for _ in range(3):
        found.append((yield nw.Choice("digit", tuple(range(9)))))
    return found
