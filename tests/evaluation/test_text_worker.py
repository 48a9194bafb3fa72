"""The evaluation of a job on text: what it is built of, what it is trained on, what it returns."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from netwright.architectures.costs import language_model_parameters
from netwright.architectures.recurrent import Lstm, RecurrentArchitecture, RecurrentHighway
from netwright.children.building import num_parameters
from netwright.children.dropout import Dropout
from netwright.errors import ConfigError
from netwright.evaluation import text_worker as text_child
from netwright.evaluation.text import TextEvaluation
from netwright.evaluation.text_worker import TextChild
from netwright.recipes.reference_models import REFERENCE_MODELS
from netwright.tasks import catalog
from netwright.tasks.text.data import TextData
from netwright.trials import Job
from oracles.rhymes import FLOAT32, SETTINGS, SMALL_CELL, rhyming_text, train

TRAINING = {name: value for name, value in SETTINGS.items() if name != "speed"} | {"epochs": 2, "dropout": {}}


@pytest.fixture(autouse=True)
def dataset(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Path | None]]:
    """The tasks that were opened; each is the rhyming text."""
    calls: list[tuple[str, Path | None]] = []

    def open_text(name: str, folder: Path | None, *, verify: bool) -> TextData:
        calls.append((name, folder))
        return rhyming_text()

    monkeypatch.setattr(text_child, "open_text", open_text)
    return calls


def child(**changes: Any) -> TextChild:
    settings = {
        "task": "rhymes",
        "folder": Path("somewhere"),
        "num_train_tokens": None,
        "num_validation_tokens": None,
        "hidden_size": 16,
        "num_parameters": None,
        "init_range": 0.3,
        "model": {"num_layers": 2},
        "training": TRAINING,
        "speed": FLOAT32,
    }
    return TextChild(**{**settings, **changes})


def test_data_are_opened_once_at_the_first_call(dataset: list[tuple[str, Path | None]]) -> None:
    evaluate = pickle.loads(pickle.dumps(child()))
    assert dataset == []
    first, again = evaluate(Job(1, Lstm(), seed=3)), evaluate(Job(2, Lstm(), seed=3))
    assert dataset == [("rhymes", Path("somewhere"))]
    assert first == again
    assert evaluate(Job(1, Lstm(), seed=4)) != first


@pytest.mark.parametrize("architecture", [SMALL_CELL, Lstm(), RecurrentHighway(depth=2)], ids=str)
def test_a_job_is_trained_from_its_seed_on_the_text(architecture: RecurrentArchitecture) -> None:
    training: dict[str, object] = {**TRAINING, "dropout": {"inputs": 0.2}}
    evaluate = child(training=dict(training))
    measured = evaluate(Job(1, architecture, seed=3)).metrics
    training["dropout"] = Dropout(inputs=0.2)
    assert measured == train(rhyming_text(), evaluate.build(architecture, 3), seed=3, **training)
    assert len(measured["validation_perplexities"]) == 2


def test_only_the_beginning_of_the_text() -> None:
    measured = child(num_train_tokens=200, num_validation_tokens=50)(Job(1, Lstm(), seed=3)).metrics
    whole = rhyming_text()
    short = TextData("short", whole.train[:200], whole.validation[:50], whole.test, whole.vocabulary, "word")
    assert measured == train(short, child().build(Lstm(), 3), seed=3, **{**TRAINING, "dropout": Dropout()})


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("architecture", [SMALL_CELL, Lstm(), RecurrentHighway(depth=2)], ids=str)
def test_every_child_is_as_wide_as_its_parameters_allow(architecture: RecurrentArchitecture, tied: bool) -> None:
    evaluate = child(hidden_size=None, num_parameters=30_000, model={"tied": tied})
    model = evaluate.build(architecture, 0)
    wider = language_model_parameters(architecture, 11, hidden_size=model.hidden_size + 1, tied=tied)
    assert num_parameters(model) <= 30_000 < wider


def test_a_child_that_reads_the_spelling_is_as_wide_as_its_parameters_allow() -> None:
    evaluate = child(hidden_size=None, num_parameters=900_000, model={"input_layer": "char-cnn-small"})
    model = evaluate.build(Lstm(), 0)
    size, sizes = model.hidden_size + 1, {"input_layer": "char-cnn-small", "num_characters": 14}
    assert num_parameters(model) <= 900_000 < language_model_parameters(Lstm(), 11, hidden_size=size, **sizes)  # type: ignore[arg-type]


def test_the_settings_of_a_reference_model_reach_its_child() -> None:
    settings = REFERENCE_MODELS["lstm-char-1000"]().settings.model_copy(update={"hidden_size": 16})
    model = TextEvaluation(settings).evaluate(None).build(Lstm(), 3)
    assert model.embedding is None
    for of_gate in model.layers[0].lstm.weight_hh_l0.split(16):
        torch.testing.assert_close(of_gate @ of_gate.T, torch.eye(16), rtol=0, atol=1e-5)


def test_nothing_is_counted_where_the_spelling_decides() -> None:
    settings = REFERENCE_MODELS["char-cnn-small"]().settings
    assert TextEvaluation(settings).costs(Lstm(), 10_000) == {}


def test_building_is_a_function_of_architecture_and_seed() -> None:
    first, again = (child().build(Lstm(), 3).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)


@pytest.mark.parametrize("sizes", [(None, None), (16, 30_000)])
def test_one_of_width_and_parameters(sizes: tuple[int | None, int | None]) -> None:
    with pytest.raises(ConfigError, match="give one of the two"):
        child(hidden_size=sizes[0], num_parameters=sizes[1])


def test_images_are_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_child, "open_text", catalog.open_text)
    with pytest.raises(ConfigError, match="the task 'digits' has images, and language models are trained on a text"):
        child(task="digits")(Job(1, Lstm(), seed=3))
