"""`netwright draw`: what it takes, where it writes, what it says of a mistake."""

import json
from pathlib import Path

import pytest

from netwright import zoo
from netwright.architectures.values import to_json
from netwright.config import ImageSettings, RunConfig
from netwright.loop import make_core
from netwright.spaces.convolutional import convolutional
from netwright.store import Store
from netwright.trials import Measurement, Outcome

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
        store.commit(step.trials, step.updates, step.state)
        while queue:
            job = queue.pop(0)
            measured = Measurement({"validation_accuracies": [0.5 + job.number / 100]})
            step = core.receive(Outcome(job.number, measured, None, 1.0))
            store.commit(step.trials, step.updates, step.state)
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
        (["nas-cnn-15", "-o", "n.jpg"], "n.jpg is neither .svg nor .png"),
        (["nas-cnn-15", "-o", "no/such/folder/n.svg"], "cannot write no/such/folder/n.svg"),
        (["nas-cnn-15", "--trial", "3"], "--trial is for a run's folder"),
        (["missing.json"], "cannot read missing.json"),
        (["broken.json"], "broken.json is not JSON"),
        (["other.json"], "other.json holds no convolutional network"),
        (["half.json"], "not the JSON of a ConvNet"),
        (["."], "holds no run"),
        (["run", "--trial", "8"], "its trials are 0 to 7"),
    ],
)
def test_mistakes_are_explained(cli, run, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "other.json").write_text('{"widths": [1, 2]}')
    (tmp_path / "half.json").write_text('{"type": "ConvNet"}')
    before = sorted(tmp_path.iterdir())
    result = cli("draw", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert sorted(tmp_path.iterdir()) == before


def test_a_run_of_other_architectures_says_so(cli, recipe_file, tmp_path):
    assert cli("search", f"{recipe_file}:config", "--trials", 4, "--workers", 1, "-o", tmp_path / "r").exit_code == 0
    result = cli("draw", tmp_path / "r")
    assert result.exit_code == 2
    assert "is no convolutional network" in result.stderr


def test_the_picture_in_the_documentation_is_the_one_that_the_tool_draws(cli, tmp_path):
    shown = Path(__file__).parents[2] / "docs" / "pictures" / "nas-cnn-15.svg"
    assert cli("draw", "nas-cnn-15", "-o", tmp_path / "n.svg").exit_code == 0
    assert shown.read_text(encoding="utf-8") == (tmp_path / "n.svg").read_text(encoding="utf-8")
