"""Every reference language model in small: trained, stopped and resumed, stored, loaded; and by the command."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import Result

import netwright as nw
from netwright.architectures.word_inputs import MARKS
from netwright.children.building import num_parameters
from netwright.children.language_model import LanguageModel
from netwright.config import FinalTextSettings
from netwright.final_training.pipeline import config_for, finish
from netwright.recipes.reference_models import REFERENCE_MODELS, SPELLED_WITH, VOCABULARIES
from netwright.searching.placement import Placement
from netwright.tasks import catalog
from oracles.rhymes import VOCABULARY, rhyming_text

SMALLEST = (
    "lstm-small", "rhn", "rhn-uncoupled", "rnn", "deep-rnn", "lstm-zoneout-medium", "lstm-real-large",
    "lstm-char-layer-norm", "hyper-lstm", "char-cnn-small", "pointer-sentinel-medium",
)  # fmt: skip
"""The smallest of each family; those of the same layers and settings of training are slow."""
EACH = pytest.mark.parametrize("name", REFERENCE_MODELS)
COUNTS = {
    "rnn": 6_190_300,  # 2 x 10,000 x 300 + 10,000 + 300 (300 + 300 + 1)
    "deep-rnn": 6_002_840,  # 2 x 10,000 x 280 + 10,000 + 280 (280 + 4 x 280 + 3)
    "rhn-uncoupled": 31_068_600,  # 10,000 x 830 + 10,000 + 3 x 830 (830 + 10 x 831)
    "lstm-variational-large-tied": 51_022_000,  # 10,000 x 1500 + 10,000 + 2 x 4 x 1500 (1500 + 1500 + 1)
    "lstm-zoneout-medium": 19_775_200,
    "lstm-real-large": 51_022_000,
    "lstm-char": 6_566_442,  # 50 x 128 + 4 x 716 (128 + 716 + 1) + 4 x 716 (2 x 716 + 1) + 50 x 717
}
"""By hand; those of the other models are in tests/architectures/test_reference_models.py."""
SMALL = {
    "task": "rhymes",
    "hidden_size": 6,
    "epochs": 2,
    "batch_size": 8,
    "window": 9,
    "device": "cpu",
    "precision": "float32",
}


@EACH
def test_the_number_of_parameters_is_that_of_the_module(name: str) -> None:
    model = REFERENCE_MODELS[name]()
    settings = model.settings
    names = ("hidden_size", "num_layers", "tied", "embedding_size", "cell_bias", "input_layer", "output_layer")
    characters = "".join(map(chr, range(33, 33 + SPELLED_WITH - MARKS)))
    words = [characters] + ["!"] * (VOCABULARIES[settings.task] - 1)
    with torch.device("meta"):
        network = LanguageModel(
            model.architecture,
            len(words),
            seed=0,
            init_range=0.1,
            vocabulary=words,
            **settings.model_dump(include=set(names)),
        )
    assert num_parameters(network) == model.num_parameters == COUNTS.get(name, model.num_parameters)


def trained(name: str, folder: Path, *, stop: bool = False) -> dict[str, object]:
    model = REFERENCE_MODELS[name]()
    config = config_for("ptb").changed(evaluate=model.settings.model_copy(update=SMALL))

    def watch(stage: str, ended: int, total: int) -> None:
        if stop and (stage, ended) == ("final training", 1):
            raise KeyboardInterrupt

    final = FinalTextSettings().without_grid()
    return finish({name: model.architecture}, config, final, folder, Placement(), watch)


@pytest.mark.parametrize(
    "name", [name if name in SMALLEST else pytest.param(name, marks=pytest.mark.slow) for name in REFERENCE_MODELS]
)
def test_a_model_in_small_goes_on_after_a_stop_to_the_same_weights(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = catalog.Task(find=lambda folder, verify: None, load=lambda folder, verify: rhyming_text())
    monkeypatch.setitem(catalog.TASKS, "rhymes", task)
    whole = trained(name, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        trained(name, tmp_path / "stopped", stop=True)
    again = trained(name, tmp_path / "stopped")
    assert again["metrics"] == whole["metrics"]
    assert again["weights_sha256"] == whole["weights_sha256"]
    loaded = nw.load(tmp_path / "whole")
    text = [VOCABULARY[number] for number in rhyming_text().test.tolist()]
    measured = loaded.nats(text).double().mean().exp().item()
    assert measured == pytest.approx(whole["metrics"]["test_perplexity"], rel=1e-4)  # type: ignore[index]


@pytest.fixture
def treebank(tmp_path: Path) -> Path:
    for part in ("train", "valid", "test"):
        (tmp_path / f"ptb.{part}.txt").write_text(" a cab <unk> \n abc bb a \n" * 60)
    return tmp_path


def test_a_model_of_characters_is_trained_by_its_name(
    cli: Callable[..., Result], treebank: Path, tmp_path: Path
) -> None:
    """Its task and its settings are those of the reference model."""
    small = ("--set", "evaluate.batch_size=4", "--set", "evaluate.window=20")
    options = ("--data", treebank, "--no-verify-data", "--hidden", 5, "--epochs", 1, "--grid", "none", *small)
    result = cli("train", "lstm-char-1000", *options, "--out", tmp_path / "model")
    assert result.exit_code == 0, result.output
    assert "bits per character" in result.output
    model = json.loads((tmp_path / "model" / "model.json").read_text())
    assert (model["unit"], model["input_layer"], model["num_layers"]) == ("character", "one-hot", 1)
    assert model["settings"]["optimizer"] == "adam"
    assert model["settings"]["dropout"]["state"] == 0.1
    like = cli("train", "nas-cell", "--task", "ptb-characters", *options, "--out", tmp_path / "other")
    assert like.exit_code == 0, like.output
    assert json.loads((tmp_path / "other" / "model.json").read_text())["input_layer"] == "embedding"


def test_a_model_of_characters_is_refused_on_images(cli: Callable[..., Result]) -> None:
    result = cli("train", "lstm-char-1000", "--task", "digits")
    assert result.exit_code == 2
    assert "lstm-char-1000 is trained on no text here" in result.stderr


def test_an_unknown_task_is_refused_with_those_of_reference_models(cli: Callable[..., Result]) -> None:
    result = cli("train", "lstm-char-1000", "--task", "ptb-character")
    assert result.exit_code == 2
    assert "ptb-characters" in result.stderr
