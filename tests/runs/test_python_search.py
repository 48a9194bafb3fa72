"""`nw.search` with a user's own space and own plain function: what comes back, and what cannot be meant."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import netwright as nw
from netwright.errors import ConfigError, SpaceError
from netwright.trials import Trial, TrialState
from oracles.tiny_search import Architecture, seen, states, tiny, total

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
        ({"replicas": 0}, ConfigError, "count: Input should be greater than 0"),
        ({"replicas": 2, "strategy": "random"}, ConfigError, "random has no replicas"),
        ({"executor": "dask"}, ConfigError, "executor is 'local' or 'ray'; got 'dask'"),
        ({"address": "auto"}, ConfigError, "address and gpus_per_child in Python.* are for children on a Ray cluster"),
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
