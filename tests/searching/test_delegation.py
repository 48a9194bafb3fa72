"""What replicas compute is handed out, and answered whenever and in whatever order: one search comes of it."""

import random
from itertools import pairwise

import cloudpickle
import pytest
from test_replicas import KilledError, config, value

from netwright.errors import RunError
from netwright.evaluation.function import UserFunction
from netwright.execution.attempts import attempt
from netwright.searching.factory import make_core
from netwright.searching.loop import drive
from netwright.searching.replay import replay
from netwright.searching.store import Store
from netwright.spaces.decisions import Choice
from netwright.spaces.programs import space
from netwright.testing.simulation import simulate
from netwright.testing.virtual_clock import VirtualExecutor, log_normal
from netwright.trials import Failure, FailureKind, Outcome, RemoteTask


@space
def unfolding():
    """Five digits, each asked for under a name that depends on those before it: new decisions are met to the end."""
    digits = []
    for _ in range(5):
        digits.append((yield Choice(f"after {digits}", tuple(range(5)))))
    return digits


LOST = Failure(FailureKind.WORKER_LOST, "lost on purpose")


class Scattered(VirtualExecutor):
    """Chores are answered between the ends of children, in an order of chance; some are lost, some answered twice."""

    def __init__(self, *, seed, lost=0.0, pickled=True, dies_after=10**9):
        super().__init__(UserFunction(value), slots=5, seconds=log_normal(1.0, seed=seed))
        self._rng, self._lost, self._pickled, self._left = random.Random(seed), lost, pickled, dies_after
        self._held, self.num_waiting = [], []

    def submit(self, job):
        if isinstance(job, RemoteTask):
            self._held.append(cloudpickle.dumps(job) if self._pickled else job)
        else:
            super().submit(job)

    def wait(self):
        if self._left == 0:
            raise KilledError
        self._left -= 1
        self.num_waiting.append(len(self._held))
        if not self._held or (self._ends and self._rng.random() < 0.4):
            return super().wait()
        held = self._held.pop(self._rng.randrange(len(self._held)))
        task = cloudpickle.loads(held) if self._pickled else held
        if self._rng.random() < self._lost:
            return [Outcome(task.number, None, LOST, 0.0)]
        return [attempt(self._evaluate, task)] * self._rng.choice([1, 1, 1, 2])


@pytest.mark.parametrize("pickled", [True, False])
@pytest.mark.parametrize(
    "settings",
    [
        {"count": 4},
        {"count": 4, "lag": 1, "accumulate": 3},
        {"count": 5, "batch_size": 1, "max_staleness": 3},
        {"count": 4, "space": unfolding()},
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_a_search_is_the_one_that_its_order_of_learning_tells(settings, seed, pickled):
    """The replay draws and learns in one process and in turn; it finds the same bits."""
    executor, store = Scattered(seed=seed, lost=0.04, pickled=pickled), Store.in_memory({})
    core, kept = make_core(config(**settings), store), []

    def look_on(step):
        if (state := step.state()) is not None:
            kept.append(state.values["learned"])

    drive(core, executor, store, look_on)
    assert max(executor.num_waiting) > 2
    assert all(later - earlier == core.replicas for earlier, later in pairwise(kept[:-1]))
    assert all(trial.state.finished for trial in core.trials[:61])
    assert sorted(store.learned()) == list(range(61 // core.batch_size))
    assert store.learned() == core.learned != sorted(core.learned)
    assert [update.round for update in store.updates()] == list(range(len(core.learned)))
    again = replay(config(**settings), store)
    assert (again.num_updates, again.num_drawn) == (len(core.learned), len(core.trials))
    assert again.num_numbers > 1000


@pytest.mark.parametrize("slow", [False, True])
def test_batches_are_learned_in_the_order_in_which_their_children_end_however_long_a_remote_task_takes(slow):
    core = make_core(config(count=3, batch_size=1, num_trials=60, reuse=False), None)
    tasks, jobs = [], {}

    def settle(step, *, answered):
        for job in step.jobs:
            if not isinstance(job, RemoteTask):
                jobs[job.number] = job
            elif answered:
                settle(core.receive(attempt(UserFunction(value), job)), answered=True)
            else:
                tasks.append(job)

    def end(number, *, answered=True):
        settle(core.receive(attempt(UserFunction(value), jobs.pop(number))), answered=answered)

    settle(core.start(), answered=True)
    end(0)
    end(1)
    assert {2, 3, 4} <= set(jobs)
    end(2, answered=not slow)  # the third gradient: the state is due, and nothing is begun before it is known
    end(4, answered=not slow)
    end(3, answered=not slow)
    assert bool(tasks) == slow
    while tasks:
        settle(core.receive(attempt(UserFunction(value), tasks.pop(0))), answered=True)
    assert core.learned == [0, 1, 2, 4, 3]


def test_killed_between_answers_it_goes_on_and_learns_nothing_twice(tmp_path):
    settings = config(count=4, accumulate=2)
    rng = random.Random(0)
    Store.create(tmp_path / "run", {}).close()
    for start in range(200):
        with Store.open(tmp_path / "run") as store:
            try:
                core = make_core(settings, store)
                simulate(core, Scattered(seed=start, dies_after=rng.randrange(1, 25)), store)
                break
            except KilledError:
                continue
    assert start > 4
    with Store.read(tmp_path / "run") as store:
        assert sorted(store.learned()) == list(range(30))
        assert replay(settings, store).num_updates == 30


class Failing(VirtualExecutor):
    """Chore number -3 fails so many times."""

    def __init__(self, failure, times):
        super().__init__(UserFunction(value), slots=5, seconds=log_normal(1.0, seed=0))
        self._failure, self._times = failure, times

    def wait(self):
        (outcome,) = super().wait()
        if outcome.number == -3 and self._times:
            self._times -= 1
            return [Outcome(-3, None, self._failure, 0.0)]
        return [outcome]


def test_a_lost_remote_task_is_done_again_three_times_at_most():
    def searched(times):
        store = Store.in_memory({})
        drive(make_core(config(), store), Failing(LOST, times), store)
        return store

    undisturbed, twice = searched(0), searched(2)
    assert undisturbed.trials() == twice.trials()
    assert undisturbed.updates() == twice.updates()
    assert undisturbed.strategy_state() == twice.strategy_state()
    with pytest.raises(RunError, match="a replica of the controller cannot do its work: worker lost: lost on purpose"):
        searched(3)


def test_a_remote_task_that_raises_ends_the_search():
    broken = Failure(FailureKind.EXCEPTION, "ValueError: broken on purpose", "traceback")
    with pytest.raises(RunError, match="cannot do its work: exception: ValueError: broken on purpose\ntraceback"):
        drive(make_core(config(), None), Failing(broken, 1), None)
