"""The virtual clock: an executor like any other, whose durations and losses are as given."""

import random
import statistics

import pytest

from netwright.testing.contracts import executor_contract
from netwright.testing.virtual_clock import VirtualExecutor, log_normal, recorded
from netwright.trials import FailureKind, Job, Measurement


def measured(job):
    return Measurement({"number": job.number})


def executor(slots, seconds, **settings):
    return VirtualExecutor(measured, slots=slots, seconds=seconds, **settings)


def job(number):
    return Job(number, None, 0)


def test_it_keeps_what_every_executor_keeps():
    def without_sleep(evaluate):
        return VirtualExecutor(evaluate, slots=3, seconds=lambda job, tried: 1.0 / (1 + job.number))

    executor_contract(without_sleep)


def test_jobs_begin_when_a_slot_is_free_and_end_after_their_time():
    """Two slots, by hand: 0 takes 3, 1 takes 1, then 2 takes 1 from 1 to 2, 3 takes 5 from 2 to 7; 4 comes at 7."""
    clock = executor(2, lambda job, tried: [3.0, 1.0, 1.0, 5.0, 0.5][job.number])
    for number in range(4):
        clock.submit(job(number))
    ends = [(clock.wait()[0], clock.now()) for _ in range(4)]
    assert [(outcome.number, outcome.begun, now) for outcome, now in ends] == [
        (1, 0, 1),
        (2, 1, 2),
        (0, 0, 3),
        (3, 2, 7),
    ]
    clock.submit(job(4))
    (late,) = clock.wait()
    assert (late.begun, late.seconds, clock.now()) == (7, 0.5, 7.5)
    assert sorted(clock.work) == [(0, 1), (0, 3), (1, 1), (2, 5), (7, 0.5)]


@pytest.mark.parametrize("sigma", [0.25, 1.0])
def test_log_normal_durations_have_the_mean_and_spread_asked_for(sigma):
    seconds = log_normal(sigma, mean=20.0, seed=1)
    drawn = [seconds(job(number), 0) for number in range(20_000)]
    spread = 20 * (2.718281828 ** (sigma**2) - 1) ** 0.5
    assert statistics.fmean(drawn) == pytest.approx(20, abs=4 * spread / 20_000**0.5)
    assert statistics.stdev(drawn) == pytest.approx(spread, rel=0.1)
    assert seconds(job(3), 0) == log_normal(sigma, mean=20.0, seed=1)(job(3), 0) != seconds(job(3), 1)


def test_recorded_durations_are_drawn_as_they_are():
    seconds = recorded([1.0, 5.0, 9.0], seed=0)
    drawn = [seconds(job(number), 0) for number in range(300)]
    assert set(drawn) == {1.0, 5.0, 9.0}
    assert min(drawn.count(value) for value in set(drawn)) > 60


def test_workers_are_lost_as_often_as_asked_and_before_the_job_would_have_ended():
    clock = executor(50, lambda job, tried: 2.0, loss=0.3, seed=2)
    for number in random.Random(0).sample(range(2000), 2000):
        clock.submit(job(number))
    outcomes = [clock.wait()[0] for _ in range(2000)]
    lost = [outcome for outcome in outcomes if outcome.failure is not None]
    assert 520 < len(lost) < 680
    assert all(outcome.failure.kind is FailureKind.WORKER_LOST and outcome.seconds < 2 for outcome in lost)
    assert all(outcome.seconds == pytest.approx(2) for outcome in outcomes if outcome.failure is None)
