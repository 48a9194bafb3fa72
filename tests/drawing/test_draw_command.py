"""`netwright draw`: what it takes, where it writes, what it says of a mistake."""

import json
from pathlib import Path

import pytest

from netwright import zoo
from netwright.architectures.equations import as_latex, as_text
from netwright.architectures.values import to_json
from netwright.config import ImageSettings, RunConfig
from netwright.searching.factory import make_core
from netwright.searching.store import Store
from netwright.spaces.convolutional import convolutional
from netwright.spaces.recurrent import recurrent_cell
from netwright.trials import Measurement, Outcome
from oracles.made_up_runs import make_run

EVALUATE = ImageSettings(task="digits", num_validation=500)


@pytest.fixture
def run(tmp_path):
    """A run of 8 trials on disk without any training: trial n had the accuracies 0.5 + n / 100."""
    config = RunConfig(
        recipe="made",
        space=convolutional(3),
        evaluate=EVALUATE,
        strategy={"name": "random"},
        num_trials=8,
        batch_size=4,
    )
    about = {"data": "none", "score_name": "validation_accuracy", "command": ["netwright"], "versions": {}}
    folder = tmp_path / "run"
    with Store.create(folder, {"config": config.to_json(), "place": {}, "about": about}) as store:
        core = make_core(config, store)
        step = core.start()
        queue = list(step.jobs)
        store.commit(step.trials, step.updates, step.state())
        while queue:
            job = queue.pop(0)
            measured = Measurement({"validation_accuracies": [0.5 + job.number / 100]})
            step = core.receive(Outcome(job.number, measured, None, 1.0))
            store.commit(step.trials, step.updates, step.state())
            queue += step.jobs
    return folder


def test_a_published_network_by_name(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = cli("draw", "nas-cnn-15")
    assert result.exit_code == 0
    assert (tmp_path / "nas-cnn-15.svg").read_text().startswith("<svg")
    assert "nas-cnn-15.svg" in result.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["nas-cnn-15.svg"]


def test_a_png_by_its_suffix(cli, tmp_path):
    assert cli("draw", "nas_cnn_15", "-o", tmp_path / "n.PNG").exit_code == 0
    assert (tmp_path / "n.PNG").read_bytes().startswith(b"\x89PNG")


def test_a_run_draws_its_best_trial_or_any(cli, run, tmp_path):
    assert cli("draw", run).exit_code == 0
    best = (run / "best.svg").read_text()
    assert "made, trial 7" in best
    assert "search&#x27;s validation accuracy 0.5700" in best
    assert cli("draw", run, "--trial", 2, "-o", tmp_path / "two.svg").exit_code == 0
    assert "made, trial 2" in (tmp_path / "two.svg").read_text()


def test_a_file_holds_an_architecture_or_a_trial(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    architecture = to_json(zoo.nas_cnn_15())
    for name, document in {"plain": architecture, "trial": {"number": 3, "architecture": architecture}}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
        assert cli("draw", f"{name}.json").exit_code == 0
        assert "15 layers, 65 connections" in (tmp_path / f"{name}.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nas-cnn-16"], "did you mean 'nas-cnn-15'?"),
        (["nas-cnn-15", "-o", "n.jpg"], "n.jpg is neither .svg nor .png nor .tex"),
        (["nas-cnn-15", "-o", "no/such/folder/n.svg"], "cannot write no/such/folder/n.svg"),
        (["nas-cnn-15", "--trial", "3"], "--trial is for a run's folder"),
        (["nas-cnn-15", "-o", "n.tex"], "only a recurrent cell has equations"),
        (["missing.json"], "cannot read missing.json"),
        (["broken.json"], "broken.json is not JSON"),
        (["deep.json"], "deep.json is not JSON (maximum recursion depth exceeded"),
        (["nested.json"], "nested.json is not JSON (maximum recursion depth exceeded"),
        (["other.json"], "other.json holds neither a convolutional network"),
        (["half.json"], "not the JSON of a ConvNet"),
        (["half-cell.json"], "not the JSON of a RecurrentCell"),
        (["."], "holds no run"),
        (["run", "--trial", "8"], "its trials are 0 to 7"),
    ],
)
def test_mistakes_are_explained(cli, run, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "deep.json").write_text("[" * 200_000)
    (tmp_path / "nested.json").write_text("[" * 700 + "]" * 700)
    (tmp_path / "other.json").write_text('{"widths": [1, 2]}')
    (tmp_path / "half.json").write_text('{"type": "ConvNet"}')
    (tmp_path / "half-cell.json").write_text('{"type": "RecurrentCell"}')
    before = sorted(tmp_path.iterdir())
    result = cli("draw", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_a_cell_is_drawn_and_its_equations_are_printed(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = cli("draw", "nas-cell")
    assert result.exit_code == 0
    assert "base 8: 15 nodes, 16 matrices" in (tmp_path / "nas-cell.svg").read_text()
    assert result.stdout == f"nas-cell: nas-cell.svg\n{as_text(zoo.nas_cell())}\n"
    (tmp_path / "cell.json").write_text(json.dumps(to_json(zoo.lstm_cell())))
    assert cli("draw", "cell.json", "-o", "lstm.tex").exit_code == 0
    assert (tmp_path / "lstm.tex").read_text() == f"{as_latex(zoo.lstm_cell())}\n"
    assert cli("draw", "nas-max-cell", "-o", "max.png").exit_code == 0
    assert (tmp_path / "max.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_of_cells_is_drawn_shown_and_reported(cli, tmp_path):
    run = make_run(tmp_path / "run", space=recurrent_cell(3), num_trials=24)
    assert cli("draw", run).exit_code == 0
    assert "base 3: 5 nodes, 6 matrices" in (run / "best.svg").read_text()
    assert "inject add,tanh@8: so the old cell state is joined to node 8" in cli("show", run).stdout
    assert cli("report", run).exit_code == 0
    page = (run / "report.html").read_text()
    assert page.count('class="nw-drawing"') > 3
    assert "A card is a node of the cell" in page
    assert "A column is a layer" not in page
    assert "Rectangular: filters" not in page
    assert "inject_combination" in page
    result = cli("train", run)
    assert result.exit_code == 2
    assert "is a network for text, and the task digits is not" in result.stderr


def test_cells_are_not_trained_on_images(cli):
    result = cli("train", "nas-cell", "--task", "digits")
    assert result.exit_code == 2
    assert "nas-cell is a network for text, and the task digits is not" in result.stderr


def test_a_run_of_other_architectures_says_so(cli, recipe_file, tmp_path):
    assert cli("search", f"{recipe_file}:config", "--trials", 4, "--workers", 1, "-o", tmp_path / "r").exit_code == 0
    result = cli("draw", tmp_path / "r")
    assert result.exit_code == 2
    assert "is neither a ConvNet nor a recurrent cell" in result.stderr


@pytest.mark.parametrize("name", ["nas-cnn-15", "nas-cell"])
def test_the_picture_in_the_documentation_is_the_one_that_the_tool_draws(cli, tmp_path, name):
    shown = Path(__file__).parents[2] / "docs" / "pictures" / f"{name}.svg"
    assert cli("draw", name, "-o", tmp_path / "n.svg").exit_code == 0
    assert shown.read_text(encoding="utf-8") == (tmp_path / "n.svg").read_text(encoding="utf-8")


def test_the_equations_in_the_documentation_are_those_that_the_tool_prints():
    page = (Path(__file__).parents[2] / "docs" / "pictures.md").read_text(encoding="utf-8")
    assert f"```text\n{as_text(zoo.nas_cell())}\n```" in page
