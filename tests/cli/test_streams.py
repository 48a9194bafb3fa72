"""Standard streams that are full or closed, and a locale without UTF-8."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from netwright.cli.stages import SECONDS_BETWEEN_LINES, Stages

NETWRIGHT = f"{sys.executable} -m netwright"


def shell(command: str, folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sh", "-c", command], cwd=folder, capture_output=True, text=True, timeout=60, env={**os.environ, **variables}
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_output_is_one_sentence(tmp_path: Path) -> None:
    ended = shell(f"{NETWRIGHT} recipes > /dev/full", tmp_path)
    assert ended.returncode == 1
    assert ended.stderr == "Error: the output cannot be used: No space left on device. What was stored before is kept\n"
    ended = shell(f"{NETWRIGHT} recipes > /dev/full 2> /dev/full", tmp_path)
    assert ended.returncode == 1


def test_closed_streams_do_not_matter(tmp_path: Path, recipe_file: Path) -> None:
    """Files that are opened do not take the place of a closed stream."""
    search = f"{NETWRIGHT} search {recipe_file}:config --strategy random --trials 8"
    ended = shell(f"exec <&- >&- 2>&-; exec {search} -o run", tmp_path)
    assert ended.returncode == 0
    assert "finished, 8 of 8 trials" in shell(f"{NETWRIGHT} show run", tmp_path).stdout


def test_a_path_that_the_locale_cannot_spell(tmp_path: Path, recipe_file: Path) -> None:
    c_locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    search = f"{NETWRIGHT} search {recipe_file}:config --strategy random --trials 8 -o dépôt"
    ended = shell(search, tmp_path, **c_locale)
    assert (ended.returncode, "Traceback" in ended.stderr) == (0, False)
    assert "</html>" in (tmp_path / "dépôt" / "report.html").read_text(encoding="utf-8")
    assert "finished, 8 of 8 trials" in shell(f"{NETWRIGHT} show dépôt", tmp_path).stdout


def test_long_stages_print_a_line_every_minute(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    with Stages() as stages:
        for ended in range(1001):
            stages("final training", ended, 1000)
            now += SECONDS_BETWEEN_LINES / 4
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "final_training=0/1000"
    assert lines[-1] == "final_training=1000/1000"
    assert 1000 // 5 <= len(lines) <= 1000 // 4 + 10
