"""What failed and rejected children are learned with: below every reward, the same bits however the search runs."""

import math
import random
import statistics

import failures
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_core import KilledError, RecordingExecutor, config, history, run, value

from netwright.config import STRATEGIES, RunConfig
from netwright.errors import ConfigError
from netwright.recipes import RECIPES
from netwright.searching.failure_values import FailureValues, below
from netwright.searching.replay import replay
from netwright.searching.results import Results
from netwright.searching.store import Store
from netwright.trials import LARGEST_REWARD, Failure, FailureKind, Measurement, Proposal, Trial, TrialState


def outcome_of(job):
    """Negative rewards, and a third of the architectures fails."""
    if job.architecture[0] in (1, 4):
        return Failure(FailureKind.EXCEPTION, "boo")
    return Measurement({"value": value(job.architecture) - 3.0})


def test_the_value_is_as_far_below_the_lowest_reward_as_the_median_is_above_it():
    assert below([-3.0, -1.0, 5.0]) == -5.0
    assert below([0.2, 0.4]) == pytest.approx(0.1)
    assert below([0.5, 0.5, 0.5]) == -0.5  # less 1 if all are equal
    assert below([-LARGEST_REWARD, 0.0, 0.0]) == -LARGEST_REWARD


@given(st.lists(st.floats(-1e30, 1e30, allow_subnormal=False), min_size=1))
def test_the_value_is_below_every_reward_in_float32_too(rewards):
    import numpy as np

    assert np.float32(below(sorted(rewards))) < np.float32(min(rewards))


def test_each_batch_counts_the_rewards_up_to_itself():
    def trials(*rewards):
        states = [TrialState.FAILED if reward is None else TrialState.DONE for reward in rewards]
        return [
            Trial(number, Proposal({}, (), number), state, reward)
            for number, (state, reward) in enumerate(zip(states, rewards, strict=True))
        ]

    values = FailureValues(None, None)
    first, metrics = values.assign(trials(None, None))
    assert metrics == {}
    assert [trial.reward for trial in first] == [None, None]  # nothing to compare with, so nothing to learn
    _, metrics = values.assign(trials(2.0, 4.0, None))
    assert metrics == {"failure_reward": 1.0}  # 2 - (3 - 2)
    third, metrics = values.assign(trials(-7.0, None, 4.0))
    assert metrics == {"failure_reward": -17.0}  # -7 - (3 + 7)
    assert [trial.reward for trial in third] == [-7.0, -17.0, 4.0]


def test_failed_children_store_no_reward_and_are_learned_below_all_others():
    documents = {"config": config().to_json(), "about": {"data": None, "score_name": "value"}}
    store = Store.in_memory(documents)
    core, _ = run(config(), RecordingExecutor(3, seed=0, outcome_of=outcome_of), store)
    stored, shown = store.trials()[:60], Results.of(store, running=False).trials
    failed = [trial for trial in stored if trial.state is TrialState.FAILED]
    assert failed
    assert all(trial.reward is None for trial in failed)
    for number in range(0, 60, 4):
        seen = [trial.reward for trial in stored[: number + 4] if trial.state is TrialState.DONE]
        expected = min(seen) - (statistics.median(seen) - min(seen) or 1.0)
        for trial in core.trials[number : number + 4]:
            assert trial.reward == (
                pytest.approx(expected) if trial.state is TrialState.FAILED else stored[trial.number].reward
            )
            assert shown[trial.number].reward == trial.reward


@pytest.mark.parametrize("lag", [0, 2])
def test_the_values_are_the_same_bits_on_any_number_of_workers(lag):
    first, store = run(config(lag=lag), RecordingExecutor(1, seed=0, outcome_of=outcome_of))
    for workers in (2, 64):
        core, other = run(config(lag=lag), RecordingExecutor(workers, seed=workers, outcome_of=outcome_of))
        assert history(core.trials) == history(first.trials)
        assert other.updates() == store.updates()
        assert other.strategy_state() == store.strategy_state()


def test_the_values_are_the_same_bits_over_twelve_restarts_and_in_a_replay(tmp_path):
    whole, store = run(config(), RecordingExecutor(3, seed=0, outcome_of=outcome_of))
    rng, num_restarts = random.Random(5), 0
    documents = {"config": config().to_json()}
    Store.create(tmp_path / "run", documents).close()
    while True:
        executor = RecordingExecutor(3, seed=num_restarts, outcome_of=outcome_of, kill_after=rng.randrange(1, 3))
        with Store.open(tmp_path / "run") as other:
            try:
                core, _ = run(config(), executor, other)
                break
            except KilledError:
                num_restarts += 1
    assert num_restarts >= 12
    assert history(core.trials) == history(whole.trials)
    with Store.read(tmp_path / "run") as other:
        assert other.updates() == store.updates()
        assert other.strategy_state() == store.strategy_state()
        assert replay(config(), other).num_updates == len(store.updates())


SLOW = {"thompson", "optuna", "large-scale-evolution"}


@pytest.mark.parametrize(
    "strategy", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in STRATEGIES]
)
@pytest.mark.parametrize("sign", ["negative", pytest.param("positive", marks=pytest.mark.slow)])
def test_no_strategy_proposes_what_fails_more_often_than_chance(strategy, sign):
    """The standard deviation of the mean of 200 random proposals is 0.033; `benchmarks/failures.py` has more seeds."""
    share = statistics.fmean(failures.share_of_failures(strategy, sign, seed) for seed in range(2))
    assert share < failures.CHANCE + 0.067
    if strategy in ("ppo", "thompson", "optuna"):  # those that learn fast enough
        assert share < 0.15


def test_the_recipes_of_the_paper_keep_zero():
    for name, recipe in RECIPES.items():
        settings = recipe()
        expected = (
            0.0
            if name.removeprefix("cifar10-") in ("cifar10", "strides", "pooling", "slides")
            or name in ("ptb", "ptb-max-sin", "ptb-characters")
            else None
        )
        assert settings.failure_reward == settings.constraints.rejected_reward == expected, name


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 1e39, "nan", "Infinity"])
def test_numbers_that_are_no_rewards_are_refused_as_settings(number):
    document = config().to_json()
    for changes in ({"failure_reward": number}, {"constraints": {"rejected_reward": number}}):
        with pytest.raises(ConfigError, match="reward"):
            RunConfig.from_json({**document, "space": config().space, "evaluate": config().evaluate, **changes})


@pytest.mark.parametrize("number", ["nan", "inf", "NaN", "-Infinity"])
def test_no_setting_takes_a_number_that_is_not_finite(number):
    """Every number among the settings of a recipe of each kind."""
    for recipe in ("digits", "ptb"):
        settings = RECIPES[recipe]()
        for name in ("strategy.learning_rate", "evaluate.learning_rate", "time_limit_seconds", "constraints.weight"):
            with pytest.raises(ConfigError, match="finite"):
                settings.with_settings([f"{name}={number}"])
