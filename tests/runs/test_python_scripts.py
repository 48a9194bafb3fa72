"""`nw.search` in a user's script: what it defines reaches the workers, and nothing is left behind."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import netwright as nw
from oracles.tiny_search import tiny, total

SCRIPT = """
import dataclasses
import os

import netwright as nw

PARENT = os.getpid()


@dataclasses.dataclass(frozen=True)
class Network:
    widths: tuple[int, ...]


@nw.space
def my_space(num_layers: int = 3):
    widths = []
    for _ in range(num_layers):
        widths.append((yield nw.Choice("width", (1, 2, 3, 4))))
    return Network(tuple(widths))


def evaluate(network):
    assert isinstance(network, Network)
    assert os.getpid() != PARENT
    return float(sum(network.widths))


results = nw.search(my_space(), evaluate, num_trials=10, workers=2, out="run")
print("best", results.best.reward, results.best.proposal.architecture)
assert len(results.trials) == 10
assert all(trial.reward == sum(trial.proposal.architecture.widths) for trial in results.trials), results
"""


def python(folder: Path, *arguments: str) -> str:
    """What a new Python prints; it must end well and in silence."""
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("how", ["a script", "a command"])
def test_what_a_script_defines_without_a_guard_arrives(how: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    said = ("-W", "ignore:the source of")  # that of a command is not known, which is said
    first = python(tmp_path, *((*said, "-c", SCRIPT) if how == "a command" else ("script.py",)))
    assert first.startswith("best ")
    assert "Network(widths=(" in first


def test_a_script_sees_its_own_traceback(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(
        "import netwright as nw\n\n"
        "@nw.space\ndef my_space():\n    return {'width': (yield nw.Choice('width', tuple(range(9))))}\n\n"
        "def evaluate(network):\n    return 1 / 0  # my mistake\n\n"
        "nw.search(my_space(), evaluate, num_trials=10, workers=2)\n"
    )
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "return 1 / 0  # my mistake" in done.stderr
    assert "ZeroDivisionError: division by zero" in done.stderr
    assert "RunError: the first 3 trials all failed" in done.stderr


def test_a_search_leaves_no_warning_and_no_process_behind(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nw.search(tiny(), total, num_trials=4, workers=2, out=tmp_path / "run")
    assert not [path for path in Path("/proc").glob("[0-9]*/stat") if _is_child(path)]


def _is_child(path: Path) -> bool:
    """Whether this is a worker of ours; loky's resource tracker stays for the next search."""
    try:
        parent = int(path.read_text().rpartition(")")[2].split()[1])
        command = path.with_name("cmdline").read_bytes()
    except OSError:
        return False
    return parent == os.getpid() and b"resource_tracker" not in command and b"loky" in command
