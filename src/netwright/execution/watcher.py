"""Ends the worker processes of a search, and all that its children started, also if the search was killed.

A search runs this file as a program of its own: it waits until the search closes its end of a pipe or dies in any way,
and kills what then is left. It therefore imports the standard library only, and nothing of netwright.

Children that are evaluated in the process of the search have no worker that could be ended with all it started: what
they start may live as long as that process. The watcher then waits for the end of the process, and it also kills those
of its descendants that it has seen while a search ran.

A process belongs to a worker if one of these holds:

- The variable `MARK` in its environment contains the worker's mark (Linux), which every descendant inherits.
- It is in the process group of the worker.
- It descends from a process that belongs to the worker.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

MARK = "NETWRIGHT_WORKER"
"""The environment variable with the marks of the worker, and of the worker in which its search runs, if any."""
SEARCH_BEGINS, SEARCH_ENDS = "+", "-"
"""What a search without workers writes to its watcher; the first with the numbers of the descendants so far."""
MAX_SECONDS = 3.0
"""How long processes are looked for that start while others are killed."""
SECONDS_BETWEEN_LOOKS = 0.5
"""How often the parent is looked for: a process forked from it may hold the pipe open."""

START_TIME = 19
"""Position of the start time among the fields of /proc/PID/stat after the name."""


class _Process(NamedTuple):
    number: int
    parent: int
    group: int
    started: str
    """When it started; a later process may have the same number."""


def end_all(mark: str, groups: Collection[int], others: Collection[_Process] = ()) -> None:
    """Kill all processes that belong to a worker, until none is left.

    Args:
        mark: The mark of one worker, or the common beginning of the marks of all.
        groups: The process groups of these workers.
        others: Processes that are killed too, with their descendants.
    """
    deadline = time.monotonic() + MAX_SECONDS
    started = {(each.number, each.started) for each in others}
    found = {each.number for each in _processes() if (each.number, each.started) in started}
    while (found := _belonging(mark, groups, found)) and time.monotonic() < deadline:
        for number in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(number, signal.SIGKILL)
        time.sleep(0.01)


def _belonging(mark: str, groups: Collection[int], found_before: Collection[int]) -> set[int]:
    processes = _processes()
    found = {each.number for each in processes if each.group in groups or _is_marked(each.number, mark)}
    found |= {each.number for each in processes if each.number in found_before}  # being killed, without an environment
    return _with_descendants(found, processes) - {os.getpid()}


def _with_descendants(found: set[int], processes: Collection[_Process]) -> set[int]:
    size = -1
    while len(found) > size:
        size = len(found)
        found |= {each.number for each in processes if each.parent in found}
    return found


def _descendants(parent: int) -> set[_Process]:
    processes = _processes()
    numbers = _with_descendants({parent}, processes) - {parent, os.getpid()}
    return {each for each in processes if each.number in numbers}


def _processes() -> list[_Process]:
    return list(_processes_of_proc() if Path("/proc/self/stat").exists() else _processes_of_ps())


def _processes_of_proc() -> Iterator[_Process]:
    """Yield the processes that have not ended, by Linux's /proc."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(OSError):
                # "pid (name) state parent group ...", where the name may contain blanks and brackets
                fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
                if fields[0] not in "ZX":
                    yield _Process(int(folder.name), int(fields[1]), int(fields[2]), started=fields[START_TIME])


def _processes_of_ps() -> Iterator[_Process]:
    with contextlib.suppress(OSError):
        listed = subprocess.run(
            ["ps", "-A", "-o", "pid=,ppid=,pgid=,stat=,lstart="], capture_output=True, text=True, check=False
        )
        for number, parent, group, state, *started in map(str.split, listed.stdout.splitlines()):
            if not state.startswith("Z"):
                yield _Process(int(number), int(parent), int(group), " ".join(started))


def _is_marked(number: int, mark: str) -> bool:
    with contextlib.suppress(OSError):
        variables = Path(f"/proc/{number}/environ").read_bytes().split(b"\0")
        return any(each.startswith(f"{MARK}=".encode()) and mark.encode() in each for each in variables)
    return False


class Watcher:
    """The watching process of one search, as the search uses it."""

    def __init__(self, mark: str) -> None:
        """Start the process; `mark` is the common beginning of the marks of all workers."""
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, mark, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # a signal to the search's group, as of a terminal, does not end the watcher
        )

    def add(self, group: int) -> None:
        """Report the process group of a new worker."""
        self._write(str(group))

    def search_begins(self) -> None:
        """Let the watcher look at the descendants of this process that are started from now on."""
        numbers = sorted(each.number for each in _descendants(os.getpid()))
        self._write(" ".join([SEARCH_BEGINS, *map(str, numbers)]))

    def search_ends(self) -> None:
        """Let the watcher look at the descendants a last time."""
        self._write(SEARCH_ENDS)

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # the watcher was killed; the workers still watch their parent themselves
            os.write(self._process.stdin.fileno(), f"{line}\n".encode())

    def close(self) -> None:
        """Let the watcher end what is left, and wait for it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(2 * MAX_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def main() -> None:
    """Wait for the end of the search, then kill what is left of it."""
    mark, parent = sys.argv[1], int(sys.argv[2])
    received, groups, num_searches = b"", set[int](), 0
    older, seen = set[int](), set[_Process]()
    while os.getppid() == parent:
        was_searching = num_searches > 0
        if select.select([0], [], [], SECONDS_BETWEEN_LOOKS)[0]:
            if not (text := os.read(0, 4096)):
                break
            *lines, received = (received + text).split(b"\n")
            for kind, *numbers in (line.decode().split() for line in lines):
                if kind == SEARCH_BEGINS:
                    older = older if num_searches else {*map(int, numbers)} - {each.number for each in seen}
                    num_searches += 1
                elif kind == SEARCH_ENDS:
                    num_searches -= 1
                else:
                    groups.add(int(kind))
        if was_searching:
            seen |= {each for each in _descendants(parent) if each.number not in older}
    end_all(mark, groups, seen)


if __name__ == "__main__":
    main()
