"""What tests of whole runs share: the command in a process of its own or in this one, and a user's recipe file."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cloudpickle
import pytest
from typer.testing import CliRunner, Result
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from netwright.cli.app import app
from netwright.errors import DataError
from netwright.searching.store import FILE_NAME, Store
from netwright.tasks.benchmarks.catalog import find_table

# A shell ignores Ctrl-C in what it runs in the background, and processes that the tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

REAL_DATA = os.environ.get("NETWRIGHT_DATA")
PREPARE = Path(__file__).parents[2] / "shared" / "tools" / "prepare_data.py"
"""Beside the checkout there may be CIFAR-10 (through JPEG) and Penn Treebank, with a program that unpacks them."""

RECIPE = '''
"""A user's recipe: 64 architectures, judged by a function that notes every call in a file beside it."""

import os
import time
from pathlib import Path

import netwright as nw

NOTES = Path(__file__).with_name("calls.txt")


# It travels to workers that have another environment. As what is assigned from `time`, it is no part of the run's code.
SECONDS = float(os.environ.get("TEST_SECONDS", "0")) + 0 * time.time()


@nw.space
def tiny(num_layers: int = 3):
    widths = []
    for _ in range(num_layers):
        widths.append((yield nw.Choice("width", (1, 2, 3, 4))))
    return {"widths": widths}


def value(architecture):
    with NOTES.open("a") as notes:
        notes.write("-".join(map(str, architecture["widths"])) + "\\n")
    time.sleep(SECONDS)
    return float(sum(architecture["widths"]))


def raises(architecture):
    raise LookupError("no such network")


def nan(architecture):
    return float("nan")


def string(architecture):
    return "0.9"


def sometimes(architecture):
    if architecture["widths"][0] == 1:
        raise LookupError(f"no such network: {architecture}")
    return 1.0


def config(function=value):
    return nw.RunConfig(space=tiny(), evaluate={"kind": "function", "function": function}, num_trials=24, batch_size=4)


def of_raises():
    return config(raises)


def of_nan():
    return config(nan)


def of_string():
    return config(string)


def of_sometimes():
    return config(sometimes)


def not_a_recipe():
    return {"num_trials": 3}
'''


class ByFile(LoadScopeScheduling):
    """With several processes, a file's tests run in one of them, and so do all that share the session's Ray cluster."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        return "on_ray" if "/on_ray/" in file else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """Instead of `--dist loadgroup`, which finds no group with pytest 9.2: it sets an attribute that is gone."""
    return ByFile(config, log)


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wide lines without colours, whatever terminal the tests run in."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "NETWRIGHT_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "240")


@pytest.fixture(autouse=True, scope="session")
def state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in the place of the user's state folder, also for the processes that tests start; empty at first."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        folder = tmp_path_factory.mktemp("state")
        monkeypatch.setenv("XDG_STATE_HOME", str(folder))
        monkeypatch.delenv("NETWRIGHT_TRUST_CODE", raising=False)
        yield folder


@pytest.fixture(scope="session")
def real_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with CIFAR-10 and Penn Treebank in their official layouts; the test is skipped where there is none."""
    if REAL_DATA:
        return Path(REAL_DATA)
    if not PREPARE.is_file():
        pytest.skip("NETWRIGHT_DATA names no folder with the official files")
    pytest.importorskip("PIL", reason="unpacking the copy of CIFAR-10 needs pillow")
    folder = tmp_path_factory.mktemp("real")
    subprocess.run([sys.executable, PREPARE, folder], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def real_table() -> Path:
    """The table of NAS-Bench-201; the test is skipped where there is none."""
    folder = Path(REAL_DATA) if REAL_DATA else PREPARE.parents[1] / "data"
    try:
        return find_table("nasbench201-cifar10", folder)
    except DataError as error:
        pytest.skip(str(error))


@pytest.fixture
def recipe_file(tmp_path: Path) -> Iterator[Path]:
    """A FILE.py with recipes of a user; what loading it here changes is undone."""
    path = tmp_path / "own_recipe.py"
    path.write_text(RECIPE)
    yield path
    if module := sys.modules.pop(path.stem, None):
        cloudpickle.unregister_pickle_by_value(module)


@pytest.fixture
def cli() -> Iterator[Callable[..., Result]]:
    """Runs the command line in this process, which is quick; an exception that it lets out is raised."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def invoke(*arguments: object, users_traceback: bool = False) -> Result:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert ("Traceback" in result.stderr) == users_traceback
        return result

    yield invoke
    for number, handler in handlers.items():
        signal.signal(number, handler)


class Command:
    """`netwright` in a process and a process group of its own."""

    def __init__(self, arguments: tuple[object, ...], folder: Path, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "netwright", *map(str, arguments)],
            cwd=folder,
            env={**os.environ, "PYTHONFAULTHANDLER": "1", **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def until(self, run: Path, num_finished: int, seconds: float = 60.0) -> None:
        """Wait until the store in `run` holds so many finished trials."""
        deadline = time.monotonic() + seconds
        while num_finished_trials(run) < num_finished:
            assert self.process.poll() is None, self.end()
            assert time.monotonic() < deadline, f"{num_finished_trials(run)} trials after {seconds} s"
            time.sleep(0.02)

    def kill(self) -> None:
        """`kill -9` of the whole group."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate(timeout=60)

    def end(self, seconds: float = 60.0) -> tuple[int, str, str]:
        """Exit code, standard output, standard error. What does not end in time is asked where it hangs."""
        try:
            out, err = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            raise AssertionError(f"after {seconds} s:\n{self.process.communicate(timeout=10)[1]}") from None
        return self.process.returncode, out, err


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Command]]:
    """Starts `netwright` in `tmp_path`; what still runs at the test's end is killed."""
    commands: list[Command] = []

    def started(*arguments: object, **environment: str) -> Command:
        commands.append(Command(arguments, tmp_path, environment))
        return commands[-1]

    yield started
    for command in commands:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(command.process.pid, signal.SIGKILL)
        with command.process:
            pass


def num_finished_trials(run: Path) -> int:
    """How many trials of the run in this folder have ended, so far as is on disk."""
    if not (run / FILE_NAME).exists():
        return 0
    with Store.read(run) as store:
        return sum(trial.state.finished for trial in store.trials())
