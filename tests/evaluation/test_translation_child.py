"""Children that translate: their costs, their training in a worker, and the search for their cells."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netwright.architectures.named import ReferenceNetwork
from netwright.architectures.published import PUBLISHED
from netwright.architectures.recurrent import Lstm, RecurrentArchitecture
from netwright.children.building import num_parameters
from netwright.config import TranslationSettings
from netwright.errors import ConfigError
from netwright.evaluation.translation import TranslationEvaluation
from netwright.evaluation.translation_worker import direction
from netwright.models.folder import ARCHITECTURE, read_architecture, read_description
from netwright.trials import Job
from oracles.refusals import refused
from oracles.rhymes import SMALL_CELL
from oracles.toy_language import OPTIONS, VOCABULARY_SIZE, fresh, toy_data, toy_folder, toy_text, train

SMALL: dict[str, Any] = {
    "task": "parallel", "vocabulary_size": VOCABULARY_SIZE, "hidden_size": 6, "init_range": 0.5, "epochs": 2,
    "batch_size": 20, "learning_rate": 0.01, "warm_up": 0.1, "dropout": 0.0, "num_train_pairs": 60,
    "precision": "float32",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return toy_folder(tmp_path / "toy")


def evaluation(**changes: Any) -> TranslationEvaluation:
    return TranslationEvaluation(TranslationSettings.from_json({**SMALL, **changes}))


# Costs ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", [SMALL_CELL, Lstm(), PUBLISHED["nas-cell"]()], ids=str)
def test_the_costs_are_those_of_the_child(folder: Path, architecture: RecurrentArchitecture) -> None:
    shape = evaluation().open(folder, verify=True).shape
    assert shape == VOCABULARY_SIZE
    child = evaluation().evaluate(folder)
    costs = evaluation().costs(architecture, shape)
    assert costs.keys() == {"num_parameters", "multiply_adds", "hidden_size"}
    assert costs["num_parameters"] == num_parameters(child.build(architecture, 1))
    assert costs["hidden_size"] == 6
    assert 0 < costs["multiply_adds"] < costs["num_parameters"], "all weights but the embedding and the biases"


def test_a_number_of_parameters_decides_the_units(folder: Path) -> None:
    of_size = evaluation(hidden_size=None, num_parameters=9_000)
    costs = of_size.costs(Lstm(), VOCABULARY_SIZE)
    model = of_size.evaluate(folder).build(Lstm(), 1)
    assert (model.hidden_size, num_parameters(model)) == (costs["hidden_size"], costs["num_parameters"])
    wider = evaluation(hidden_size=costs["hidden_size"] + 1).costs(Lstm(), VOCABULARY_SIZE)
    assert costs["num_parameters"] <= 9_000 < wider["num_parameters"]


def test_what_cannot_be_counted_has_no_costs() -> None:
    assert evaluation().costs(ReferenceNetwork("resnet-20"), VOCABULARY_SIZE) == {}
    assert evaluation().costs(Lstm(), None) == {}


# One child ------------------------------------------------------------------------------------------------------------


def test_a_job_is_trained_from_its_seed_on_the_first_pairs(folder: Path) -> None:
    evaluate = pickle.loads(pickle.dumps(evaluation().evaluate(folder)))
    measured = evaluate(Job(1, Lstm(), seed=3))
    data = toy_data(max_length=100)
    assert measured.metrics == train(
        data.train.first(60), data.validation, fresh(seed=3, hidden_size=6), seed=3, epochs=2
    )
    assert evaluate(Job(7, Lstm(), seed=3)) == measured
    assert evaluate(Job(1, Lstm(), seed=4)) != measured
    reward = evaluation().reward
    assert reward.score(measured) == measured.metrics["validation_perplexities"][-1]
    assert reward(reward.score(measured)) == pytest.approx(80 / reward.score(measured) ** 2)


def test_the_data_are_found_and_described(folder: Path) -> None:
    info = evaluation().open(folder, verify=True)
    assert (info.folder, info.name and info.name.startswith("toy (")) == (folder, True)
    assert info.identity is not None
    with pytest.raises(ConfigError, match=r"evaluate.target: toy .* is in an and ki; unknown language 'de'"):
        evaluation(source="an", target="de").open(folder, verify=True)
    with pytest.raises(ConfigError, match="the task 'digits' has images, and translation models"):
        evaluation(task="digits").open(None, verify=True)


def test_the_direction() -> None:
    text = toy_text()
    assert direction(text, None, None) == ("an", "ki")
    assert direction(text, "ki", "an") == ("ki", "an")


# A search -------------------------------------------------------------------------------------------------------------


def searched(cli: Callable[..., Any], folder: Path, run: Path, workers: int) -> list[dict[str, Any]]:
    """The two trials of the recipe, shrunk onto the toy language."""
    options: list[object] = ["--data", folder, "--trials", 2, "--set", "space.base=2", *OPTIONS]
    for change in ("hidden_size=4", "epochs=1", "num_train_pairs=60", "task=parallel"):
        options += ["--set", f"evaluate.{change}"]
    result = cli("search", "multi30k", *options, "--workers", workers, "-o", run)
    assert result.exit_code == 0, result.output
    assert "search's validation perplexity" in result.stdout
    trials: list[dict[str, Any]] = json.loads(cli("show", run, "--json").stdout)["trials"]
    return trials


def test_the_recipe_on_a_text_of_ones_own(
    cli: Callable[..., Any], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    trials = searched(cli, folder, tmp_path / "run", workers=1)
    assert [trial["state"] for trial in trials] == ["done", "done"]
    for trial in trials:
        assert trial["reward"] == pytest.approx(80 / trial["metrics"]["validation_perplexities"][-1] ** 2)
        assert trial["metrics"]["hidden_size"] == 4

    result = cli("train", "run", "--grid", "none", "--epochs", 1)
    assert result.exit_code == 0, result.output
    model = read_description(tmp_path / "run" / "model")
    assert (model["kind"], model["hidden_size"], model["metrics"]["num_train_pairs"]) == ("translation", 4, 400)

    gnmt = ("train", "gnmt", "--cell", "run", "--task", "parallel", "--grid", "none", "--hidden", 3, *OPTIONS)
    assert "a parallel text of your own needs --data FOLDER" in refused(cli, *gnmt), "that of the run is left behind"
    assert cli(*gnmt, "--data", folder, "--epochs", 1).exit_code == 0
    assert read_architecture(tmp_path / "models" / "gnmt-run" / ARCHITECTURE) == read_architecture(
        tmp_path / "run" / "model" / ARCHITECTURE
    )


@pytest.mark.slow  # the second variant of a search
def test_the_search_is_the_same_on_two_workers(cli: Callable[..., Any], folder: Path, tmp_path: Path) -> None:
    one, two = (searched(cli, folder, tmp_path / str(workers), workers) for workers in (1, 2))
    assert [[trial[name] for name in ("architecture", "metrics", "reward")] for trial in one] == [
        [trial[name] for name in ("architecture", "metrics", "reward")] for trial in two
    ]


def test_a_vocabulary_that_the_text_cannot_have_ends_the_search(
    cli: Callable[..., Any], folder: Path, tmp_path: Path
) -> None:
    options = ("--set", "evaluate.task=parallel", "--data", folder, "--trials", 2, "--workers", 1)
    message = refused(cli, "search", "multi30k", *options, "-o", tmp_path / "run")
    assert "evaluate.vocabulary_size is 4,000; expected for this text at most" in message
    assert not (tmp_path / "run").exists()
