"""What children on Ray promise: the contract of every executor, and how actors, nodes and data fail."""

import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from netwright.errors import ConfigError, DataError, RunError
from netwright.execution.interface import Evaluate
from netwright.execution.on_ray import RayExecutor
from netwright.testing.contracts import executor_contract
from netwright.trials import FailureKind, Job, Measurement, Outcome, RemoteTask
from oracles.dying_workers import DiesAsItStarts
from oracles.ray_nodes import Nodes

Make = Callable[..., RayExecutor]


@pytest.fixture
def make(connected: str) -> Iterator[Make]:
    """Makes executors, which are closed at the end."""
    made: list[RayExecutor] = []

    def one(evaluate: Evaluate, **options: Any) -> RayExecutor:
        made.append(RayExecutor(evaluate, address=connected, **options))
        return made[-1]

    yield one
    for executor in made:
        executor.close()


def outcomes(executor: RayExecutor, *architectures: Any) -> list[Outcome]:
    """Of jobs that are numbered in their order."""
    for number, architecture in enumerate(architectures):
        executor.submit(Job(number, architecture, 0))
    ended: list[Outcome] = []
    while len(ended) < len(architectures):
        ended += executor.wait()
    return sorted(ended, key=lambda outcome: outcome.number)


def metrics(ended: Sequence[Outcome]) -> list[Any]:
    assert all(outcome.measurement for outcome in ended), [outcome.failure for outcome in ended]
    return [outcome.measurement.metrics for outcome in ended if outcome.measurement]


def test_the_executor_on_ray_keeps_the_contract(address: str) -> None:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    executor_contract(lambda evaluate: RayExecutor(evaluate, address=address))
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_children_that_fail_in_every_way(make: Make) -> None:
    driver = os.getpid()

    def evaluate(job: Job) -> Measurement:
        print(f"about to {job.architecture}", flush=True)
        match job.architecture:
            case "raise":
                raise LookupError("no such network")
            case "exit":
                os._exit(3)
            case "crash":
                ctypes.string_at(0)
            case "sleep":
                time.sleep(600)
        os.kill(os.getpid(), signal.SIGINT)  # held back: Ctrl-C is the driver's affair
        assert os.getpid() != driver
        return Measurement({"pid": os.getpid(), "threads": os.environ["OMP_NUM_THREADS"]})

    executor = make(evaluate, workers=1, time_limit=1.5)
    ended = outcomes(executor, "go on", "raise", "go on", "exit", "crash", "sleep", "go on")
    failures = {outcome.number: outcome.failure for outcome in ended if outcome.failure}
    assert {number: failure.kind for number, failure in failures.items()} == {
        1: FailureKind.EXCEPTION,
        3: FailureKind.WORKER_LOST,
        4: FailureKind.WORKER_LOST,
        5: FailureKind.TIME_LIMIT,
    }
    assert failures[1].message == "LookupError: no such network"
    assert 'raise LookupError("no such network")' in failures[1].detail
    assert failures[1].detail.endswith("What the worker wrote:\nabout to raise")
    assert failures[3].detail.endswith("about to exit")
    assert "about to crash\n" in failures[4].detail
    assert "Segmentation fault" in failures[4].detail
    assert failures[5].message == "stopped after 1.5 seconds"
    first, same, other = metrics([ended[0], ended[2], ended[6]])
    assert first == same
    assert other["pid"] != first["pid"]
    assert first["threads"] == "1"


def test_workers_that_die_as_they_start_cost_children_attempts_and_tasks_none(make: Make, tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / str(number)).touch()
    executor = make(DiesAsItStarts(tmp_path), workers=1)
    for job in (RemoteTask(-1, str), *(Job(number, None, 0) for number in range(4))):
        executor.submit(job)
    ended: list[Outcome] = []
    while len(ended) < 5:
        ended += executor.wait()
    assert [(outcome.number, outcome.failure is None) for outcome in ended] == [
        (0, False), (1, False), (2, False), (-1, True), (3, True),
    ]  # fmt: skip


def test_remote_tasks_go_before_waiting_children_and_have_no_time_limit(make: Make) -> None:
    def evaluate(job: Job) -> Measurement:
        time.sleep(0.2)
        return Measurement({})

    def rest() -> str:
        time.sleep(1.5)
        return "rested"

    executor = make(evaluate, workers=1, time_limit=1.0)
    for job in (Job(0, None, 0), Job(1, None, 0), Job(2, None, 0), RemoteTask(-1, rest), RemoteTask(-2, rest)):
        executor.submit(job)
    ended: list[Outcome] = []
    while len(ended) < 5:
        ended += executor.wait()
    # The first child may have begun when the remote tasks came.
    assert [outcome.number for outcome in ended] in ([-1, -2, 0, 1, 2], [0, -1, -2, 1, 2])
    assert [outcome.answer for outcome in ended if outcome.of_remote_task] == ["rested"] * 2
    assert all(outcome.failure is None for outcome in ended)


def test_an_actor_that_can_no_longer_use_its_gpu_is_replaced(make: Make) -> None:
    broken: list[bool] = []

    def evaluate(job: Job) -> Measurement:
        if job.architecture == "access":
            broken.append(True)
        if broken:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        return Measurement({"pid": os.getpid()})

    executor = make(evaluate, workers=1)
    before, lost, after = outcomes(executor, None, "access", None)
    assert lost.failure is not None
    assert lost.failure.kind is FailureKind.WORKER_LOST
    assert "an illegal memory access was encountered" in lost.failure.message
    first, second = metrics([before, after])
    assert first["pid"] != second["pid"]


def test_what_is_measured_can_be_written_to(make: Make) -> None:
    import numpy as np

    def evaluate(job: Job) -> Measurement:
        job.architecture[0] += 1.0
        return Measurement({"weights": job.architecture})

    (ended,) = metrics(outcomes(make(evaluate, workers=1), np.zeros(200_000)))
    ended["weights"] += 1.0
    assert (ended["weights"][0], ended["weights"][1]) == (2.0, 1.0)


def test_a_node_without_the_data_stops_the_search_and_fails_no_child(make: Make) -> None:
    driver = os.getpid()

    def evaluate(job: Job) -> Measurement:
        if os.getpid() != driver:
            raise DataError("there is no folder /data/cifar")
        return Measurement({})

    executor = make(evaluate, workers=1)
    executor.submit(Job(0, None, 0))
    with pytest.raises(
        RunError, match=r"there is no folder /data/cifar. This is on the node .* must exist on every node"
    ):
        executor.wait()


class OnlyHere:
    """Cannot be unpickled elsewhere, as where a module is missing."""

    def __reduce__(self) -> Any:
        return _missing, (os.getpid(),)

    def __call__(self, job: Job) -> Measurement:
        return Measurement({})


def _missing(driver: int) -> OnlyHere:
    if os.getpid() != driver:
        raise ModuleNotFoundError("No module named 'mine'")
    return OnlyHere()


def test_a_node_without_a_module_stops_the_search(make: Make) -> None:
    executor = make(OnlyHere(), workers=1)
    executor.submit(Job(0, None, 0))
    with pytest.raises(
        RunError, match=r"a worker of the Ray cluster cannot train children(.|\n)*No module named 'mine'"
    ):
        executor.wait()


def where(job: Job) -> Measurement:
    time.sleep(job.architecture)
    return Measurement({"gpus": os.environ.get("CUDA_VISIBLE_DEVICES"), "pid": os.getpid()})


def test_children_share_gpus_and_processors_of_nodes_that_come_and_go(make: Make, nodes: Nodes) -> None:
    executor = make(where, gpus_per_child=0)
    assert executor.workers == 2
    pid = nodes.add(num_cpus=2, num_gpus=1)
    try:
        assert make(where).workers == 1
        halves = make(where, gpus_per_child=0.5)
        assert halves.workers == 2
        used = metrics(outcomes(halves, 0.5, 0.5))
        assert [each["gpus"] for each in used] == ["0", "0"]
        assert len({each["pid"] for each in used}) == 2
        halves.close()

        with pytest.raises(ConfigError, match="to have 2 GPUs, and no node of the Ray cluster has more than 1"):
            make(where, gpus_per_child=2)
        assert len({each["pid"] for each in metrics(outcomes(executor, *[0.6] * 8))}) == 4
        assert executor.workers == 4
    finally:
        nodes.remove(pid)


@pytest.mark.parametrize("gpus", [-1.0, 1.5, float("nan"), float("inf")])
def test_gpus_that_cannot_be_given(gpus: float) -> None:
    with pytest.raises(ConfigError, match="gpus_per_child is a fraction of a GPU, 0 to 1, or a whole number of them"):
        RayExecutor(where, gpus_per_child=gpus)
