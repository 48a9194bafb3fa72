"""Whatever is given to netwright ends in an answer or in one clear sentence: no traceback, no hang, nothing changed."""

import hashlib
import json
import random
import resource
import time
from pathlib import Path

import pytest
from entry_points import ARCHITECTURE, ENTRY_POINTS, Material
from typer.testing import CliRunner

from netwright.cli.app import app

NUM_QUICK, NUM_SLOW = 9, 93
"""Cases for each of the 13 entry points: 117 in `make test`, 1,092 in `make test-slow`."""
LONGEST_SECONDS, MOST_BYTES = 20, 2**30


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    """A finished run and a trained model."""
    folder = tmp_path_factory.mktemp("material")
    run = [
        "search",
        "digits-table",
        "--trials",
        "12",
        "--strategy",
        "reinforce",
        "--workers",
        "1",
        "-o",
        str(folder / "run"),
    ]
    (folder / "a.json").write_text(json.dumps(ARCHITECTURE))
    train = [
        "train",
        str(folder / "a.json"),
        "--task",
        "digits",
        "--grid",
        "none",
        "--epochs",
        "1",
        "-o",
        str(folder / "model"),
    ]
    for command in (run, train):
        made = CliRunner().invoke(app, command)
        assert made.exit_code == 0, made.output
    return Material(folder / "run", folder / "model")


def contents(folder: Path, may_change: tuple[str, ...]) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if not path.is_symlink() and path.is_file() and path.name not in may_change
    }


def check(name: str, seed: int, folder: Path, material: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(f"{name} {seed}")
    case = ENTRY_POINTS[name](folder, rng, material, seed % 4 == 0)
    monkeypatch.chdir(folder)
    for variable, value in case.environment.items():
        monkeypatch.setenv(variable, value)
    before, memory = contents(folder, case.may_change), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.monotonic()
    ended = CliRunner().invoke(app, [str(argument) for argument in case.command])
    took = time.monotonic() - begun
    shown = f"{case.command}\n{ended.output}"
    assert ended.exception is None or isinstance(ended.exception, SystemExit), f"{shown}\n{ended.exception!r}"
    assert "Traceback" not in ended.output or "exception" in ended.output, shown
    assert "\x1b[31m" not in ended.output, shown
    assert took < LONGEST_SECONDS, shown
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) * 1024 < MOST_BYTES, shown
    if case.is_control:
        assert ended.exit_code == 0, shown
    elif ended.exit_code:
        assert ended.output.strip(), shown
        after = contents(folder, case.may_change)
        assert {path: after.get(path) for path in before} == before, shown


@pytest.mark.parametrize("seed", range(NUM_QUICK))
@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_odd_input_is_answered(
    name: str, seed: int, tmp_path: Path, material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(name, seed, tmp_path, material, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(NUM_QUICK, NUM_SLOW))
@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_more_odd_input_is_answered(
    name: str, seed: int, tmp_path: Path, material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(name, seed, tmp_path, material, monkeypatch)
