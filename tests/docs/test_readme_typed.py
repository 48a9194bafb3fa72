"""The README's first screen, typed line by line in a fresh clone, as a reader does."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FIRST_SCREEN = re.search(r"```console\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
NOT_TYPED = ("make test",)
"""What runs this test itself."""


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_the_first_screen_works_as_typed(tmp_path: Path) -> None:
    assert FIRST_SCREEN is not None
    lines = [line.removeprefix("$ ").split("  #")[0].strip() for line in FIRST_SCREEN.group(1).splitlines()]
    typed = [line for line in lines if line not in NOT_TYPED]
    assert len(typed) == len(lines) - 1 >= 3
    subprocess.run(["git", "clone", "--quiet", ROOT, tmp_path / "clone"], check=True)
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    ended = subprocess.run(
        ["bash", "-e", "-c", "\n".join(typed)], cwd=tmp_path / "clone", env=environment, capture_output=True, text=True
    )
    assert ended.returncode == 0, f"{ended.stdout[-3000:]}\n{ended.stderr[-3000:]}"
    assert "96 of 96 trials measured" in ended.stdout
    assert (tmp_path / "clone" / "runs" / "digits-reinforce-seed0" / "report.html").is_file()
    assert re.search(r"test accuracy 0\.9\d+", ended.stdout)
    assert not (tmp_path / "clone" / ".venv" / "bin" / "pytest").exists(), "make search installs what a search needs"
