"""What a user's `evaluate` may do: change the process, start processes, be interrupted."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import netwright as nw
from netwright.trials import TrialState
from oracles.tiny_search import Architecture, seen, tiny, total


def test_a_relative_out_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)

    def evaluate(architecture: Architecture) -> float:
        os.chdir(tmp_path / "elsewhere")
        return total(architecture)

    nw.search(tiny(), evaluate, num_trials=4, strategy="random", out="runs/a")
    assert (tmp_path / "runs" / "a" / "report.html").exists()
    assert not list((tmp_path / "elsewhere").iterdir())
    assert Path.cwd() == tmp_path


def test_a_relative_out_stays_where_it_was_if_the_space_changes_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)

    @nw.space
    def space() -> Any:
        os.chdir(tmp_path / ("elsewhere" if (tmp_path / "run").exists() else ""))
        return {"widths": [(yield nw.Choice("width", (1, 2, 3, 4)))]}

    nw.search(space(), total, num_trials=4, strategy="random", out="run")
    assert (tmp_path / "run" / "report.html").exists()
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("strategy", ["reinforce", "ppo"])
@pytest.mark.parametrize("when", ["before", "in evaluate"])
def test_torchs_defaults_and_global_random_numbers_change_no_trial(strategy: str, when: str) -> None:
    def change() -> None:
        torch.set_default_dtype(torch.float64)
        torch.set_default_device("meta")
        torch.set_grad_enabled(False)
        random.seed(7)
        np.random.seed(7)
        torch.default_generator.manual_seed(7)

    def evaluate(architecture: Architecture) -> float:
        if when == "in evaluate":
            change()
        return total(architecture)

    plain = nw.search(tiny(), total, num_trials=24, strategy=strategy)
    try:
        if when == "before":
            change()
        again = nw.search(tiny(), evaluate, num_trials=24, strategy=strategy)
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_default_device(None)
        torch.set_grad_enabled(True)
    assert seen(again.trials) == seen(plain.trials)


def test_a_search_leaves_the_callers_random_numbers() -> None:
    """In a fresh process, where the libraries are imported at first use."""
    script = (
        "import random, netwright as nw\n"
        "space = nw.space(lambda: (yield nw.Choice('a', (0, 1))))()\n"
        "before = random.getstate()\n"
        "nw.search(space, float, num_trials=3)\n"
        "assert random.getstate() == before\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def starts_processes(architecture: Architecture) -> float:
    from torch.utils.data import DataLoader, TensorDataset

    batches = DataLoader(TensorDataset(torch.ones(4)), batch_size=2, num_workers=1)
    value = sum(float(batch[0].sum()) for batch in batches)
    process = multiprocessing.Process(target=abs, args=(1,))
    process.start()
    process.join()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return value + sum(pool.map(abs, [0, -process.exitcode]))  # type: ignore[operator]


@pytest.mark.slow
def test_evaluate_may_start_processes_in_a_worker() -> None:
    results = nw.search(tiny(1), starts_processes, num_trials=2, strategy="random", workers=1)
    assert [(trial.error, trial.reward) for trial in results.trials] == [(None, 4.0)] * 2


def search_with(workers: int | None) -> int:
    return len(nw.search(tiny(), total, num_trials=8, strategy="random", workers=workers).trials)


@pytest.mark.slow
def test_a_search_with_workers_in_a_daemonic_process() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply_async(search_with, (1,)).get(60) == 8


class Interrupts:
    """Interrupts the search in its fifth child."""

    def __init__(self, number: signal.Signals) -> None:
        self.number, self.count = number, 0

    def __call__(self, architecture: Any) -> float:
        self.count += 1
        if self.count == 5:
            signal.raise_signal(self.number)
        return total(architecture)


def test_ctrl_c_gives_the_results_so_far_if_they_would_be_lost(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="interrupted: 4 of 20 trials have ended"):
        results = nw.search(tiny(), Interrupts(signal.SIGINT), num_trials=20, strategy="random", batch_size=30)
    ended = [trial for trial in results.trials if trial.state is TrialState.DONE]
    assert len(ended) == 4
    assert results.best.reward == max(total(trial.proposal.architecture) for trial in ended)
    assert results.state == "interrupted"
    with pytest.raises(KeyboardInterrupt):
        nw.search(tiny(), Interrupts(signal.SIGINT), num_trials=20, strategy="random", out=tmp_path / "run")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_end_the_script_as_ctrl_c_does(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt):
        nw.search(tiny(), Interrupts(number), num_trials=20, strategy="random")
    assert signal.getsignal(number) is before
