"""Samples above a limit on costs are redrawn: they are learned from, and count as no trials."""

import json
import random
import sqlite3

import pytest
from test_constraints import LOW, count, run
from test_core import KilledError, RecordingExecutor, config, history

from netwright.config import (
    EvolutionSettings,
    OptunaSettings,
    QLearningSettings,
    RandomSettings,
    ReinforceSettings,
    ReplicaSettings,
    ThompsonSettings,
    with_later_settings,
)
from netwright.evaluation.constraints import Constraints
from netwright.searching import factory
from netwright.searching.callbacks import Callback
from netwright.searching.factory import make_core
from netwright.searching.loop import drive
from netwright.searching.placement import Placement
from netwright.searching.redraws import TrialCount
from netwright.searching.replay import replay
from netwright.searching.results import Results
from netwright.searching.run import continued, is_complete, run_search
from netwright.searching.store import Store
from netwright.spaces.decisions import Choice
from netwright.spaces.programs import Schedule, space
from netwright.trials import Proposal, Trial, TrialState

STRATEGIES = [
    ReinforceSettings(learning_rate=0.05),
    RandomSettings(),
    EvolutionSettings(population=8, sample=3),
    ThompsonSettings(num_random=4, num_candidates=10),
    QLearningSettings(num_models=20),
    OptunaSettings(),
]


def is_above(trial):
    return count(trial.proposal.architecture)["num_parameters"] > LOW["num_parameters"]


def trial(number, *, above):
    proposal = Proposal({}, (), number)
    if above:
        return Trial(number, proposal, TrialState.REJECTED, metrics={"num_parameters": 9})
    return Trial(number, proposal, TrialState.DONE, reward=1.0)


def pattern(text, max_redraws):
    """`text` has an x for a trial above a limit; return a string with a 1 for each trial that counts."""
    taken = TrialCount(max_redraws, [trial(number, above=mark == "x") for number, mark in enumerate(text)])
    return "".join(str(int(taken.counts(number))) for number in range(len(text)))


@pytest.mark.parametrize(
    ("max_redraws", "counts"), [(0, "1111111111111"), (1, "1011010101011"), (3, "1001000100011"), (9, "1001000000011")]
)
def test_of_more_samples_above_a_limit_in_a_row_one_counts(max_redraws, counts):
    assert pattern(".xx.xxxxxxx..", max_redraws) == counts


def test_a_trial_that_a_changed_space_lost_counts():
    lost = Trial(0, Proposal({}, (), 0), TrialState.REJECTED, error="the space no longer has it")
    assert TrialCount(5, [lost]).num_counted == 1


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda settings: settings.name)
def test_all_trials_are_within_the_limit_and_what_is_above_is_learned_from(strategy):
    core, store = run(config(strategy=strategy), RecordingExecutor(3, seed=0), limits=LOW, max_redraws=200)
    trials = core.trials[: core.end]
    measured = [trial for trial in trials if trial.state is TrialState.DONE]
    assert len(measured) == 60 == len(core.trials[: core.end]) - core.count.num_redrawn(0, core.end)
    assert trials[-1] is measured[-1]
    assert (
        [trial.number for trial in trials if trial.state is not TrialState.DONE]
        == [trial.number for trial in trials if is_above(trial)]
        != []
    )
    assert {trial.state for trial in core.trials[core.end :]} <= {TrialState.QUEUED}
    for update in store.updates():
        batch = core.trials[4 * update.batch : 4 * update.batch + 4]
        assert update.metrics["mean_reward"] == pytest.approx(sum(trial.reward for trial in batch) / 4)
        assert all(trial.reward == -0.5 for trial in batch if is_above(trial))


def test_a_trial_is_rejected_after_so_many_redraws_and_the_search_ends():
    executor = RecordingExecutor(1, seed=0)
    core, _ = run(config(num_trials=5), executor, limits={"multiply_adds": 6}, max_redraws=3)
    assert executor.submitted == []
    assert core.finished
    assert core.end == 5 * 4
    assert all(trial.state is TrialState.REJECTED for trial in core.trials[:20])
    assert all(trial.state is TrialState.QUEUED for trial in core.trials[20:])


@pytest.mark.parametrize("lag", [0, 1, 3])
@pytest.mark.parametrize("max_redraws", [1, 200])
def test_the_search_is_the_same_on_any_number_of_workers(lag, max_redraws):
    first, store = run(config(lag=lag), RecordingExecutor(1, seed=0), limits=LOW, max_redraws=max_redraws)
    for workers in (2, 8, 64):
        executor = RecordingExecutor(workers, seed=workers)
        core, other = run(config(lag=lag), executor, limits=LOW, max_redraws=max_redraws)
        assert history(core.trials) == history(first.trials)
        assert other.updates() == store.updates()
        assert other.strategy_state() == store.strategy_state()


DEEPENING = Schedule(start=1, step=1, interval=20)


@space
def digits_of(length: int = 2):
    """Lists of digits that become longer."""
    digits = []
    for _ in range(length):
        digits.append((yield Choice("digit", tuple(range(6)))))
    return [digits[0], digits[-1], len(digits)]


def deepening(**changes):
    return config(**changes).changed(space=digits_of(length=DEEPENING))


@pytest.mark.parametrize("lag", [0, 2])
@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda settings: settings.name)
def test_the_search_is_the_same_if_it_is_restarted_at_every_step(lag, strategy):
    settings = deepening(lag=lag, strategy=strategy, num_trials=40, reuse=False)
    whole, _ = run(settings, RecordingExecutor(3, seed=0), limits=LOW, max_redraws=5)
    store = Store.in_memory({})
    for start in range(200):
        try:
            core, _ = run(settings, RecordingExecutor(3, seed=start, kill_after=1), store, limits=LOW, max_redraws=5)
            break
        except KilledError:
            continue
    assert start > 20
    assert history(core.trials) == history(whole.trials)


@pytest.mark.parametrize("lag", [0, 1, 3])
@pytest.mark.parametrize("max_redraws", [2, 200])
def test_a_limit_that_is_raised_step_by_step_gives_the_same_search_as_one_run(lag, max_redraws):
    settings = deepening(lag=lag)
    at_once, _ = run(settings, RecordingExecutor(5, seed=1), limits=LOW, max_redraws=max_redraws)
    store = Store.in_memory({})
    for limit in (1, 13, 14, 29, 20, 60):
        executor = RecordingExecutor(5, seed=limit)
        core, _ = run(settings.changed(num_trials=limit), executor, store, limits=LOW, max_redraws=max_redraws)
        assert core.finished
        assert core.end - core.count.num_redrawn(0, core.end) == limit
        assert all(trial.state.finished for trial in core.trials[: core.end])
    assert history(core.trials) == history(at_once.trials)
    assert core.end > 60


def test_a_higher_limit_trains_nothing_above_the_limit_on_costs():
    """Trials past the trial limit are not rejected yet, also where later ones belong to a space that has changed."""
    store = Store.in_memory({})
    settings = config(num_trials=10, lag=3, reuse=False)
    core, _ = run(settings, RecordingExecutor(1, seed=0), store, limits=LOW, max_redraws=200)
    last = core.trials[-1]
    assert any(is_above(trial) for trial in core.trials[core.end : -1])
    store.commit([Trial(last.number, last.proposal, TrialState.REJECTED, error="lost by the space")])
    executor = RecordingExecutor(1, seed=0)
    core, _ = run(settings.changed(num_trials=20), executor, store, limits=LOW, max_redraws=200)
    assert core.finished
    assert not any(is_above(core.trials[job.number]) for job in executor.submitted)


@pytest.mark.parametrize("lag", [0, 1])
def test_a_schedule_follows_the_trials_that_count(lag):
    core, _ = run(
        deepening(lag=lag, strategy=RandomSettings()), RecordingExecutor(3, seed=0), limits=LOW, max_redraws=200
    )
    depths = [trial.proposal.architecture[2] for trial in core.trials]
    for ticket in range(0, len(depths), 4):
        batch = ticket // 4
        learned = 4 * max(0, batch - lag)
        first = 4 * batch - core.count.num_redrawn(0, learned)
        assert depths[ticket : ticket + 4] == [DEEPENING.at(first + index) for index in range(4)]
    counted = [trial for trial in core.trials[: core.end] if core.count.counts(trial.number)]
    assert core.end > 80
    in_flight = 4 * (lag + 1)
    for position, each in enumerate(counted):
        assert DEEPENING.at(position) <= each.proposal.architecture[2] <= DEEPENING.at(position + in_flight)


def limited(monkeypatch, **changes):
    """Give every core the made-up costs of `test_constraints`."""
    constraints = Constraints(count, **{"limits": LOW, "rejected_reward": -0.5, "max_redraws": 200, **changes})
    monkeypatch.setattr(factory, "make_constraints", lambda config, shape: constraints)


def replicated(**changes):
    changes = {"lag": 0, "strategy": ReinforceSettings(learning_rate=0.02, hidden_size=8), **changes}
    return deepening(replicas=ReplicaSettings(count=3, servers=3), batch_size=2, **changes)


@pytest.mark.parametrize("lag", [0, 1])
def test_replicas_redraw_too_and_go_on_after_kills_and_can_be_replayed(monkeypatch, lag):
    limited(monkeypatch)
    settings, store, rng = replicated(lag=lag), Store.in_memory({}), random.Random(lag)
    for start, limit in enumerate([30] * 3 + [60] * 100):
        core = make_core(settings.changed(num_trials=limit), store)
        try:
            drive(core, RecordingReplicas(5, seed=start, kill_after=rng.randrange(1, 12)), store)
        except KilledError:
            continue
        if limit == 60:
            break
    assert start > 4
    counted = [trial for trial in core.trials[: core.end] if core.count.counts(trial.number)]
    assert len(counted) == 60 < core.end
    assert all((trial.state is TrialState.DONE) != is_above(trial) for trial in core.trials[: core.end])
    assert all(trial in counted for trial in core.trials[: core.end] if trial.state is TrialState.DONE)
    assert replay(settings, store).num_drawn == len(core.trials)


class RecordingReplicas(RecordingExecutor):
    """Also takes the remote tasks of replicas, which have no architecture."""

    def wait(self):
        if self._left == 0:
            raise KilledError
        self._left = None if self._left is None else self._left - 1
        return super(RecordingExecutor, self).wait()


def test_one_replica_has_the_same_trials_on_any_number_of_workers(monkeypatch):
    limited(monkeypatch)
    settings = replicated().changed(replicas=ReplicaSettings(count=1, servers=3))
    cores = []
    for workers in (1, 8):
        cores.append(make_core(settings, None))
        drive(cores[-1], RecordingReplicas(workers, seed=workers), None)
    assert history(cores[0].trials) == history(cores[1].trials)
    assert cores[0].end > 60


class Trained(RecordingExecutor):
    """An executor that a run may close."""

    def close(self):
        pass


def searched(settings, folder, monkeypatch):
    from netwright.searching import run as running

    monkeypatch.setattr(running, "make_executor", lambda config, evaluate, placement: Trained(2, seed=0))
    return run_search(settings, folder, Placement(), Callback())


def test_results_count_the_same_trials_as_the_core_at_every_moment(monkeypatch):
    limited(monkeypatch, max_redraws=2)
    settings = deepening()
    documents = {"config": settings.to_json(), "about": {"data": None, "score_name": "value"}}
    documents["config"]["constraints"]["max_redraws"] = 2
    store = Store.in_memory(documents)
    core = make_core(settings, store)

    def look_on(step):
        results = Results.of(store, running=True)
        assert len(results.trials) == core.end
        assert results.num_redrawn == core.count.num_redrawn(0, core.end)
        assert (results.state == "finished") == core.finished

    drive(core, RecordingExecutor(3, seed=0), store, look_on)
    assert core.finished


def test_an_older_run_goes_on_as_it_was_begun(tmp_path, monkeypatch):
    """Its stored settings lack `max_redraws`: every sample above the limit is one of its trials."""
    monkeypatch.setattr(factory, "make_constraints", _of_config)
    older = config(num_trials=20).changed(constraints={"max_redraws": 0})
    at_once = searched(older.changed(num_trials=40), tmp_path / "at once", monkeypatch)
    folder = tmp_path / "older"
    searched(older, folder, monkeypatch)
    with sqlite3.connect(folder / "run.sqlite") as connection:
        (document,) = connection.execute("SELECT value FROM documents WHERE name = 'config'").fetchone()
        stored = json.loads(document)
        del stored["constraints"]["max_redraws"]
        connection.execute("UPDATE documents SET value = ? WHERE name = 'config'", [json.dumps(stored)])
    connection.close()
    assert with_later_settings(stored)["constraints"]["max_redraws"] == 0
    assert is_complete(older, folder)
    with Store.read(folder) as store:
        results = Results.of(store)
    assert (results.state, len(results.trials), results.num_redrawn) == ("finished", 20, 0)
    assert any(trial.state is TrialState.REJECTED for trial in results.trials)

    asked = continued(config(num_trials=40), folder, num_trials=40)
    assert asked.constraints.max_redraws == 0
    again = searched(asked, folder, monkeypatch)
    assert history(again.trials) == history(at_once.trials)
    assert len(again.trials) == 40
    # The settings that the new version stored are those of the older run, too.
    assert continued(config(num_trials=40), folder, num_trials=40).constraints.max_redraws == 0


def _of_config(settings, shape):
    return Constraints(count, limits=LOW, max_redraws=settings.constraints.max_redraws)
