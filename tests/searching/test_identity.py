"""A run goes on only with the space and the code that it was made with.

Each case edits a small program between two starts of the same run, as a user does.
"""

import importlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest

import netwright as nw
from netwright.config import STRATEGIES, FunctionSettings, RunConfig
from netwright.errors import ConfigError
from netwright.searching.identity import Identity
from netwright.searching.results import Results
from netwright.searching.store import Store

PROGRAM = """
import functools
import netwright as nw
import helper
FACTOR = 3
CONFIG = {"offset": [1, 2]}
calls = []

class Model:
    def __init__(self, weight):
        self.weight, self.used = weight, 0
    def __call__(self, x):
        self.used += 1
        return self.weight * helper.scaled(x)

model = Model(2)

@nw.space
def space():
    return {"width": (yield nw.Choice("width", (1, 2, 3))), "depth": (yield nw.Choice("depth", (1, 2)))}

def evaluate_with(bonus):
    def evaluate(x):
        calls.append(x)
        import late
        return FACTOR * model(x["width"]) + CONFIG["offset"][0] + bonus + late.LATE
    return evaluate

def plain(bonus, x): return x["width"] + bonus
bound = functools.partial(plain, 1)
first, second = lambda x: x["width"] * 1.0, lambda x: x["width"] * 2.0
evaluate = evaluate_with(5)
if __name__ == "__main__":
    nw.search(space(), EVALUATE, num_trials=8, strategy="random", out="run", progress=False)
"""
HELPER = 'SCALE = 2\n\ndef scaled(x):\n    """Scale."""\n    return x * SCALE\n'
EDITS = {
    "function": ("evaluate", "t.py", 'return FACTOR * model(x["width"])', 'return FACTOR - model(x["width"])'),
    "helper module": ("evaluate", "helper.py", "return x * SCALE", "return x + SCALE"),
    "global of a helper": ("evaluate", "helper.py", "SCALE = 2", "SCALE = 4"),
    "global": ("evaluate", "t.py", "FACTOR = 3", "FACTOR = 4"),
    "container": ("evaluate", "t.py", '"offset": [1, 2]', '"offset": [7, 2]'),
    "closure": ("evaluate", "t.py", "evaluate_with(5)", "evaluate_with(6)"),
    "method": ("evaluate", "t.py", "self.weight * helper", "self.weight + helper"),
    "attribute": ("evaluate", "t.py", "Model(2)", "Model(3)"),
    "module imported late": ("evaluate", "late.py", "LATE = 0", "LATE = 1"),
    "lambda": ("second", "t.py", '* 2.0', '* 3.0'),
    "argument of a partial": ("bound", "t.py", "plain, 1)", "plain, 2)"),
    "function in a partial": ("bound", "t.py", 'x["width"] + bonus', 'x["width"] - bonus'),
    "callable object": ("Model(1)", "t.py", "self.weight * helper", "self.weight + helper"),
    "options of the space": ("evaluate", "t.py", '"width", (1, 2, 3)', '"width", (1, 2, 4)'),
    "architecture of the space": ("evaluate", "t.py", 'return {"width"', 'return {"kind": "a", "width"'),
}  # fmt: skip
HARMLESS = {
    "comment": ("evaluate", "t.py", "FACTOR = 3", "FACTOR = 3  # three"),
    "docstring": ("evaluate", "helper.py", "Scale.", "Multiply by a constant."),
    "layout": ("evaluate", "t.py", "calls.append(x)\n", "calls.append(\n            x\n        )\n\n"),
    "other lambda of the line": ("second", "t.py", '* 1.0', '* 9.0'),
    "unused function": ("second", "t.py", 'x["width"] + bonus', 'x["width"] - bonus'),
    "state": ("evaluate", "t.py", "calls = []", "calls = [0]"),
}  # fmt: skip


def write(folder: Path, evaluate: str) -> None:
    (folder / "t.py").write_text(PROGRAM.replace("EVALUATE", evaluate))
    (folder / "helper.py").write_text(HELPER)
    (folder / "late.py").write_text("LATE = 0\n")


def edit(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def loaded(folder: Path, evaluate: str) -> Identity:
    """The identity of the program as it is now, in modules that are loaded anew."""
    for name in ("t", "helper", "late"):
        sys.modules.pop(name, None)
    importlib.invalidate_caches()
    module = importlib.import_module("t")
    function = eval(evaluate, vars(module))
    return Identity.of(RunConfig(space=module.space(), evaluate=FunctionSettings(function=function)))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield tmp_path
    for name in ("t", "helper", "late"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_changes_the_identity(folder: Path, name: str) -> None:
    evaluate, file, old, new = EDITS[name]
    write(folder, evaluate)
    before = loaded(folder, evaluate)
    assert not before.without_source
    edit(folder, file, old, new)
    changed = loaded(folder, evaluate).changes_since(Identity.from_json(json.loads(json.dumps(before.to_json()))))
    in_code = any(re.match(r"-(?!--)", line) for line in changed) and any(
        re.match(r"\+(?!\+\+)", line) for line in changed
    )
    assert in_code or "in the run, now" in changed[0], changed


@pytest.mark.parametrize("name", HARMLESS)
def test_what_changes_no_result_does_not_change_it(folder: Path, name: str) -> None:
    evaluate, file, old, new = HARMLESS[name]
    write(folder, evaluate)
    before = loaded(folder, evaluate)
    edit(folder, file, old, new)
    assert loaded(folder, evaluate).changes_since(before) == []


def start(folder: Path, *arguments: str, standard_input: bool = False) -> subprocess.CompletedProcess[str]:
    """Run the program as a script, or from standard input."""
    program = (folder / "t.py").read_text()
    command = [sys.executable, "-" if standard_input else "t.py", *arguments]
    return subprocess.run(
        command, input=program if standard_input else None, cwd=folder, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize(
    "standard_input", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["script", "standard input"]
)
def test_an_edited_program_is_refused_or_taken_knowingly(tmp_path: Path, standard_input: bool) -> None:
    write(tmp_path, "evaluate")
    begun = start(tmp_path, standard_input=standard_input)
    assert ("is not known" in begun.stderr) == standard_input
    before = (tmp_path / "run" / "run.sqlite").read_bytes()
    edit(tmp_path, "t.py", 'return FACTOR * model(x["width"])', 'return 100 + FACTOR * model(x["width"])')
    refused = start(tmp_path, standard_input=standard_input)
    assert refused.returncode == 1
    assert re.search(r"^ +\+.*100", refused.stderr, re.M), refused.stderr
    assert "accept_changes=True" in refused.stderr
    assert (tmp_path / "run" / "run.sqlite").read_bytes() == before
    edit(tmp_path, "t.py", "num_trials=8,", "num_trials=24, accept_changes=True,")
    assert start(tmp_path, standard_input=standard_input).returncode == 0
    with Store.read(tmp_path / "run") as store:
        results = Results.of(store)
    trials = results.trials
    # Nothing that was measured before the change stands for a measurement after it.
    assert [trial.outdated for trial in trials] == [number < 8 for number in range(24)]
    assert all((trial.reward > 100) == (trial.number >= 8) for trial in trials)
    assert results.best.number >= 8
    assert start(tmp_path, standard_input=standard_input).returncode == 0  # accepted once and for all


def searched(space: nw.Space, folder: Path, num_trials: int, strategy: str, **options: bool) -> Results:
    return nw.search(
        space, lambda x: float(sum(x.values())), num_trials=num_trials, strategy=strategy, out=folder, seed=1,
        progress=False, **options,
    )  # fmt: skip


def of_widths(*widths: int) -> nw.Space:
    @nw.space
    def space() -> Any:
        first = yield nw.Choice("width", widths)
        return {"width": first, "depth": (yield nw.Choice("depth", (1, 2)))}

    return space()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_trials_outside_a_changed_space_are_kept_and_not_learned_from(strategy: str, tmp_path: Path) -> None:
    searched(of_widths(1, 2, 50), tmp_path, 24, strategy)
    with Store.read(tmp_path) as store:
        before = store.trials()
    with pytest.raises(ConfigError, match=r"'width': options \[1, 2, 50\] in the run, now options \[1, 2\]"):
        searched(of_widths(1, 2), tmp_path, 48, strategy)
    results = searched(of_widths(1, 2), tmp_path, 48, strategy, accept_changes=True)
    for old, new in zip(before, results.trials, strict=False):
        if old.state.finished:
            assert (new.state, new.fingerprint) == (old.state, old.fingerprint)
            assert new.foreign == (old.proposal.architecture["width"] == 50)
            assert new.proposal.architecture == old.proposal.architecture
    assert all(trial.proposal.architecture["width"] != 50 for trial in results.trials[len(before) :])
    assert len(results.trials) == 48
    assert all(trial.state.finished for trial in results.trials)
    assert len(searched(of_widths(1, 2), tmp_path, 56, strategy).trials) == 56


def test_overwriting_begins_anew_and_keeps_the_run_before(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    searched(of_widths(1, 2), folder, 8, "random")
    for num_trials in (4, 5):
        assert len(searched(of_widths(3, 4), folder, num_trials, "random", overwrite=True).trials) == num_trials
    with Store.read(tmp_path / "run.previous") as store:
        assert len(Results.of(store).trials) == 4
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "run.previous"]


def test_a_call_that_is_refused_overwrites_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    searched(of_widths(1, 2), folder, 8, "random")
    with pytest.raises(ConfigError, match="workers is a number"):
        nw.search(of_widths(1, 2), sum, num_trials=8, workers=0, out=folder, overwrite=True)
    with pytest.raises(ConfigError, match="unknown strategy"):
        searched(of_widths(1, 2), folder, 8, "randon", overwrite=True)
    with Store.read(folder) as store:
        assert len(Results.of(store).trials) == 8
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_an_evaluation_gets_a_copy_of_what_is_stored(tmp_path: Path) -> None:
    results = nw.search(
        of_widths(1, 2), lambda x: float(x.pop("width")), num_trials=8, strategy="random", out=tmp_path, progress=False
    )
    assert all({*trial.proposal.architecture} == {"width", "depth"} for trial in results.trials)
    assert len({trial.fingerprint for trial in results.trials}) <= 4


NOTEBOOK_CELLS = (
    "import netwright as nw\nFACTOR = 2\n",
    "@nw.space\ndef space():\n    return {'width': (yield nw.Choice('width', (1, 2, 3)))}\n",
    "def evaluate(x):\n    return FACTOR * x['width']\n",
    "r = nw.search(space(), evaluate, num_trials=8, strategy='random', out='run', progress=False)\nlen(r.trials)\n",
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "refused"),
    [("FACTOR *", "FACTOR +", True), ("FACTOR = 2", "FACTOR = 3", True), ("(1, 2, 3)", "(1, 2, 4)", True),
     ("def evaluate", "# a comment\ndef evaluate", False)],
)  # fmt: skip
def test_an_edited_cell_of_a_notebook(tmp_path: Path, old: str, new: str, refused: bool) -> None:
    def run(cells: Sequence[str]) -> None:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        nbclient.NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}, timeout=120).execute()

    run(NOTEBOOK_CELLS)
    edited = [cell.replace(old, new) for cell in NOTEBOOK_CELLS]
    assert edited != [*NOTEBOOK_CELLS]
    if refused:
        with pytest.raises(nbclient.exceptions.CellExecutionError, match=re.escape("accept_changes=True")):
            run(edited)
        edited[-1] = edited[-1].replace("out=", "accept_changes=True, out=")
    run(edited)
