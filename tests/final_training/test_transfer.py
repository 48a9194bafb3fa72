"""What was found on one task is trained on another: published cells by the task's name, and the best of runs."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import Result

import netwright as nw
from netwright.cli.trainable import trainable
from netwright.config import TextSettings
from netwright.final_training.pipeline import config_for, found_in
from netwright.models.folder import read_architecture, read_description
from netwright.recipes.cells import ptb, text
from netwright.recipes.reference_models import REFERENCE_MODELS
from netwright.tasks.catalog import TASKS
from oracles.refusals import digest, refused

Cli = Callable[..., Result]
SMALL = ("--workers", 1, "--set", "batch_size=2", "--set", "evaluate.epochs=1", "--set", "confirm.at_end=false")
SHORT = ("--hidden", 4, "--epochs", 1, "--grid", "none", "--set", "evaluate.batch_size=4")
LINES = "a b c d <unk>\nd c b a\n"


# The settings of a task ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", sorted(set(TASKS) - {"numbered"}))
def test_every_task_has_settings_of_its_own(task: str) -> None:
    assert config_for(task).evaluate.task == task


def test_the_settings_on_tasks_without_a_recipe_are_those_of_a_related_one() -> None:
    for task, recipe in (("wikitext2", ptb()), ("text-characters", text())):
        assert config_for(task).evaluate == recipe.evaluate.model_copy(update={"task": task})


def test_a_cell_on_characters_has_the_papers_settings_and_not_those_of_a_reference_model() -> None:
    settings, lstm = config_for("ptb-characters").evaluate, REFERENCE_MODELS["lstm-char"]()
    assert isinstance(settings, TextSettings)
    assert settings.num_parameters == 6_570_000
    assert 6_565_000 <= lstm.num_parameters < 6_575_000, "6.57M"
    changes = {"num_parameters": None, "hidden_size": lstm.settings.hidden_size}
    assert settings.model_copy(update=changes) == lstm.settings


def folder_of(task: str, folder: Path) -> Path:
    """Return a tiny text in the layout of a task."""
    layouts = {"wikitext2": "wiki.{}.tokens", "ptb": "ptb.{}.txt", "ptb-characters": "ptb.{}.txt"}
    folder.mkdir()
    for part in ("train", "valid", "test"):
        (folder / layouts.get(task, "{}.txt").format(part)).write_text(LINES * 60)
    return folder


@pytest.mark.parametrize(
    ("task", "window", "figure"),
    [
        ("ptb-characters", 100, "bits per character on"),
        ("text-characters", 20, "bits per character on"),
        ("wikitext2", 35, "test perplexity"),
        ("ptb", 35, "test perplexity"),
        ("text", 20, "test perplexity"),
    ],
)
def test_the_published_cell_is_trained_on_every_text_by_its_name(
    cli: Cli, tmp_path: Path, task: str, window: int, figure: str
) -> None:
    data, folder = folder_of(task, tmp_path / "data"), tmp_path / "model"
    result = cli("train", "nas-cell", "--task", task, "--data", data, "--no-verify-data", *SHORT, "-o", folder)
    assert result.exit_code == 0, result.stderr
    assert figure in result.stdout
    model = read_description(folder)
    assert model["settings"]["window"] == window
    assert model["settings"]["keep"] == ("best" if task == "ptb-characters" else "last")


def test_bits_per_character_come_first_and_the_kept_epoch_is_named(cli: Cli, tmp_path: Path) -> None:
    data, folder = folder_of("ptb-characters", tmp_path / "data"), tmp_path / "model"
    grid = ("--set", "final.learning_rates=[1.0]", "--set", "final.init_ranges=[1.0]", "--set", "final.dropouts=[1.0]")
    options = ("--data", data, "--no-verify-data", "--hidden", 4, "--epochs", 3, "--set", "evaluate.batch_size=4")
    warm_ups = ("--set", "final.warm_ups=[null,0.5]", "--set", "evaluate.learning_rate=0.02")
    result = cli("train", "nas-cell", "--task", "ptb-characters", *options, *grid, *warm_ups, "-o", folder)
    assert result.exit_code == 0, result.stderr
    model = read_description(folder)
    bits, perplexity = model["metrics"]["test_bits_per_character"], model["metrics"]["test_perplexity"]
    assert f"test {bits:.3f} bits per character on" in result.stdout
    assert f"(perplexity {perplexity:.2f}, " in result.stdout
    chosen = math.log2(model["metrics"]["validation_perplexity"])
    assert f"chosen on the search's split: {chosen:.4f} bits per character on validation" in result.stdout
    best = int(np.argmin(model["validation_perplexities"])) + 1
    assert f"weights of epoch {best}, the best on validation" in result.stdout
    assert [entry["settings"].get("warm_up") for entry in model["grid"]] == [None, 0.5]
    assert ("after a warm-up of 0.5 of the training" in result.stdout) == (model["settings"]["warm_up"] == 0.5)


def test_a_cell_has_any_size_that_is_asked_for(cli: Cli, tmp_path: Path) -> None:
    data, folder = folder_of("ptb-characters", tmp_path / "data"), tmp_path / "model"
    options = ("--data", data, "--no-verify-data", *SHORT[2:], "--size", "0.02M")
    assert cli("train", "nas-cell", "--task", "ptb-characters", *options, "-o", folder).exit_code == 0
    assert 0.8 * 20_000 < read_description(folder)["metrics"]["num_parameters"] <= 20_000


# What a run has found ------------------------------------------------------------------------------------------------


@pytest.fixture
def cells(cli: Cli, tmp_path: Path) -> Path:
    """A finished run of two cells on a text that is no longer there."""
    path, run = tmp_path / "mine.txt", tmp_path / "run"
    path.write_text(LINES * 400)
    changes = ("--set", "evaluate.hidden_size=4", "--set", "space.base=2", "--set", "evaluate.num_train_tokens=2000")
    assert cli("search", "text", "--data", path, "--trials", 2, "-o", run, *SMALL, *changes).exit_code == 0
    path.unlink()
    return run


def test_the_best_cell_of_a_run_is_carried_to_another_task(cli: Cli, cells: Path, tmp_path: Path) -> None:
    data = folder_of("ptb-characters", tmp_path / "data")
    options = ("--task", "ptb-characters", "--data", data, "--no-verify-data", *SHORT)
    estimate = cli("train", cells, *options, "--estimate")
    assert estimate.exit_code == 0, estimate.stderr
    assert "an epoch here" in estimate.stdout
    assert not (cells / "model-ptb-characters").exists()

    before = digest(cells)
    result = cli("train", cells, *options)
    assert result.exit_code == 0, result.stderr
    ((origin, best),) = found_in(cells, 1).items()
    model = read_description(cells / "model-ptb-characters")
    assert model["origin"] == origin
    assert origin.startswith("trial ")
    assert origin.endswith(" of run")
    assert read_architecture(cells / "model-ptb-characters" / "architecture.json") == best
    assert (model["settings"]["optimizer"], model["settings"]["window"], model["unit"]) == ("adam", 100, "character")
    assert model["num_layers"] == 2, "the settings of the task and not those of the run"
    assert digest(cells) == before
    assert not (cells / "model").exists()
    assert nw.load(cells / "model-ptb-characters").description == model
    assert "It was there already" in cli("train", cells, *options).stdout


def test_the_data_of_the_run_is_left_behind(cells: Path) -> None:
    assert trainable(str(cells), None, None, trust_code=False).placement.data == cells.parent / "mine.txt"
    assert trainable(str(cells), "ptb", None, trust_code=False).placement.data is None


def test_several_cells_compete_on_the_new_task(cli: Cli, cells: Path, tmp_path: Path) -> None:
    data = folder_of("text", tmp_path / "data")
    options = (
        "--task",
        "text-characters",
        "--data",
        data,
        "--top",
        2,
        "--workers",
        1,
        *SHORT,
        "-o",
        tmp_path / "model",
    )
    result = cli("train", cells, *options)
    assert result.exit_code == 0, result.stderr
    assert {entry["origin"] for entry in read_description(tmp_path / "model")["grid"]} == set(found_in(cells, 2))


def test_other_data_of_the_same_task_is_another_task(cli: Cli, cells: Path, tmp_path: Path) -> None:
    data = folder_of("text", tmp_path / "data")
    message = refused(cli, "train", cells, "--task", "text", *SHORT)
    assert f"--task text: {cells} was searched on this task; leave --task out to train with the run's" in message
    result = cli("train", cells, "--task", "text", "--data", data, *SHORT)
    assert result.exit_code == 0, result.stderr
    assert read_description(cells / "model-text")["data"].startswith("data (")


def test_a_cell_like_a_reference_model_has_its_settings(cli: Cli, cells: Path, tmp_path: Path) -> None:
    data = folder_of("ptb-characters", tmp_path / "data")
    options = ("--task", "ptb-characters", "--data", data, "--no-verify-data", "--like", "lstm-char-1000", *SHORT)
    assert cli("train", cells, *options).exit_code == 0
    assert read_description(cells / "model-ptb-characters")["input_layer"] == "one-hot"


def test_a_network_for_images_is_carried_to_other_images(cli: Cli, tmp_path: Path) -> None:
    run = tmp_path / "run"
    changes = ("--set", "space.num_layers=2", "--set", "evaluate.num_train=64", "--set", "evaluate.num_validation=32")
    assert cli("search", "digits", "--trials", 2, "-o", run, *SMALL, *changes).exit_code == 0
    pixels = np.random.default_rng(0).integers(0, 256, (60, 8, 8), np.uint8)
    np.savez(tmp_path / "own.npz", images=pixels, labels=np.arange(60) % 3)
    options = ("--task", "images", "--data", tmp_path / "own.npz", "--epochs", 1, "--grid", "none")
    result = cli("train", run, *options)
    assert result.exit_code == 0, result.stderr
    model = read_description(run / "model-images")
    assert model["data"].startswith("own.npz (")
    assert model["origin"] in found_in(run, 1)

    message = refused(cli, "train", run, "--task", "pydoc")
    assert "is a network for images, and the task pydoc is not; choose another --task" in message
    assert "did you mean 'cifar10'?" in refused(cli, "train", run, "--task", "cifar100")


def test_what_cannot_be_carried_is_explained(cli: Cli, cells: Path, tmp_path: Path) -> None:
    message = refused(cli, "train", cells, "--task", "digits")
    assert "of run is a network for text, and the task digits is not; choose another --task" in message
    assert "did you mean 'ptb-characters'?" in refused(cli, "train", cells, "--task", "ptb-character")
    assert "did you mean 'lstm-char'?" in refused(cli, "train", cells, "--task", "pydoc", "--like", "lstm-chr")
    assert [path.name for path in cells.iterdir() if path.is_dir()] == []


def test_a_run_without_measured_trials_has_nothing_to_carry(cli: Cli, tmp_path: Path) -> None:
    run, too_short = tmp_path / "run", ("--set", "time_limit_seconds=0.01")
    assert cli("search", "pydoc", "--trials", 2, "-o", run, *SMALL, *too_short).exit_code == 1
    message = refused(cli, "train", run, "--task", "ptb-characters", code=1)
    assert f"{run} has no measured trial, so there is nothing to train" in message
