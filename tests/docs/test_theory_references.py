"""docs/theory.md names every test of tests/theory, and names none that is not there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "theory.md").read_text(encoding="utf-8")
OWN = "test_theory.py"
FILES = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
NAMED = {(file or OWN, name) for file, name in re.findall(r"`(?:(test_\w+\.py)::)?(test_\w+)`", PAGE)}


def test_every_test_that_the_page_names_is_there() -> None:
    assert [(file, name) for file, name in sorted(NAMED) if f"def {name}(" not in FILES[file]] == []
    assert len({file for file, _ in NAMED}) > 1


def test_every_test_of_the_theory_is_on_the_page() -> None:
    there = set(re.findall(r"^def (test_\w+)", FILES[OWN], flags=re.MULTILINE))
    assert len(there) > 10
    assert there == {name for file, name in NAMED if file == OWN}
