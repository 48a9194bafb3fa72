"""What a search or its children started is gone soon after the search has ended, in whatever way it ended."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from netwright.execution.watcher import MARK, SECONDS_BETWEEN_LOOKS, end_all

SCRIPT = """
import multiprocessing, os, re, subprocess, sys, time, warnings
import netwright as nw
warnings.simplefilter("ignore")
seconds, what, limit, folder, workers = sys.argv[1:]

@nw.space
def space():
    return {"a": (yield nw.Choice("a", (0, 1, 2, 3)))}

def evaluate(architecture):
    sleep = ["sleep", seconds]
    subprocess.Popen(sleep)
    subprocess.Popen(sleep, start_new_session=True)
    subprocess.Popen(sleep, env={})
    subprocess.Popen(["sh", "-c", f"sleep {seconds} & exit"], start_new_session=True).wait()  # a daemon
    if os.fork() == 0:
        os.execlp("sleep", *sleep)
    if os.fork() == 0:  # a process of no other program
        time.sleep(1000)
    multiprocessing.get_context("spawn").Process(target=time.sleep, args=(float(seconds),), daemon=True).start()
    if what == "returns":
        return 1.0
    if what == "dies":
        os._exit(3)
    open(os.path.join(folder, f"started-{architecture['a']}"), "w").close()
    if what == "matches":  # holds the interpreter for ages
        re.match("(a+)+$", "a" * 60 + "b")
    time.sleep(1000)

if __name__ == "__main__":
    nw.search(
        space, evaluate, num_trials=4, strategy="random", batch_size=2, workers=int(workers) or None,
        out=folder + "/run",
        time_limit_seconds=float(limit) if limit != "-" else None,
    )
    print("ended")
"""

RECIPE = """
import multiprocessing, os, subprocess, time
import netwright as nw
from netwright.config import FunctionSettings

SECONDS = os.environ["TEST_SECONDS"]

@nw.space
def space():
    return {"a": (yield nw.Choice("a", (0, 1, 2, 3)))}

def evaluate(architecture):
    sleep = ["sleep", SECONDS]
    subprocess.Popen(sleep)
    subprocess.Popen(sleep, start_new_session=True, env={})
    multiprocessing.Process(target=time.sleep, args=(1000,)).start()
    open(f"started-{architecture['a']}", "w").close()
    time.sleep(1000)

def config():
    return nw.RunConfig(space=space(), evaluate=FunctionSettings(function=evaluate), num_trials=4, batch_size=2)
"""
"""For the command line, where Python itself would wait for processes of multiprocessing."""


@contextmanager
def searching(
    folder: Path, what: str, limit: str = "-", workers: int = 2
) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Start the search; yields its process and the text by which what it started is found."""
    (folder / "script.py").write_text(SCRIPT)
    seconds = f"97{os.getpid()}.{time.monotonic_ns() % 10**6:06}"
    with subprocess.Popen(
        [sys.executable, "script.py", seconds, what, limit, str(folder), str(workers)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process, seconds
        finally:
            process.kill()
            process.wait()
            for number in started_by(process.pid, seconds):
                os.kill(number, signal.SIGKILL)


def started_by(search: int, seconds: str) -> list[int]:
    """The processes that run: the children's (by their argument), and workers and watcher (by their parent's mark)."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and int(folder.name) not in (os.getpid(), search):
            try:
                line, variables = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
            except OSError:
                continue
            if seconds.encode() in line or f"{MARK}={search}-".encode() in variables or f"{search}-" in str(line):
                found.append(int(folder.name))
    return found


def wait_until_all_are_gone(search: int, seconds: str) -> None:
    deadline = time.monotonic() + 5
    while left := started_by(search, seconds):
        assert time.monotonic() < deadline, [Path(f"/proc/{each}/cmdline").read_bytes() for each in left]
        time.sleep(0.05)


on_linux = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes by /proc")


def wait_for_start(folder: Path, process: "subprocess.Popen[str] | subprocess.Popen[bytes]") -> None:
    while not list(folder.glob("started-*")):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    time.sleep(0.2)


@on_linux
@pytest.mark.parametrize(("what", "workers"), [("matches", 2), ("sleeps", 2), ("sleeps", 0)])
def test_nothing_is_left_after_kill_9(tmp_path: Path, what: str, workers: int) -> None:
    with searching(tmp_path, what, workers=workers) as (process, seconds):
        wait_for_start(tmp_path, process)
        time.sleep(0 if workers else 2 * SECONDS_BETWEEN_LOOKS)
        assert len(started_by(process.pid, seconds)) >= 7 + (1 if workers else 0) + 1
        process.kill()
        process.wait()
        wait_until_all_are_gone(process.pid, seconds)


@on_linux
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(("what", "workers"), [("matches", 2), ("sleeps", 2), ("sleeps", 0)])
def test_nothing_is_left_after_a_signal(tmp_path: Path, what: str, workers: int, number: signal.Signals) -> None:
    with searching(tmp_path, what, workers=workers) as (process, seconds):
        wait_for_start(tmp_path, process)
        time.sleep(0 if workers else 2 * SECONDS_BETWEEN_LOOKS)
        process.send_signal(number)
        output, _ = process.communicate(timeout=5)
        assert process.returncode != 0
        assert "Interrupted" in output or "KeyboardInterrupt" in output
        wait_until_all_are_gone(process.pid, seconds)


@on_linux
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.parametrize("workers", [None, 2])
def test_nothing_is_left_of_a_command(tmp_path: Path, workers: int | None, number: signal.Signals) -> None:
    (tmp_path / "recipe.py").write_text(RECIPE)
    seconds = f"96{os.getpid()}.{time.monotonic_ns() % 10**6:06}"
    options = ("--workers", str(workers)) if workers else ()
    command = [sys.executable, "-m", "netwright", "search", "recipe.py:config", "-o", f"run-{seconds}", *options]
    variables = {**os.environ, "TEST_SECONDS": seconds}
    with subprocess.Popen(
        command, cwd=tmp_path, env=variables, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            wait_for_start(tmp_path, process)
            time.sleep(2 * SECONDS_BETWEEN_LOOKS)
            assert len(started_by(process.pid, seconds)) >= 3 + 1
            process.send_signal(number)
            assert process.wait(timeout=5) == (-number if number is signal.SIGKILL else 130)
            wait_until_all_are_gone(process.pid, seconds)
        finally:
            process.kill()
            for left in started_by(process.pid, seconds):
                os.kill(left, signal.SIGKILL)


@on_linux
@pytest.mark.slow
def test_nothing_is_left_after_the_time_limit(tmp_path: Path) -> None:
    with searching(tmp_path, "matches", "1") as (process, seconds):
        wait_for_start(tmp_path, process)
        time.sleep(5)
        assert len(started_by(process.pid, seconds)) <= 2 * (7 + 1) + 1
        output, _ = process.communicate(timeout=60)
        assert "ended" in output
        wait_until_all_are_gone(process.pid, seconds)


@on_linux
@pytest.mark.slow
@pytest.mark.parametrize(("what", "workers"), [("returns", 2), ("dies", 2), ("returns", 0)])
def test_nothing_is_left_at_the_end(tmp_path: Path, what: str, workers: int) -> None:
    with searching(tmp_path, what, workers=workers) as (process, seconds):
        output, _ = process.communicate(timeout=60)
        assert "ended" in output or what == "dies"
        if not workers:  # the watcher takes a moment to see that the process has ended
            wait_until_all_are_gone(process.pid, seconds)
        assert started_by(process.pid, seconds) == []


def test_only_what_bears_the_mark_or_is_in_the_group_is_ended() -> None:
    def start(mark: str | None, *, session: bool = False) -> "subprocess.Popen[bytes]":
        variables = {**os.environ, MARK: mark} if mark else None
        return subprocess.Popen(["sleep", "1000"], env=variables, start_new_session=session)

    marked, other, unmarked, grouped = start("x.1;"), start("x.11;"), start(None), start(None, session=True)
    try:
        end_all("x.1;", [grouped.pid])
        if Path("/proc/self/environ").exists():
            assert marked.wait(1) == -signal.SIGKILL
        assert grouped.wait(1) == -signal.SIGKILL
        assert (other.poll(), unmarked.poll()) == (None, None)
    finally:
        for each in (marked, other, unmarked, grouped):
            each.kill()
            each.wait()
