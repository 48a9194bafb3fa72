"""Exhausted memory in every spelling, and a broken CUDA context, with stand-ins for a GPU's errors."""

import os
import tempfile
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from netwright.errors import RunError
from netwright.execution import device_errors
from netwright.execution.attempts import attempt, run_all
from netwright.execution.in_process import InProcessExecutor
from netwright.execution.local import LocalExecutor
from netwright.trials import FailureKind, Job, Measurement, Outcome

ILLEGAL_ACCESS = (
    "CUDA error: an illegal memory access was encountered\n"
    "CUDA kernel errors might be asynchronously reported at some other API call."
)
EXHAUSTED = [
    MemoryError("Unable to allocate 3 TiB"),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to "
        "allocate 140737488355328 bytes. Error code 12 (Cannot allocate memory)"
    ),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79 GiB"),
    RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 79 GiB total capacity)"),
    RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported"),
    torch.AcceleratorError("CUDA error: out of memory"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED"),
]
BROKEN = [
    RuntimeError(ILLEGAL_ACCESS),
    torch.AcceleratorError(ILLEGAL_ACCESS),
    torch.AcceleratorError("CUDA error: device-side assert triggered"),
    RuntimeError("CUDA error: unspecified launch failure"),
    RuntimeError("CUDA error: misaligned address"),
    RuntimeError("CUDA error: hardware stack error"),
    RuntimeError("CUDA error: an illegal instruction was encountered"),
    RuntimeError("CUDA error: context is destroyed"),
    RuntimeError("CUDA error: uncorrectable ECC error encountered"),
]
OTHERS = [
    ValueError("CUDA error: out of memory, says the author of this message"),
    RuntimeError("shape '[3]' is invalid for input of size 4"),
    RuntimeError("CUDA error: invalid argument"),
    RuntimeError("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED"),
    OSError("the file has a misaligned address"),
]


def kind_of(error: BaseException) -> FailureKind:
    def evaluate(job: Job) -> Measurement:
        raise error

    failure = attempt(evaluate, Job(0, None, 0)).failure
    assert failure is not None
    return failure.kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        *((error, FailureKind.OUT_OF_MEMORY) for error in EXHAUSTED),
        *((error, FailureKind.WORKER_LOST) for error in BROKEN),
        *((error, FailureKind.EXCEPTION) for error in OTHERS),
    ],
    ids=str,
)
def test_the_kind_of_a_failure(error: BaseException, kind: FailureKind) -> None:
    assert kind_of(error) is kind


def test_the_gpu_is_asked_where_the_text_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def synchronize() -> None:
        calls.append("synchronize")
        if answer is not None:
            raise answer

    cuda = SimpleNamespace(
        is_initialized=lambda: initialized, synchronize=synchronize, empty_cache=lambda: calls.append("empty")
    )
    monkeypatch.setitem(device_errors.sys.modules, "torch", SimpleNamespace(cuda=cuda))
    initialized, answer = False, torch.AcceleratorError(ILLEGAL_ACCESS)
    execution_failed = RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm(handle)`")
    assert not device_errors.is_broken_context(execution_failed)
    assert calls == []
    initialized = True
    assert device_errors.is_broken_context(execution_failed)
    assert device_errors.is_broken_context(ValueError("the user's own words"))
    answer = torch.AcceleratorError("CUDA error: out of memory")
    assert not device_errors.is_broken_context(execution_failed)
    answer = None
    assert not device_errors.is_broken_context(execution_failed)


def test_caches_are_emptied_after_a_child_and_only_where_the_gpu_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    emptied: list[bool] = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: emptied.append(True))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    attempt(lambda job: Measurement({}), Job(0, None, 0))
    assert emptied == []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    attempt(lambda job: Measurement({}), Job(0, None, 0))
    assert emptied == [True]
    assert kind_of(EXHAUSTED[2]) is FailureKind.OUT_OF_MEMORY
    assert emptied == [True, True]
    assert kind_of(BROKEN[0]) is FailureKind.WORKER_LOST
    assert emptied == [True, True]


_broken: list[RuntimeError] = []


def breaks(job: Job) -> Measurement:
    """After an illegal access everything in this process fails, as on a GPU."""
    if job.architecture == "access" and not _broken:
        _broken.append(RuntimeError(ILLEGAL_ACCESS))
    if _broken:
        raise _broken[0]
    time.sleep(0.2)
    return Measurement({"pid": os.getpid()})


@pytest.mark.parametrize("workers", [1, 2])
def test_a_broken_context_ends_its_worker_and_costs_no_other_child_an_attempt(
    workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # of the workers
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    outcomes: list[Outcome] = []
    with closing(LocalExecutor(breaks, workers=workers)) as executor:
        for number, architecture in enumerate(["access", None, None, None, None, None]):
            executor.submit(Job(number, architecture, 0))
        while len(outcomes) < 6:
            outcomes += executor.wait()
    lost = [outcome for outcome in outcomes if outcome.failure]
    assert [(outcome.number, outcome.lost) for outcome in lost] == [(0, True)]
    failure = lost[0].failure
    assert failure is not None
    assert failure.message == "RuntimeError: CUDA error: an illegal memory access was encountered"
    assert "raise _broken[0]" in failure.detail
    assert list(tmp_path.glob("netwright-*failure.json")) == []


def test_a_child_that_breaks_every_context_is_lost_and_its_neighbours_are_measured() -> None:
    with closing(LocalExecutor(breaks, workers=1)) as executor:
        jobs = [Job(number, architecture, 0) for number, architecture in enumerate(["access", None, None])]
        ended = {outcome.number: outcome for outcome in run_all(executor, jobs)}
    assert ended[0].lost
    assert ended[1].measurement is not None
    assert ended[2].measurement is not None


class NeedsMemory:
    """A job's architecture is the memory that it takes of a GPU with 1 in all; each attempt leaves a file."""

    def __init__(self, folder: Path, message: str = "CUDA error: out of memory") -> None:
        self.folder, self.message = folder, message

    def __call__(self, job: Job) -> Measurement:
        Path(tempfile.mkdtemp(dir=self.folder, prefix=f"attempt-{job.number}-"))
        taken = self.folder / f"taken-{job.number}"
        taken.write_text(str(job.architecture))
        try:
            time.sleep(0.4)
            if sum(float(each.read_text()) for each in self.folder.glob("taken-*")) > 1:
                raise RuntimeError(self.message)
            time.sleep(0.4)
        finally:
            taken.unlink()
        return Measurement({})

    def attempts(self, number: int) -> int:
        return len(list(self.folder.glob(f"attempt-{number}-*")))


def test_a_child_that_exhausts_a_gpu_beside_others_is_tried_once_more_alone(tmp_path: Path) -> None:
    child = NeedsMemory(tmp_path)
    jobs = [Job(number, memory, 0) for number, memory in enumerate([0.4, 0.7, 0.2, 1.5, 0.1])]
    with closing(LocalExecutor(child, workers=2)) as executor:
        for job in jobs[:4]:
            executor.submit(job)
        outcomes = list(executor.wait())
        executor.submit(jobs[4])  # while others wait to run alone
        while len(outcomes) < 5:
            outcomes += executor.wait()
        assert next(run_all(executor, [Job(5, 0.1, 0)])).measurement is not None
    failures = {outcome.number: outcome.failure.kind for outcome in outcomes if outcome.failure}
    assert failures == {3: FailureKind.OUT_OF_MEMORY}
    assert child.attempts(1) + child.attempts(0) in (3, 4)  # one of the two was in the other's way, or both were
    assert child.attempts(3) == 2
    assert child.attempts(4) == 1


@pytest.mark.parametrize(
    ("message", "workers"), [("DefaultCPUAllocator: can't allocate memory", 2), ("CUDA error: out of memory", 1)]
)
def test_the_machines_memory_and_a_single_worker_are_no_reason_to_try_again(
    tmp_path: Path, message: str, workers: int
) -> None:
    child = NeedsMemory(tmp_path, message)
    with closing(LocalExecutor(child, workers=workers)) as executor:
        (outcome,) = run_all(executor, [Job(0, 1.5, 0)])
    assert outcome.failure is not None
    assert outcome.failure.kind is FailureKind.OUT_OF_MEMORY
    assert child.attempts(0) == 1


def test_without_workers_a_broken_context_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    executor = InProcessExecutor(breaks)
    monkeypatch.setattr(f"{__name__}._broken", [RuntimeError(ILLEGAL_ACCESS)])
    executor.submit(Job(0, None, 0))
    with pytest.raises(RunError, match="can no longer use its GPU") as caught:
        executor.wait()
    assert "an illegal memory access was encountered" in str(caught.value)
