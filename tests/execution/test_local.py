"""What worker processes promise beyond the contract that every executor keeps."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from netwright.execution.local import LocalExecutor
from netwright.trials import FailureKind, Job, Measurement

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


def test_ctrl_c_while_workers_start_neither_ends_nor_upsets_them(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(INTERRUPTS_ITSELF)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", textwrap.dedent(SEARCHES)]
    ran = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=120, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "[0, 1, 2, 3]\n", "")


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


def test_ctrl_c_still_reaches_the_process_that_has_the_workers() -> None:
    executor = LocalExecutor(interrupts_or_dies, workers=1)
    try:
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    finally:
        executor.close()
