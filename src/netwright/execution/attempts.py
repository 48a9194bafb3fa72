"""One job from start to end, and its repetition if its worker is lost: shared by all executors."""

import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from types import TracebackType

from netwright.errors import ChildError, RunError
from netwright.execution.device_errors import empty_gpu_cache, is_broken_context, is_out_of_memory, text_of
from netwright.execution.failures import MAX_MESSAGE, failure_of, shortened, storable
from netwright.execution.interface import Evaluate, Executor
from netwright.execution.surroundings import standard_defaults, surroundings_restored
from netwright.trials import MAX_ATTEMPTS, Failure, FailureKind, Job, Measurement, Outcome, RemoteTask


def attempt(evaluate: Evaluate, job: Job | RemoteTask, *, in_worker: bool = False) -> Outcome:
    """Evaluate a job or do a remote task; an exception becomes a failure with its kind and traceback.

    If the exception says that this process can no longer use its GPU, the failure is that of a lost worker: the caller
    has to end the process.

    Args:
        evaluate: Evaluates a job.
        job: The job or remote task.
        in_worker: Whether this is a worker process. Ctrl-C reaches none, so a KeyboardInterrupt is a failure, too.

    Raises:
        KeyboardInterrupt: The search is interrupted.
    """
    begun, clock = time.time(), time.perf_counter()
    measurement: Measurement | None = None
    answer: object = None
    failure: Failure | None = None
    try:
        if isinstance(job, RemoteTask):
            with standard_defaults():
                answer = job.work()
        else:
            with surroundings_restored():
                measurement = evaluate(job)
    except ChildError as error:
        failure = failure_of(FailureKind.NOT_FINITE, str(error))
    except BaseException as error:  # a child may fail in any way; the search continues
        if isinstance(error, KeyboardInterrupt) and not in_worker:
            raise
        trace = "".join(traceback.format_exception(error.with_traceback(_without_this_frame(error))))
        failure = failure_of(_kind_of(error), _head(error), trace)
    outcome = Outcome(job.number, measurement, failure, time.perf_counter() - clock, begun, answer)
    if not outcome.lost:
        empty_gpu_cache()
    return outcome


def _kind_of(error: BaseException) -> FailureKind:
    if is_out_of_memory(error):
        return FailureKind.OUT_OF_MEMORY
    return FailureKind.WORKER_LOST if is_broken_context(error) else FailureKind.EXCEPTION


def run_all(executor: Executor, jobs: Sequence[Job]) -> Iterator[Outcome]:
    """Run jobs to their ends.

    Yields:
        The outcome of each job, in the order in which they end. A job whose worker is lost is tried again, at most
        `MAX_ATTEMPTS` times in all.
    """
    left, attempts = {job.number: job for job in jobs}, Counter[int]()
    for job in jobs:
        executor.submit(job)
    while left:
        for outcome in executor.wait():
            attempts[outcome.number] += 1
            if outcome.lost and attempts[outcome.number] < MAX_ATTEMPTS:
                executor.submit(left[outcome.number])
            else:
                del left[outcome.number]
                yield outcome


def check_none_lost(what: str, count: int, lost: Sequence[str]) -> None:
    """Check that no job lost its worker in every attempt.

    Args:
        what: What the jobs are, in the plural.
        count: The number of jobs.
        lost: A description of each lost job.

    Raises:
        RunError: `lost` is not empty.
    """
    if lost:
        raise RunError(
            f"{len(lost)} of {count} {what} lost their workers {MAX_ATTEMPTS} times; the others are kept, and the same "
            f"command trains these once more. The first: {lost[0]}"
        )


def _without_this_frame(error: BaseException) -> TracebackType | None:
    """Return the traceback from the user's code on."""
    return error.__traceback__.tb_next if error.__traceback__ else None


def in_one_line(error: BaseException) -> str:
    """Return the class of `error` and the first line of its message, which is cut if it is long."""
    return shortened(storable(_head(error)), MAX_MESSAGE)


def _head(error: BaseException) -> str:
    lines = text_of(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
