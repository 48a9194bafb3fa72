"""The search core under a virtual clock: children end in any order, on any number of workers, across restarts."""

import random
from dataclasses import replace

import pytest

from netwright.config import FunctionSettings, RandomSettings, ReinforceSettings, RunConfig
from netwright.searching.core import LEARNED
from netwright.searching.factory import make_core
from netwright.searching.loop import drive
from netwright.searching.store import Store
from netwright.spaces.decisions import Choice
from netwright.spaces.programs import space
from netwright.testing.virtual_clock import VirtualExecutor, log_normal
from netwright.trials import MAX_ATTEMPTS, Failure, FailureKind, Measurement, Outcome, StrategyState, TrialState


@space
def pairs():
    """36 architectures, so that duplicates are frequent."""
    return [(yield Choice("digit", tuple(range(6)))), (yield Choice("digit", tuple(range(6))))]


def value(architecture):
    return (architecture[0] + 2 * architecture[1]) / 15


class KilledError(Exception):
    """Stands for kill -9 of the search."""


class RecordingExecutor(VirtualExecutor):
    """Records what is submitted, stops the search after `kill_after` outcomes, and returns the failures it is given."""

    def __init__(self, workers, seed, *, outcome_of=None, kill_after=None):
        evaluate = outcome_of or (lambda job: Measurement({"value": value(job.architecture)}))
        super().__init__(evaluate, slots=workers, seconds=log_normal(1.0, seed=seed))
        self._left, self.submitted, self.most_in_flight = kill_after, [], 0

    def submit(self, job):
        super().submit(job)
        self.submitted.append(job)
        self.most_in_flight = max(self.most_in_flight, len(self._ends))

    def wait(self):
        if self._left == 0:
            raise KilledError
        self._left = None if self._left is None else self._left - 1
        (outcome,) = super().wait()
        failed = isinstance(outcome.measurement, Failure)
        return [replace(outcome, measurement=None, failure=outcome.measurement) if failed else outcome]


def config(**changes):
    return RunConfig(
        space=pairs(),
        evaluate=FunctionSettings(function=value),
        **{"strategy": ReinforceSettings(learning_rate=0.05), "num_trials": 60, "batch_size": 4, **changes},
    )


def run(settings, executor, store=None):
    store = store or Store.in_memory({})
    core = make_core(settings, store)
    drive(core, executor, store)
    return core, store


def history(trials):
    return [(t.proposal.actions, t.reward, t.proposal.policy_version, t.reused_from, t.state) for t in trials]


@pytest.mark.parametrize("lag", [0, 1, 3])
@pytest.mark.parametrize("strategy", [ReinforceSettings(learning_rate=0.05), RandomSettings()], ids=lambda s: s.name)
def test_the_search_is_the_same_on_any_number_of_workers(lag, strategy):
    settings = config(lag=lag, strategy=strategy)
    first, store = run(settings, RecordingExecutor(1, seed=0))
    for workers in (2, 7, 64):
        core, other = run(settings, RecordingExecutor(workers, seed=workers))
        assert history(core.trials) == history(first.trials)
        assert other.updates() == store.updates()
        assert other.strategy_state() == store.strategy_state()


@pytest.mark.parametrize("lag", [0, 1, 3])
def test_the_search_is_the_same_across_kills_at_random_moments(tmp_path, lag):
    settings = config(lag=lag)
    uninterrupted, _ = run(settings, RecordingExecutor(3, seed=0))
    rng = random.Random(lag)
    Store.create(tmp_path / "run", {}).close()
    for start in range(100):
        executor = RecordingExecutor(3, seed=start, kill_after=rng.randrange(1, 4))
        with Store.open(tmp_path / "run") as store:
            try:
                core, _ = run(settings, executor, store)
                break
            except KilledError:
                continue
    assert start > 4
    assert history(core.trials) == history(uninterrupted.trials)


def test_no_finished_child_is_trained_again_after_a_kill(tmp_path):
    finished_before = set()
    Store.create(tmp_path / "run", {}).close()
    for start in range(100):
        executor = RecordingExecutor(3, seed=start, kill_after=3)
        with Store.open(tmp_path / "run") as store:
            try:
                run(config(), executor, store)
                break
            except KilledError:
                pass
            finally:
                assert not finished_before & {job.number for job in executor.submitted}
                finished_before = {trial.number for trial in store.trials() if trial.state.finished}
    assert len(finished_before) >= 60


@pytest.mark.parametrize("writes", ["on", "anew"])
def test_a_reader_sees_one_moment(tmp_path, writes):
    folder = tmp_path / "run"
    writer = Store.create(folder, {})
    with pytest.raises(KilledError):
        run(config(), RecordingExecutor(3, seed=0, kill_after=12), writer)
    if writes == "anew":
        writer.close()
    with Store.read(folder) as reader:
        ended = {trial.number for trial in reader.trials() if trial.state.finished}
        if writes == "anew":
            writer = Store.open(folder)
        run(config(), RecordingExecutor(3, seed=1), writer)
        writer.close()
        learned = reader.learned()
        assert {trial.number for trial in reader.trials() if trial.state.finished} == ended
    assert learned
    assert all(set(range(4 * number, 4 * number + 4)) <= ended for number in learned)
    with Store.read(folder) as reader:
        assert len(reader.learned()) == 15


@pytest.mark.parametrize("lag", [0, 2])
def test_batches_are_drawn_with_the_policy_that_the_lag_says(lag):
    core, store = run(config(lag=lag), RecordingExecutor(64, seed=1))
    versions = [trial.proposal.policy_version for trial in core.trials]
    assert versions == [max(0, number // 4 - lag) for number in range(len(versions))]
    assert [update.round for update in store.updates()] == list(range(15))


@pytest.mark.parametrize("lag", [0, 1, 3])
def test_no_more_children_are_in_flight_than_the_lag_allows(lag):
    executor = RecordingExecutor(64, seed=1)
    run(config(lag=lag, reuse=False), executor)
    assert executor.most_in_flight == (lag + 1) * 4


def test_asking_for_more_later_gives_the_same_search_as_asking_at_once():
    at_once, _ = run(config(num_trials=50), RecordingExecutor(5, seed=1))
    store = Store.in_memory({})
    for limit in (1, 13, 14, 29, 50):
        core, _ = run(config(num_trials=limit), RecordingExecutor(5, seed=limit), store)
        assert all(trial.state.finished for trial in core.trials[:limit])
        assert not any(trial.state.finished for trial in core.trials[limit:])
    assert history(core.trials) == history(at_once.trials)


def test_a_state_without_the_number_of_learned_batches_is_taken_for_the_last_one():
    """As an earlier netwright stored it, after every batch."""
    store = Store.in_memory({})
    run(config(num_trials=29), RecordingExecutor(5, seed=1), store)
    state = store.strategy_state()
    values = {name: value for name, value in state.values.items() if name != LEARNED}
    store.commit([], [], StrategyState(values, state.tensors))
    core, _ = run(config(num_trials=50), RecordingExecutor(5, seed=2), store)
    assert history(core.trials) == history(run(config(num_trials=50), RecordingExecutor(5, seed=1))[0].trials)


def test_an_incomplete_last_batch_is_drawn_whole_and_not_learned():
    core, store = run(config(num_trials=10), RecordingExecutor(2, seed=1))
    assert len(core.trials) % 4 == 0
    assert len(store.updates()) == 2


def test_duplicates_take_over_the_measurement_of_the_first_and_are_learned_from():
    executor = RecordingExecutor(3, seed=0)
    core, _ = run(config(), executor)
    architectures = [str(job.architecture) for job in executor.submitted]
    assert len(architectures) == len(set(architectures)) < 60
    for trial in core.trials[:60]:
        first = next(t for t in core.trials if t.fingerprint == trial.fingerprint)
        assert trial.reused_from == (None if first is trial else first.number)
        assert trial.reward == value(trial.proposal.architecture)


def test_without_reuse_everything_is_trained_from_its_own_seed():
    executor = RecordingExecutor(3, seed=0)
    run(config(reuse=False), executor)
    assert len(executor.submitted) == 60
    assert len({job.seed for job in executor.submitted}) == 60


def test_a_lost_worker_is_tried_again_and_never_learned_from():
    lost = Failure(FailureKind.WORKER_LOST, "gone")
    first_seen = set()

    def lose_once(job):
        if job.number in first_seen:
            return Measurement({"value": value(job.architecture)})
        first_seen.add(job.number)
        return lost

    steady, _ = run(config(), RecordingExecutor(3, seed=0))
    shaky, _ = run(config(), RecordingExecutor(3, seed=0, outcome_of=lose_once))
    assert history(shaky.trials) == history(steady.trials)

    def lose_always(job):
        return lost if job.architecture == steady.trials[0].proposal.architecture else Measurement({"value": 0.5})

    executor = RecordingExecutor(3, seed=0, outcome_of=lose_always)
    core, _ = run(config(num_trials=4), executor)
    assert core.trials[0].state is TrialState.FAILED
    assert core.trials[0].reward is None
    assert [job.number for job in executor.submitted].count(0) == MAX_ATTEMPTS


@pytest.mark.parametrize(
    "result",
    [
        Failure(FailureKind.TIME_LIMIT, "slow"),
        Failure(FailureKind.EXCEPTION, "boo"),
        Measurement({"value": float("nan")}),
    ],
    ids=["time limit", "exception", "nan"],
)
def test_a_child_that_fails_gets_the_failure_reward_and_the_search_goes_on(result):
    def outcome_of(job):
        return result if job.architecture[0] == 3 else Measurement({"value": value(job.architecture)})

    core, _ = run(config(failure_reward=-0.25), RecordingExecutor(3, seed=0, outcome_of=outcome_of))
    failed = [trial for trial in core.trials[:60] if trial.proposal.architecture[0] == 3]
    assert failed
    assert all(trial.state is TrialState.FAILED and trial.reward == -0.25 and trial.error for trial in failed)
    assert core.finished


def test_an_answer_that_comes_twice_counts_once():
    settings, store = config(), Store.in_memory({})
    core = make_core(settings, store)
    job = core.start().jobs[0]
    outcome = Outcome(job.number, Measurement({"value": 0.5}), None, 1.0)
    assert core.receive(outcome).trials
    again = core.receive(Outcome(job.number, Measurement({"value": 0.9}), None, 1.0))
    assert again.trials == again.jobs == ()
    assert core.trials[job.number].reward == 0.5
