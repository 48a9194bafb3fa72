"""What docs/optuna.md shows is executed, and what it says of names and numbers is so."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from netwright.integrations.optuna import ControllerSampler
from netwright.integrations.optuna.mirroring import mirror
from netwright.searching.store import Store

PAGE = (Path(__file__).parents[2] / "docs" / "optuna.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize(("number", "expected"), [(0, "4.0"), (1, "True")])
def test_the_programs_run(tmp_path, number, expected):
    (tmp_path / "shown.py").write_text(BLOCKS[number])
    ended = subprocess.run(
        [sys.executable, "shown.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == expected


def test_the_commands_run(tmp_path, cli, recipe_file):
    search = re.search(r"`netwright search RECIPE (--strategy optuna)`", PAGE)
    setting = re.search(r"`(--set strategy.sampler=)gp` or `random`", PAGE)
    assert search
    assert setting
    run = tmp_path / "run"
    options = [*search[1].split(), *f"{setting[1]}random".split()]
    assert cli("search", f"{recipe_file}:config", *options, "--trials", 8, "--workers", 1, "-o", run).exit_code == 0
    with Store.read(run) as store:
        assert store.document("config")["strategy"] == {"name": "optuna", "sampler": "random"}
    export = re.search(r"`netwright (export RUN --to optuna --out) sqlite:///studies.db`", PAGE)
    assert export
    words = [run if word == "RUN" else word for word in export[1].split()]
    assert cli(*words, f"sqlite:///{tmp_path}/studies.db").exit_code == 0
    assert f"`{mirror.__name__}(run, storage_url)` of `{mirror.__module__}`" in PAGE.replace("\n", " ")


def test_the_defaults_are_those_of_the_sampler():
    defaults = inspect.signature(ControllerSampler).parameters
    stated = dict(re.findall(r"`(\w+)`\s+\((\d+)\)", PAGE))
    assert stated == {name: str(defaults[name].default) for name in ("max_options", "batch_size")}
