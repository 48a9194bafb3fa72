"""TensorBoard's own reader finds what the store holds: live, each step once, whatever interrupted the search."""

import importlib.util
import itertools
import os
import queue
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netwright.config import FunctionSettings, RandomSettings, RunConfig
from netwright.errors import install
from netwright.integrations.tensorboard import Curves
from netwright.searching.callbacks import Callbacks
from netwright.searching.core import Step
from netwright.searching.factory import make_core
from netwright.searching.placement import Placement
from netwright.searching.run import run_search
from netwright.searching.store import Store
from netwright.trials import Measurement, Outcome, Update
from oracles.interrupted import interrupted_at_every_line
from oracles.spaces_to_try import small

installed = pytest.mark.skipif(importlib.util.find_spec("tensorboard") is None, reason="needs tensorboard: make tools")
Cli = Callable[..., Any]
Start = Callable[..., Any]
Points = list[tuple[int, float]]


def curves(run: Path) -> dict[str, Points]:
    """Every curve in the run's folder as (step, value), in the order of the file."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0}).Reload()
    return {tag: [(each.step, each.value) for each in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def expected_curves(run: Path) -> dict[str, Points]:
    """The same from the store, with numpy; event files hold float32."""
    with Store.read(run) as store:
        trials = [trial for trial in store.trials() if trial.state.finished]
        updates, batch_size = store.updates(), store.document("config")["batch_size"]
    numbers = [trial.number for trial in trials]
    measured = [trial.number for trial in trials if trial.state == "done"]
    rewards = np.array([trial.reward for trial in trials if trial.state == "done"])
    # For each trial from the first measured one on, how many are measured up to it.
    so_far = [(n, sum(m <= n for m in measured)) for n in numbers if n >= measured[0]]
    failed = np.array([trial.state == "failed" for trial in trials])
    last = [slice(max(0, n - 49), n + 1) for n in range(len(trials))]
    expected = {
        "trials/reward": zip(measured, rewards, strict=True),
        "trials/value": [(trial.number, trial.metrics["value"]) for trial in trials if trial.state == "done"],
        "trials/best_reward": [(n, rewards[:count].max()) for n, count in so_far],
        "trials/mean_reward_of_the_last_50": [(n, rewards[max(0, count - 50) : count].mean()) for n, count in so_far],
        "trials/share_failed_of_the_last_50": [(numbers[s.stop - 1], failed[s].mean()) for s in last],
        "trials/seconds_per_child": [(t.number, t.seconds) for t in trials if t.reused_from is None],
    }
    for name in {name for each in updates for name in each.metrics}:
        having = [each for each in updates if name in each.metrics]
        expected[f"updates/{name}"] = [((each.round + 1) * batch_size, each.metrics[name]) for each in having]
    return {tag: [(step, float(np.float32(value))) for step, value in points] for tag, points in expected.items()}


def our_files(run: Path) -> list[Path]:
    return list((run / "tensorboard").glob("*.netwright"))


@installed
@pytest.mark.parametrize("function", ["config", "of_sometimes"])
def test_every_curve_is_what_the_store_holds(cli: Cli, recipe_file: Path, tmp_path: Path, function: str) -> None:
    run = tmp_path / "run"
    search = ("search", f"{recipe_file}:{function}", "--trials", 62, "--workers", 2, "-o", run, "--tensorboard")
    result = cli(*search)
    assert result.exit_code == 0, result.stderr
    assert f"live curves: tensorboard --logdir {run / 'tensorboard'}\n" in result.stderr
    found = curves(run)
    assert found == expected_curves(run)
    assert [step for step, _ in found["trials/share_failed_of_the_last_50"]] == list(range(62))
    assert [step for step, _ in found["updates/entropy"]] == list(range(4, 61, 4))
    assert {"updates/baseline", "updates/mean_reward", "updates/gradient_norm"} < set(found)
    share = found["trials/share_failed_of_the_last_50"][-1][1]
    assert (share > 0) == (function == "of_sometimes")


@installed
@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_search_that_goes_on_has_each_step_once(
    start: Start, cli: Cli, recipe_file: Path, tmp_path: Path, kill: signal.Signals
) -> None:
    run = tmp_path / "run"
    search = ("search", f"{recipe_file}:config", "--trials", 40, "--workers", 2, "-o", run, "--tensorboard")
    command = start(*search, TEST_SECONDS="0.1")
    command.until(run, 12)
    os.killpg(command.process.pid, kill)
    command.end()
    assert 12 <= len(expected_curves(run)["trials/reward"]) < 40

    foreign = run / "tensorboard" / "notes.txt"
    foreign.write_text("mine")
    assert cli("resume", run, "--trials", 26).exit_code == 0  # a stretch without curves
    assert cli("resume", run, "--trials", 44, "--tensorboard").exit_code == 0
    found = curves(run)
    assert found == expected_curves(run)
    assert [step for step, _ in found["trials/reward"]] == list(range(44))
    assert foreign.read_text() == "mine"
    assert len(our_files(run)) == 1


class Interrupting(Callbacks):
    """Stands for a Ctrl-C during the fifth step."""

    num_steps = 0

    def step(self, step: Step) -> None:
        self.num_steps += 1
        if self.num_steps == 5:
            raise KeyboardInterrupt


@installed
def test_an_interruption_loses_nothing(tmp_path: Path) -> None:
    run = tmp_path / "run"
    evaluate = FunctionSettings(function=lambda architecture: float(sum(architecture["sizes"])))
    config = RunConfig(space=small(), evaluate=evaluate, num_trials=20, batch_size=2)
    with pytest.raises(KeyboardInterrupt), Callbacks(Curves(run), Interrupting()) as callback:
        run_search(config, run, Placement(), callback)
    found = curves(run)
    assert found == expected_curves(run)
    assert 4 <= len(found["trials/reward"]) < 20
    assert found["updates/entropy"]


@installed
def test_ctrl_c_in_the_middle_of_a_step_leaves_none_half_written(tmp_path: Path) -> None:
    run = tmp_path / "run"
    config = RunConfig(space=small(), evaluate=FunctionSettings(function=lambda architecture: 0.0))
    rounds = itertools.count(step=2)

    def step() -> None:
        first = next(rounds)
        own.step(Step(updates=tuple(Update(number, {"entropy": float(number)}) for number in (first, first + 1))))

    with Store.create(run, {"about": {"score_name": "value"}}) as store, Curves(run) as own:
        own.begin(make_core(config, store), config, Placement(), ())
        step()  # what is imported at the first is not traced
        places = list(interrupted_at_every_line(step))
    num_in_queue = sum(where.startswith(queue.__file__) for where in places)
    written = [number for _, number in curves(run)["updates/entropy"]]
    assert written == sorted(set(written))
    assert {number - 1 for number in written if number % 2} == {number for number in written if number % 2 == 0}
    assert 0 < num_in_queue < len(written) / 2


@installed
def test_a_finished_run_gets_its_curves(cli: Cli, recipe_file: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert cli("search", f"{recipe_file}:config", "--trials", 8, "-o", run).exit_code == 0
    assert not (run / "tensorboard").exists()
    for _ in range(2):
        assert cli("resume", run, "--tensorboard").exit_code == 0
        assert curves(run) == expected_curves(run)
    assert len(our_files(run)) == 1


@installed
def test_what_ends_out_of_order_is_written_in_order_and_at_once(tmp_path: Path) -> None:
    run = tmp_path / "run"
    evaluate = FunctionSettings(function=lambda architecture: 0.0)
    config = RunConfig(
        space=small(), strategy=RandomSettings(), evaluate=evaluate, num_trials=8, batch_size=4, reuse=False
    )
    documents = {"config": {"batch_size": 4}, "about": {"score_name": "value"}}
    with Store.create(run, documents) as store, Curves(run) as own:
        core = make_core(config, store)
        own.begin(core, config, Placement(), ())
        own.step(core.start())

        def end(number: int) -> Points:
            measured = Measurement({"value": float(10 + number)})
            step = core.receive(Outcome(number, measured, None, seconds=1.0))
            store.commit(step.trials, step.updates, step.state())
            own.step(step)
            return curves(run).get("trials/reward", [])

        assert end(2) == end(1) == end(5) == []
        assert end(0) == [(0, 10.0), (1, 11.0), (2, 12.0)]
        assert end(3) == [(0, 10.0), (1, 11.0), (2, 12.0), (3, 13.0)]
        assert curves(run)["updates/mean_reward"] == [(4, 11.5)]
        assert end(7) == [(0, 10.0), (1, 11.0), (2, 12.0), (3, 13.0)]
    assert curves(run)["trials/reward"][4:] == [(5, 15.0), (7, 17.0)]
    assert curves(run) == expected_curves(run)


@installed
def test_a_folder_that_cannot_be_written_is_an_error_with_its_remedy(
    cli: Cli, recipe_file: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "tensorboard").write_text("a file")
    result = cli("search", f"{recipe_file}:config", "--trials", 4, "-o", run, "--tensorboard")
    assert result.exit_code == 2
    assert f"cannot write the curves in {run / 'tensorboard'}: File exists; mend it, or go on without" in result.stderr


def test_without_the_extra_nothing_is_searched(
    cli: Cli, recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    run = tmp_path / "run"
    result = cli("search", f"{recipe_file}:config", "-o", run, "--tensorboard")
    assert result.exit_code == 2
    assert f"--tensorboard needs tensorboard, not installed here: {install('tensorboard')}" in result.stderr
    assert not run.exists()
    assert not recipe_file.with_name("calls.txt").exists()
