"""A run for tests of what the commands do with one."""

from pathlib import Path

import pytest

from oracles.refusals import Cli


@pytest.fixture
def run(cli: Cli, recipe_file: Path, tmp_path: Path) -> Path:
    """A finished run of 8 trials."""
    folder = tmp_path / "run"
    result = cli("search", f"{recipe_file}:config", "--strategy", "random", "--trials", 8, "-o", folder)
    assert result.exit_code == 0
    return folder
