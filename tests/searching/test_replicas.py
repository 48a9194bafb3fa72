"""Replicas over shards on a virtual clock: what they draw, what they learn, kills at random moments, replay."""

import random
from itertools import pairwise

import pytest

from netwright.config import FunctionSettings, ReinforceSettings, ReplicaSettings, RunConfig
from netwright.controller.baseline import MovingAverageBaseline
from netwright.controller.policy import Controller
from netwright.controller.shards import ShardedParameters
from netwright.errors import ConfigError, RunError
from netwright.evaluation.factory import evaluation_of
from netwright.evaluation.function import UserFunction
from netwright.searching import run as running
from netwright.searching.callbacks import Callbacks
from netwright.searching.core import SearchCore
from netwright.searching.factory import make_core, make_strategy
from netwright.searching.loop import drive
from netwright.searching.placement import Placement
from netwright.searching.replay import replay
from netwright.searching.run import run_search
from netwright.searching.store import Store
from netwright.spaces.decisions import Choice
from netwright.spaces.programs import Schedule, space
from netwright.strategies.reinforce import Reinforce
from netwright.testing.contracts import strategy_contract
from netwright.testing.simulation import simulate
from netwright.testing.virtual_clock import VirtualExecutor, log_normal
from netwright.trials import Job, TrialState


@space
def numbers(length: int = 2):
    """Lists of digits, of which duplicates are frequent where they are short."""
    digits = []
    for _ in range(length):
        digits.append((yield Choice("digit", tuple(range(5)))))
    return digits


def value(architecture):
    return sum(architecture) / len(architecture) / 4


def config(*, count=3, servers=3, accumulate=1, max_staleness=None, **changes):
    settings = {
        "space": numbers(),
        "evaluate": FunctionSettings(function=value),
        "strategy": ReinforceSettings(learning_rate=0.02, hidden_size=8),
        "num_trials": 61,
        "batch_size": 2,
        "lag": 0,
        "replicas": ReplicaSettings(
            count=count, servers=servers, accumulate=accumulate, max_staleness=max_staleness
        ),
    }  # fmt: skip
    return RunConfig(**{**settings, **changes})


class KilledError(Exception):
    """Stands for kill -9 of the search."""


class Mortal(VirtualExecutor):
    """Dies after so many ends, those of remote tasks among them."""

    def __init__(self, *arguments, dies_after=10**9, **settings):
        super().__init__(*arguments, **settings)
        self._left, self.submitted = dies_after, []

    def submit(self, job):
        if isinstance(job, Job):
            self.submitted.append(job.number)
        super().submit(job)

    def wait(self):
        if self._left == 0:
            raise KilledError
        self._left -= 1
        return super().wait()


def executor(seed=0, slots=5, **settings):
    return Mortal(UserFunction(value), slots=slots, seconds=log_normal(1.0, seed=seed), **settings)


def searched(settings, store=None, **executing):
    store = store or Store.in_memory({})
    core = make_core(settings, store)
    return core, store, simulate(core, executor(**executing), store)


def actions(trials):
    return [(trial.proposal.actions, trial.proposal.policy_version, trial.reward) for trial in trials]


def test_trials_have_one_count_and_a_schedule_follows_it():
    settings = config(space=numbers().with_parameters(length=Schedule(start=1, step=1, interval=20)))
    core, _, _ = searched(settings)
    assert len(core.trials) >= 61
    assert [len(trial.proposal.architecture) for trial in core.trials] == [
        1 + trial.number // 20 for trial in core.trials
    ]
    assert all(trial.state.finished for trial in core.trials[:61])


@pytest.mark.parametrize("lag", [0, 2])
def test_every_replica_learns_its_batches_in_order_and_all_of_them_once(lag):
    _, store, _ = searched(config(lag=lag))
    updates = store.updates()
    assert [update.round for update in updates] == list(range(len(updates)))
    assert sorted(store.learned()) == list(range(30))
    for replica in range(3):
        batches = [int(update.metrics["batch"]) for update in updates if update.metrics["replica"] == replica]
        assert len(batches) > 5
        assert batches == sorted(batches)
    assert store.learned() != sorted(store.learned())


@pytest.mark.parametrize("lag", [0, 2])
def test_no_more_children_are_in_flight_than_replicas_and_lag_allow(lag):
    _, _, result = searched(config(lag=lag, reuse=False), slots=100)
    moments = sorted(
        [(begun, 1) for begun, _ in result.work] + [(begun + seconds, -1) for begun, seconds in result.work]
    )
    in_flight = most = 0
    for _, change in moments:
        in_flight += change
        most = max(most, in_flight)
    assert most == 3 * 2 * (lag + 1)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_staleness_is_the_number_of_updates_between_drawing_and_learning(accumulate):
    core, store, result = searched(config(accumulate=accumulate))
    for update in store.updates():
        trial = core.trials[2 * int(update.metrics["batch"])]
        assert update.metrics["staleness"] == update.round // accumulate - trial.proposal.policy_version
    assert max(result.staleness) >= 3 // accumulate


def test_a_limit_of_staleness_drops_the_gradients_of_slow_children():
    core, store, _ = searched(config(max_staleness=2))
    dropped = [update for update in store.updates() if "dropped" in update.metrics]
    assert 0 < len(dropped) < len(store.updates()) / 2
    for update in store.updates():
        assert ("dropped" in update.metrics) == (update.metrics["staleness"] > 2)
    assert core.trials[-1].proposal.policy_version <= len(store.updates()) - len(dropped)


def test_the_strategy_is_kept_once_in_so_many_batches_as_there_are_replicas_and_at_the_end():
    core, kept = make_core(config(reuse=False), None), []

    def look_on(step):
        if (state := step.state()) is not None:
            kept.append(state.values["learned"])

    drive(core, executor(), None, look_on)
    assert kept[0] == 0
    assert kept[-1] == 30
    assert [after - before for before, after in pairwise(kept[:-1])] == [3] * (len(kept) - 2)


def test_one_replica_without_lag_is_the_single_controller_trial_for_trial():
    one, store, _ = searched(config(count=1))
    single, other, _ = searched(config(replicas=None))
    assert actions(one.trials) == actions(single.trials)
    assert [{**update.metrics, "staleness": 0.0} for update in other.updates()] == [u.metrics for u in store.updates()]


class Separate:
    """Each replica an object of its own, as on a cluster; implements `Strategy`."""

    def __init__(self, settings):
        parameters = ShardedParameters.local(
            3, seed=0, learning_rate=0.02, init_range=0.08, baseline=MovingAverageBaseline(0.95)
        )
        self._replicas = [
            Reinforce(settings.space, Controller(seed=0, hidden_size=8), parameters, seed=0) for _ in range(3)
        ]

    def propose(self, ticket):
        return self._replicas[ticket.replica].propose(ticket)

    def observe(self, ticket, trials):
        return self._replicas[ticket.replica].observe(ticket, trials)

    def state(self):
        return self._replicas[0].state()


@pytest.mark.parametrize("settings", [{}, {"accumulate": 2, "max_staleness": 0, "servers": 20}])
def test_over_shards_it_is_a_strategy_like_any_other(settings):
    strategy_contract(lambda: make_strategy(config(**settings)), numbers())


def test_replicas_may_be_separate_objects_over_the_same_shards():
    together, _, _ = searched(config())
    separate = SearchCore(
        Separate(config()),
        evaluation_of(config().evaluate).reward,
        num_trials=61,
        seed=0,
        batch_size=2,
        lag=0,
        replicas=3,
    )
    drive(separate, executor(), None)
    assert actions(separate.trials) == actions(together.trials)
    assert separate.learned == together.learned


@pytest.mark.parametrize(("lag", "accumulate", "loss"), [(0, 1, 0.0), (1, 3, 0.2)])
def test_killed_at_random_moments_it_goes_on_and_a_replay_gives_the_same_bits(tmp_path, lag, accumulate, loss):
    settings = config(lag=lag, accumulate=accumulate, max_staleness=4)
    rng, finished, ends = random.Random(lag), set(), 0
    Store.create(tmp_path / "run", {}).close()
    for start in range(200):
        dying = executor(seed=start, loss=loss, dies_after=rng.randrange(1, 12))
        with Store.open(tmp_path / "run") as store:
            try:
                core = make_core(settings, store)
                simulate(core, dying, store)
            except KilledError:
                continue
            else:
                break
            finally:
                assert not finished & set(dying.submitted)
                finished = {trial.number for trial in store.trials() if trial.state.finished}
                trained = [t for t in store.trials() if t.state is TrialState.DONE and t.reused_from is None]
                assert len(trained) == len({trial.fingerprint for trial in trained}) >= ends
                ends = len(trained)
    assert start > 4
    with Store.read(tmp_path / "run") as store:
        assert {trial.number for trial in store.trials() if trial.state.finished} >= set(range(61))
        assert sorted(store.learned()) == list(range(30))
        replayed = replay(settings, store)
        assert (replayed.num_updates, replayed.num_drawn) == (len(store.updates()), len(store.trials()))
        assert replayed.num_numbers > 1000


def test_a_search_that_goes_on_is_the_one_that_was_not_interrupted_where_children_end_in_the_same_order():
    """With a single slot they always do."""
    whole, _, _ = searched(config(), slots=1)
    store = Store.in_memory({})
    for after in [1, 4, 3, 7, 2, 10**9]:
        core = make_core(config(), store)
        try:
            simulate(core, executor(slots=1, dies_after=after), store)
        except KilledError:
            continue
    assert core.learned == whole.learned
    assert actions(core.trials) == actions(whole.trials)


def test_a_higher_limit_continues_the_run_and_can_be_replayed():
    store = Store.in_memory({})
    for limit in (7, 20, 61):
        core, _, _ = searched(config(num_trials=limit), store, seed=limit)
        assert all(trial.state.finished for trial in core.trials[:limit])
    assert replay(config(), store).num_updates == len(core.learned) >= 29


@pytest.mark.parametrize("replicas", [ReplicaSettings(count=3, servers=4), None])
def test_a_replay_notices_what_was_changed(replicas):
    settings = config(replicas=replicas)
    _, store, _ = searched(settings)
    assert replay(settings, store).digest == replay(settings, store).digest
    with pytest.raises(RunError, match="trial 0 is sampled with other actions"):
        replay(settings.changed(seed=1), store)
    store._connection.execute("UPDATE trials SET reward = reward + 0.01 WHERE number = 8")
    with pytest.raises(RunError, match=f"update {store.learned().index(4)} gives"):
        replay(settings, store)


def test_a_replay_of_an_unfinished_run_goes_as_far_as_it_went():
    store = Store.in_memory({})
    with pytest.raises(KilledError):
        simulate(make_core(config(), store), executor(dies_after=30), store)
    assert 5 < replay(config(), store).num_updates < 20


def test_more_shards_than_parameters_are_refused():
    small = ReinforceSettings(policy="independent")
    searched(config(servers=10, strategy=small))
    with pytest.raises(ConfigError, match="11 shards for 10 parameters would leave some empty"):
        make_core(config(servers=11, strategy=small), None)


@pytest.mark.parametrize("setting", ["count", "servers", "accumulate"])
def test_numbers_below_one_are_refused(setting):
    document = config().to_json()
    document["replicas"][setting] = 0
    with pytest.raises(ConfigError, match=f"replicas.{setting}: .*greater than 0"):
        RunConfig.from_json(document)


def test_other_strategies_have_no_replicas():
    with pytest.raises(ConfigError, match="ppo has no replicas"):
        config(replicas=None).changed(strategy={"name": "ppo"}, replicas=ReplicaSettings())


def test_a_finished_run_is_looked_at_without_the_cluster_where_it_was(tmp_path, monkeypatch):
    """Its last trial closed no batch, so that the stored state is older than the last gradients."""
    settings, run = config(num_trials=21, batch_size=4, reuse=False), tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(running, "make_executor", lambda config, evaluate, placement: executor(slots=1))
        searched = run_search(settings, run, Placement(), Callbacks())
    with Store.read(run) as store:
        assert store.strategy_state().values["learned"] < len(store.learned())
    again = run_search(settings, run, Placement(executor="ray", address="127.0.0.1:1"), Callbacks())
    assert again.trials == searched.trials
