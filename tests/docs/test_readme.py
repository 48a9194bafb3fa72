"""What the README and the examples show is executed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def run(tmp_path, *command):
    return subprocess.run(
        [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_the_readmes_programs_run(tmp_path, number):
    (tmp_path / "shown.py").write_text(BLOCKS[number])
    ended = run(tmp_path, "shown.py")
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    for expected in re.findall(r"print\(.*\)  # (\d+)$", BLOCKS[number], re.MULTILINE):
        assert expected in ended.stdout.split()


def test_the_search_of_the_readme_is_short_and_finds_the_best_architecture(tmp_path):
    program = next(block for block in BLOCKS if "nw.search" in block)
    assert sum(bool(line.strip()) for line in program.splitlines()) < 20
    (tmp_path / "shown.py").write_text(program)
    ended = run(tmp_path, "shown.py")
    reward = float(ended.stdout.splitlines()[-1].split()[0])
    assert reward > 0.9  # the best possible is 1.0: four wide layers that read nothing


def test_the_commands_of_the_readme_exist():
    text = (ROOT / "README.md").read_text()
    targets = set(re.findall(r"^\$ make (\S+)", text, re.MULTILINE))
    assert {"search", "test"} <= targets
    makefile = (ROOT / "Makefile").read_text()
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


def test_the_example_recipe_runs(tmp_path):
    recipe = f"{ROOT / 'examples' / 'own_recipe.py'}:triangles"
    ended = run(tmp_path, "-m", "netwright", "search", recipe, "--trials", "48", "--workers", "2")
    assert ended.returncode == 0, ended.stderr
    assert "48 of 48 trials measured" in ended.stdout
