"""What worker processes promise beyond the contract that every executor keeps."""

import itertools
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from netwright.errors import RunError
from netwright.execution.local import LocalExecutor
from netwright.trials import FailureKind, Job, Measurement, Outcome
from oracles.dying_workers import DiesAsItStarts
from oracles.interrupted import interrupted_at_every_line

INTERRUPTS_ITSELF = """
import os, signal
if "INTERRUPT_AT_START" in os.environ:
    os.kill(os.getpid(), signal.SIGINT)
"""
SEARCHES = """
import os
from netwright.execution.local import LocalExecutor
from netwright.trials import Job, Measurement

os.environ["INTERRUPT_AT_START"] = "every process started from here on"
executor = LocalExecutor(lambda job: Measurement({"value": job.number}), workers=2)
for number in range(4):
    executor.submit(Job(number, None, 0))
ended = []
while len(ended) < 4:
    ended += executor.wait()
executor.close()
print(sorted(outcome.measurement.metrics["value"] for outcome in ended))
"""


def run_python(script: str, folder: Path, *, at_start: str) -> tuple[int, str, str]:
    """Run the script in the folder, and the other one at the start of each Python that is started."""
    (folder / "sitecustomize.py").write_text(at_start)
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return ran.returncode, ran.stdout, ran.stderr


def test_ctrl_c_while_workers_start_neither_ends_nor_upsets_them(tmp_path: Path) -> None:
    assert run_python(SEARCHES, tmp_path, at_start=INTERRUPTS_ITSELF) == (0, "[0, 1, 2, 3]\n", "")


SECOND_STARTS_SLOWLY = """
import os, pathlib, sys, time
if "NOTE_STARTS" in os.environ and "--process-name" in sys.orig_argv:
    try:
        pathlib.Path(os.environ["NOTE_STARTS"]).touch(exist_ok=False)
    except FileExistsError:
        time.sleep(2)
"""
CLOSES_EARLY = """
import os, signal, time
from loky.backend.process import LokyProcess
from netwright.execution.local import LocalExecutor
from netwright.trials import Job, Measurement

start = LokyProcess.start
LokyProcess.start = lambda process: (start(process), time.sleep(0.5))

def dies_slowly(job):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return Measurement({"value": job.number})

os.environ["NOTE_STARTS"] = "first"
executor = LocalExecutor(dies_slowly, workers=2)
executor.submit(Job(0, None, 0))
executor.wait()
executor.close()
print("closed")
"""


def test_closing_while_a_worker_starts_prints_nothing(tmp_path: Path) -> None:
    """Pebble takes its semaphores away before it kills: a worker that still starts would miss them and say so."""
    assert run_python(CLOSES_EARLY, tmp_path, at_start=SECOND_STARTS_SLOWLY) == (0, "closed\n", "")


def interrupts_or_dies(job: Job) -> Measurement:
    if job.architecture == "die":
        os._exit(3)
    os.kill(os.getpid(), signal.SIGINT)
    return Measurement({"pid": os.getpid()})


def test_ctrl_c_reaches_no_child_not_even_in_a_worker_that_replaced_another() -> None:
    executor = LocalExecutor(interrupts_or_dies, workers=1)
    pids, kinds = [], []
    for number, what in enumerate(("go on", "die", "go on")):
        executor.submit(Job(number, what, 0))
        (outcome,) = executor.wait()
        pids += [outcome.measurement.metrics["pid"]] if outcome.measurement else []
        kinds += [outcome.failure.kind] if outcome.failure else []
    executor.close()
    assert len(set(pids)) == 2
    assert kinds == [FailureKind.WORKER_LOST]


def ends_a_program_by_ctrl_c(job: Job) -> Measurement:
    with subprocess.Popen(["sleep", "1000"]) as program:
        program.send_signal(signal.SIGINT)
        return Measurement({"code": program.wait(5)})


def test_a_program_that_a_child_starts_ends_at_sigint() -> None:
    with closing(LocalExecutor(ends_a_program_by_ctrl_c, workers=1, time_limit=20)) as executor:
        (outcome,) = outcomes_of(executor, [0])
        assert outcome.measurement == Measurement({"code": -signal.SIGINT})


def test_what_a_worker_that_died_had_started_is_ended() -> None:
    def dies(job: Job) -> Measurement:
        program = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        (Path(str(job.architecture)) / "program").write_text(str(program.pid))
        os._exit(3)

    with tempfile.TemporaryDirectory() as folder, closing(LocalExecutor(dies, workers=1)) as executor:
        executor.submit(Job(0, folder, 0))
        (outcome,) = executor.wait()
        assert outcome.failure is not None
        number = int((Path(folder) / "program").read_text())
        assert not runs(number)


def runs(number: int) -> bool:
    """Whether the process has not ended; one that nobody has waited for yet has."""
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(number)], capture_output=True, text=True, check=False)
    return listed.stdout.strip()[:1] not in ("", "Z")


def outcomes_of(executor: LocalExecutor, numbers: Sequence[int]) -> list[Outcome]:
    for number in numbers:
        executor.submit(Job(number, None, 0))
    outcomes: list[Outcome] = []
    while len(outcomes) < len(numbers):
        outcomes += executor.wait()
    return sorted(outcomes, key=lambda outcome: outcome.number)


@pytest.mark.parametrize("num_deaths", [1, 2])
def test_workers_that_die_as_they_start_are_replaced_and_cost_no_child_an_attempt(
    tmp_path: Path, num_deaths: int
) -> None:
    for number in range(num_deaths):
        (tmp_path / str(number)).touch()
    with closing(LocalExecutor(DiesAsItStarts(tmp_path), workers=1)) as executor:
        assert [outcome.failure for outcome in outcomes_of(executor, range(5))] == [None] * 5
        (tmp_path / "again").touch()
        assert [outcome.failure for outcome in outcomes_of(executor, [5])] == [None]


def test_workers_that_never_start_end_the_search(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / str(number)).touch()
    refused = pytest.raises(RunError, match="worker processes die before they train anything, 3 times")
    with closing(LocalExecutor(DiesAsItStarts(tmp_path), workers=1)) as executor, refused:
        outcomes_of(executor, range(5))


def test_a_worker_killed_between_two_jobs_is_replaced(tmp_path: Path) -> None:
    with closing(LocalExecutor(DiesAsItStarts(tmp_path), workers=1)) as executor:
        pids = []
        for number in range(3):
            (outcome,) = outcomes_of(executor, [number])
            assert outcome.measurement is not None
            pids.append(outcome.measurement.metrics["pid"])
            os.kill(pids[-1], signal.SIGKILL)
            time.sleep(0.5)  # until pebble has seen it
        assert len(set(pids)) == 3


def test_a_child_whose_process_ends_as_if_all_were_well_has_failed() -> None:
    with closing(LocalExecutor(lambda job: os._exit(0), workers=1)) as executor:
        (outcome,) = outcomes_of(executor, [0])
        assert outcome.failure is not None
        assert outcome.failure.kind is FailureKind.WORKER_LOST


def test_ctrl_c_still_reaches_the_process_that_has_the_workers() -> None:
    executor = LocalExecutor(interrupts_or_dies, workers=1)
    try:
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    finally:
        executor.close()


def test_ctrl_c_in_the_middle_of_handing_in_a_job_loses_no_later_one() -> None:
    """Pebble's queue, cut off between waking its reader and forgetting it, wakes nobody for the next job."""
    executor = LocalExecutor(lambda job: Measurement({"value": job.number}), workers=1)
    numbers = itertools.count()
    ended: queue.SimpleQueue[int] = queue.SimpleQueue()

    def collect() -> None:
        while not over.is_set():
            for outcome in executor.wait():
                ended.put(outcome.number)

    over, collecting = threading.Event(), threading.Thread(target=collect, daemon=True)
    collecting.start()
    places = []
    for where in interrupted_at_every_line(lambda: executor.submit(Job(next(numbers), None, 0))):
        places.append(where)
        last = next(numbers)
        executor.submit(Job(last, None, 0))
        while ended.get(timeout=60) != last:
            pass
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert any(where.startswith(queue.__file__) for where in places)
    over.set()
    executor.submit(Job(next(numbers), None, 0))
    collecting.join()
    executor.close()
