"""`kill -9` of a command's main process again and again, and what a run's folder holds before and after."""

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from netwright.searching.store import Store, exists
from oracles.processes import members

Kept = dict[tuple[object, ...], object]
"""Everything that is committed, times included: what is computed a second time has another time."""

SECONDS_OF_CHILD = 0.025
"""How long the children of a user's recipe take, so that kills fall between them."""
SECONDS_TO_EXIT = 10
"""Within these, workers must have ended after their parent; they look twice a second, on a busy machine later."""


class Commands:
    """Starts commands in sessions of their own, in `folder`; their output is appended to output.txt there."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._output = folder, folder / "output.txt"
        self._processes: list[subprocess.Popen[bytes]] = []

    def end(self, *command: object) -> None:
        """Run a command to its end, which must be a good one."""
        process = self._started(command)
        assert process.wait(timeout=200) == 0, self._output.read_text()

    def kill_often(
        self,
        num_kills: int,
        command: Sequence[object],
        kept: Callable[[], Kept],
        ended: Callable[[], bool],
        longest_wait: float = 0.15,
    ) -> Kept:
        """Start a command and kill its main process, `num_kills` times, each time after it has committed more.

        Args:
            num_kills: All of them fall between the first and the last commit.
            command: The same at every start.
            kept: Reads what is committed.
            ended: Whether the last commit is there, so that a kill would show nothing.
            longest_wait: Seconds between a commit and the kill.

        Returns:
            What was committed at the last kill.
        """
        rng = random.Random(num_kills)
        before = kept()
        for _ in range(num_kills):
            process = self._started(command)
            self._wait_for_more(kept, len(before), process)
            self.check_workers_ended()  # of earlier starts; this one did not wait for them
            time.sleep(rng.uniform(0, longest_wait))
            process.kill()
            assert process.wait() == -signal.SIGKILL, self._output.read_text()
            now = kept()
            assert not ended(), "the last commit came before the kill"
            assert before.items() <= now.items()
            before = now
        self.check_workers_ended()
        return before

    def check_workers_ended(self) -> None:
        """Check that no process of a command whose main process has ended is left."""
        deadline = time.monotonic() + SECONDS_TO_EXIT
        ended = [process.pid for process in self._processes if process.poll() is not None]
        while left := [member for group in ended for member in members(group)]:
            assert time.monotonic() < deadline, f"processes {left} outlive their parent"
            time.sleep(0.05)

    def _started(self, command: Sequence[object]) -> subprocess.Popen[bytes]:
        with self._output.open("ab") as output:
            process = subprocess.Popen(
                list(map(str, command)),
                cwd=self._folder,
                env={**os.environ, "PYTHONFAULTHANDLER": "1", "TEST_SECONDS": str(SECONDS_OF_CHILD)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._processes.append(process)
        return process

    def _wait_for_more(self, kept: Callable[[], Kept], number: int, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + 60
        while len(kept()) <= number:
            assert process.poll() is None, self._output.read_text()
            assert time.monotonic() < deadline, f"nothing more was committed: {self._output.read_text()}"
            time.sleep(0.01)

    def close(self) -> None:
        """Kill whatever still runs."""
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def kept_by(run: Path) -> Kept:
    """What a run's store holds that is finished."""
    if not exists(run):
        return {}
    with Store.read(run) as store:
        trials, updates, confirmations = store.trials(), store.updates(), store.confirmations()
    found: Kept = {
        ("trial", each.number): (each.proposal.actions, each.state, each.reward, each.seconds)
        for each in trials
        if each.state.finished
    }
    found |= {("update", each.round): dict(each.metrics) for each in updates}
    found |= {("confirmation", each.fingerprint, each.repeat): each for each in confirmations}
    return found


def results(run: Path) -> dict[str, object]:
    """Everything in a run's store that must repeat, thus without times; trials have all numbers from 0 on."""
    with Store.read(run) as store:
        trials, state = store.trials(), store.strategy_state()
        assert state is not None
        assert [trial.number for trial in trials] == list(range(len(trials)))
        return {
            "trials": [
                (
                    trial.number, trial.state, trial.proposal.actions, trial.reward, dict(trial.metrics),
                    trial.proposal.policy_version, trial.reused_from, trial.failure_kind,
                )
                for trial in trials
            ],
            "updates": [(each.round, dict(each.metrics)) for each in store.updates()],
            "strategy": (dict(state.values), state.tensors),
            "confirmations": [
                (each.fingerprint, each.repeat, dict(each.metrics), each.error) for each in store.confirmations()
            ],
        }  # fmt: skip


def num_done(run: Path) -> int:
    """How many trials of a run have ended."""
    return sum(key[0] == "trial" for key in kept_by(run))
