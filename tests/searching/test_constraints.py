"""Under a virtual clock: children above a limit are rejected untrained and learned from; the soft form of rewards."""

import random

import pytest
from test_core import KilledError, RecordingExecutor, config, history, value

from netwright.config import ConstraintSettings
from netwright.errors import ConfigError
from netwright.evaluation.constraints import Constraints
from netwright.evaluation.factory import evaluation_of
from netwright.searching.core import SearchCore
from netwright.searching.factory import make_strategy
from netwright.searching.loop import drive
from netwright.searching.store import Store
from netwright.trials import Failure, FailureKind, TrialState

LIMIT = 60


def count(architecture):
    """A made-up price: 11 .. 66."""
    return {"num_parameters": 10 * architecture[0] + architecture[1] + 11, "multiply_adds": 7}


def constrained(settings, store, **changes):
    """As `make_core`, with made-up costs."""
    constraints = Constraints(count, **{"limits": {"num_parameters": LIMIT}, "rejected_reward": -0.5, **changes})
    options = {name: getattr(settings, name) for name in ("num_trials", "seed", "batch_size", "lag", "reuse")}
    core = SearchCore(
        make_strategy(settings), evaluation_of(settings.evaluate).reward, constraints=constraints, **options
    )
    core.restore(store.trials(settings.space), store.updates(), store.strategy_state())
    return core


def run(settings, executor, store=None, **changes):
    store = store or Store.in_memory({})
    core = constrained(settings, store, **changes)
    drive(core, executor, store)
    return core, store


def is_above(trial):
    return count(trial.proposal.architecture)["num_parameters"] > LIMIT


def test_a_child_above_a_limit_is_rejected_and_never_trained():
    executor = RecordingExecutor(3, seed=0)
    core, store = run(config(), executor)
    trials = core.trials[:60]
    rejected = [trial for trial in trials if trial.state is TrialState.REJECTED]
    assert rejected == [trial for trial in trials if is_above(trial)] != []
    assert not {trial.number for trial in rejected} & {job.number for job in executor.submitted}
    for trial in rejected:
        costs = count(trial.proposal.architecture)
        assert (trial.reward, trial.metrics, trial.reused_from, trial.seconds) == (-0.5, costs, None, None)
        assert trial.error == f"num_parameters {costs['num_parameters']} above the limit {LIMIT}"
    assert len(store.updates()) == 15


def test_a_child_at_the_limit_is_trained():
    core, _ = run(config(), RecordingExecutor(3, seed=0), limits={"num_parameters": 61})
    assert not [trial for trial in core.trials[:60] if trial.metrics["num_parameters"] == 61 and trial.error]
    assert [trial for trial in core.trials[:60] if trial.state is TrialState.REJECTED]


def test_what_is_rejected_is_learned_from():
    """The first batch differs by the reward of its rejected trials alone; so must the update."""
    updates = []
    for reward in (-0.5, 0.0):
        core, store = run(config(num_trials=8, lag=0), RecordingExecutor(1, seed=0), rejected_reward=reward, limits=LOW)
        assert any(trial.state is TrialState.REJECTED for trial in core.trials[:4])
        rewards = [trial.reward for trial in core.trials[:4]]
        assert store.updates()[0].metrics["mean_reward"] == pytest.approx(sum(rewards) / 4)
        updates.append(store.updates()[0])
    assert updates[0] != updates[1]


LOW = {"num_parameters": 35}


def test_under_a_limit_the_controller_learns_to_keep_it():
    settings = config(num_trials=400, strategy=config().strategy.model_copy(update={"learning_rate": 0.02}))
    core, _ = run(settings, RecordingExecutor(4, seed=0), limits=LOW, rejected_reward=0.0)
    above = [trial.state is TrialState.REJECTED for trial in core.trials[:400]]
    assert sum(above[:100]) > 30
    assert sum(above[-100:]) < 5


@pytest.mark.parametrize("lag", [0, 1, 3])
def test_the_search_is_the_same_on_any_number_of_workers(lag):
    first, store = run(config(lag=lag), RecordingExecutor(1, seed=0), limits=LOW)
    for workers in (2, 7, 64):
        core, other = run(config(lag=lag), RecordingExecutor(workers, seed=workers), limits=LOW)
        assert history(core.trials) == history(first.trials)
        assert other.updates() == store.updates()


@pytest.mark.parametrize("lag", [0, 1])
def test_the_search_is_the_same_across_kills(tmp_path, lag):
    uninterrupted, _ = run(config(lag=lag), RecordingExecutor(3, seed=0), limits=LOW)
    rng = random.Random(lag)
    Store.create(tmp_path / "run", {}).close()
    for start in range(100):
        executor = RecordingExecutor(3, seed=start, kill_after=rng.randrange(1, 4))
        with Store.open(tmp_path / "run") as store:
            try:
                core, _ = run(config(lag=lag), executor, store, limits=LOW)
                break
            except KilledError:
                continue
    assert start > 2
    assert history(core.trials) == history(uninterrupted.trials)
    assert [trial.metrics for trial in core.trials] == [trial.metrics for trial in uninterrupted.trials]


def test_trials_past_the_trial_limit_are_not_rejected_yet():
    core, _ = run(config(num_trials=10), RecordingExecutor(1, seed=0), limits={"num_parameters": 1})
    assert all(trial.state is TrialState.REJECTED for trial in core.trials[:10])
    assert all(trial.state is TrialState.QUEUED for trial in core.trials[10:])


def test_when_nothing_keeps_the_limit_the_search_ends_untrained():
    executor = RecordingExecutor(1, seed=0)
    core, store = run(config(), executor, limits={"multiply_adds": 6})
    assert executor.submitted == []
    assert core.finished
    assert len(store.updates()) == 15


def test_the_soft_form_multiplies_the_reward_by_the_power_of_target_over_cost():
    targets = {"num_parameters": 20, "multiply_adds": 14}
    core, _ = run(config(), RecordingExecutor(3, seed=0), limits={}, targets=targets, weight=0.5)
    for trial in core.trials[:60]:
        expected = value(trial.proposal.architecture) * (20 / trial.metrics["num_parameters"]) ** 0.5 * 2**0.5
        assert trial.reward == pytest.approx(expected)
        assert trial.metrics["value"] == value(trial.proposal.architecture)


def test_the_costs_of_every_child_are_among_its_metrics_also_where_it_failed():
    failing = RecordingExecutor(3, seed=0, outcome_of=lambda job: Failure(FailureKind.TIME_LIMIT, "slow"))
    for executor in (RecordingExecutor(3, seed=0), failing):
        core, _ = run(config(), executor, limits=LOW)
        for trial in core.trials[:60]:
            assert dict(trial.metrics).items() >= count(trial.proposal.architecture).items()


@pytest.mark.parametrize("setting", ["max_parameters", "max_multiply_adds", "target_parameters"])
def test_limits_need_costs_that_can_be_counted(setting):
    with pytest.raises(ConfigError, match="a function of your own"):
        config().changed(constraints=ConstraintSettings(**{setting: 3}))
