"""What a simulation says, against numbers by hand and against a few lines that know neither core nor executor."""

import heapq
import statistics

import pytest

from netwright.config import FunctionSettings
from netwright.evaluation.factory import evaluation_of
from netwright.evaluation.function import UserFunction
from netwright.searching.core import SearchCore
from netwright.spaces.programs import space
from netwright.testing.contracts import strategy_contract
from netwright.testing.simulation import FixedPolicy, Simulation, simulate
from netwright.testing.virtual_clock import VirtualExecutor, log_normal
from netwright.trials import Job, Update


def half(architecture):
    return 0.5


def simulated(num_trials, *, count, batch_size, slots, lag=0, sigma=0.5, loss=0.0):
    core = SearchCore(
        FixedPolicy(),
        evaluation_of(FunctionSettings(function=half)).reward,
        num_trials=num_trials,
        seed=0,
        batch_size=batch_size,
        lag=lag,
        replicas=count,
    )
    executor = VirtualExecutor(UserFunction(half), slots=slots, seconds=log_normal(sigma, seed=0), loss=loss)
    return core, simulate(core, executor)


def test_busy_and_drain_by_hand():
    """Two slots: one works from 0 to 4, the other from 0 to 1, from 3 to 4, and again, after a loss, from 4 to 5."""
    work, updates = ((0, 4), (0, 1), (3, 1), (4, 1)), (Update(0, {"staleness": 2}), Update(1, {}))
    result = Simulation(2, work, (), updates, drained_from=3)
    assert (result.seconds, result.drain_seconds) == (5, 2)
    assert result.busy == pytest.approx((3 + 1) / (2 * 3))
    assert result.staleness == [2]


@pytest.mark.parametrize(("count", "batch_size"), [(40, 1), (5, 8)])
def test_a_synchronous_replica_waits_for_its_slowest_child(count, batch_size):
    """The replicas of the paper in eight lines: who is free draws a batch, and is free when all of it has ended."""
    seconds = log_normal(0.5, seed=0)
    free, worked = [(0.0, replica) for replica in range(count)], 0.0
    for batch in range(800 // batch_size):
        now, replica = heapq.heappop(free)
        took = [seconds(Job(batch * batch_size + index, None, 0), 0) for index in range(batch_size)]
        worked += sum(took)
        heapq.heappush(free, (now + max(took), replica))
    _, result = simulated(800, count=count, batch_size=batch_size, slots=40)
    assert result.seconds == pytest.approx(max(free)[0])
    assert sum(each for _, each in result.work) == pytest.approx(worked)


def test_with_one_child_for_each_replica_every_slot_is_busy_until_the_drain():
    _, result = simulated(800, count=40, batch_size=1, slots=40)
    assert result.busy == pytest.approx(1)
    assert statistics.fmean(result.staleness) == pytest.approx(39, abs=4)


def test_lost_workers_cost_time_and_no_trial():
    core, result = simulated(400, count=20, batch_size=2, slots=40, loss=0.2)
    assert len(result.work) > 440
    assert result.drained_from < result.work[-1][0]
    assert sorted(number for _, number in result.ended) == list(range(400))
    assert all(trial.state.finished for trial in core.trials[:400])
    assert result.seconds > simulated(400, count=20, batch_size=2, slots=40)[1].seconds


def test_the_fixed_policy_is_a_strategy():
    @space
    def naught():
        return 0
        yield

    class Naught(FixedPolicy):
        """The contract rebuilds architectures by a space, which has none with all numbers."""

        def propose(self, ticket):
            return [type(each)({}, (), 0, each.policy_version) for each in super().propose(ticket)]

    strategy_contract(Naught, naught())
