"""Which GPU a worker sees, for machines with as many of them as one likes: only the variable is looked at."""

import os
import signal
import time
from collections import Counter
from contextlib import closing

import pytest

from netwright.execution.attempts import run_all
from netwright.execution.gpus import device_of
from netwright.execution.local import LocalExecutor
from netwright.trials import Job, Measurement

UUIDS = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6,GPU-1b2c , MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f"


@pytest.mark.parametrize(
    ("num_gpus", "visible", "expected"),
    [
        (8, None, ["0", "1", "2", "3", "4", "5", "6", "7", "0", "1"]),
        (8, "", ["0", "1", "2", "3", "4", "5", "6", "7", "0", "1"]),
        (1, None, ["0", "0", "0"]),
        (3, "2,5,7", ["2", "5", "7", "2"]),
        (1, "3", ["3", "3"]),
        (2, "4,1,-1,6", ["4", "1", "4", "1"]),  # CUDA ignores what follows an index that is none
        (
            3,
            UUIDS,
            ["GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", "GPU-1b2c", "MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f"],
        ),
    ],
)
def test_workers_take_the_gpus_in_turn(num_gpus: int, visible: str | None, expected: list[str]) -> None:
    assert [device_of(worker, num_gpus, visible) for worker in range(len(expected))] == expected


def seen(job: Job) -> Measurement:
    time.sleep(0.3)
    return Measurement({"gpu": os.environ.get("CUDA_VISIBLE_DEVICES"), "pid": os.getpid()})


def gpus_seen(executor: LocalExecutor, num_jobs: int) -> dict[int, str]:
    """By the process number of the worker."""
    ended = [outcome.measurement for outcome in run_all(executor, [Job(n, None, 0) for n in range(num_jobs)])]
    return {each.metrics["pid"]: each.metrics["gpu"] for each in ended if each is not None}


def test_a_worker_that_replaces_another_takes_its_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "6,GPU-1b2c,7")
    with closing(LocalExecutor(seen, workers=4, num_gpus=3)) as executor:
        while len(before := gpus_seen(executor, 12)) < 4:  # a worker may start late
            pass
        assert Counter(before.values()) == {"6": 2, "GPU-1b2c": 1, "7": 1}
        lost = next(pid for pid, gpu in before.items() if gpu == "7")
        executor.submit(Job(12, None, 0))
        os.kill(lost, signal.SIGKILL)
        executor.wait()
        while len(after := gpus_seen(executor, 12)) < 4:
            pass
        assert lost not in after
        assert Counter(after.values()) == {"6": 2, "GPU-1b2c": 1, "7": 1}
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "6,GPU-1b2c,7"


def test_children_on_a_processor_see_what_the_search_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "6,7")
    with closing(LocalExecutor(seen, workers=1)) as executor:
        assert set(gpus_seen(executor, 1).values()) == {"6,7"}
