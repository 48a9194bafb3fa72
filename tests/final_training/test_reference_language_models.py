"""Every reference language model is trained in small by its name: saved, loaded, deterministic, resumed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import Result

import netwright as nw
from netwright.architectures.costs import language_model_parameters
from netwright.children.building import num_parameters
from netwright.children.language_model import LanguageModel
from netwright.final_training import text
from netwright.recipes.reference_models import PENN_TREEBANK, REFERENCE_MODELS
from netwright.tasks.catalog import open_text

Cli = Callable[..., Result]
NAMES = ("rnn", "deep-rnn", "rhn-uncoupled", "lstm-variational-large-tied", "lstm-zoneout-medium", "lstm-real-large")
COUNTS = {
    "rnn": 6_190_300,  # 2 x 10,000 x 300 + 10,000 + 300 (300 + 300 + 1)
    "deep-rnn": 6_002_840,  # 2 x 10,000 x 280 + 10,000 + 280 (280 + 4 x 280 + 3)
    "rhn-uncoupled": 31_068_600,  # 10,000 x 830 + 10,000 + 3 x 830 (830 + 10 x 831)
    "lstm-variational-large-tied": 51_022_000,  # 10,000 x 1500 + 10,000 + 2 x 4 x 1500 (1500 + 1500 + 1)
    "lstm-zoneout-medium": 19_775_200,
    "lstm-real-large": 51_022_000,
}


@pytest.mark.parametrize("name", NAMES)
def test_the_number_of_parameters(name: str) -> None:
    model = REFERENCE_MODELS[name]()
    hidden = model.settings.hidden_size
    assert hidden is not None
    shape = {"num_layers": model.settings.num_layers, "tied": model.settings.tied}
    with torch.device("meta"):
        network = LanguageModel(model.architecture, PENN_TREEBANK, hidden_size=hidden, seed=0, init_range=0.1, **shape)
    assert num_parameters(network) == COUNTS[name]
    assert language_model_parameters(model.architecture, PENN_TREEBANK, hidden_size=hidden, **shape) == COUNTS[name]


@pytest.fixture
def words(tmp_path: Path) -> Path:
    (tmp_path / "words.txt").write_text("the cat sat on the mat\nthe dog saw the cat\n" * 150)
    return tmp_path / "words.txt"


@pytest.mark.parametrize("name", NAMES)
def test_it_is_trained_by_its_name_and_a_stopped_training_goes_on_to_the_same_weights(
    cli: Cli, tmp_path: Path, words: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    options = ("train", name, "--task", "text", "--data", words, "--hidden", "6", "--epochs", "2", "--grid", "none")
    for folder in ("one", "again"):
        result = cli(*options, "-o", tmp_path / folder)
        assert result.exit_code == 0, result.stderr
    weights = [(tmp_path / folder / "model.safetensors").read_bytes() for folder in ("one", "again")]
    assert weights[0] == weights[1]
    assert cli(*options, "--seed", "1", "-o", tmp_path / "other").exit_code == 0
    assert (tmp_path / "other" / "model.safetensors").read_bytes() != weights[0]

    with monkeypatch.context() as patched:
        train = text.train_language_model

        def stopped(*arguments: object, **keywords: object) -> None:
            def stop(epoch: int, perplexity: float | None) -> None:
                raise OSError("stopped after an epoch")

            train(*arguments, **{**keywords, "on_epoch": stop})  # type: ignore[arg-type]

        patched.setattr(text, "train_language_model", stopped)
        assert cli(*options, "-o", tmp_path / "resumed").exit_code != 0
    assert list((tmp_path / "resumed.unfinished").glob("*.safetensors"))
    assert cli(*options, "-o", tmp_path / "resumed").exit_code == 0
    assert (tmp_path / "resumed" / "model.safetensors").read_bytes() == weights[0]

    metrics = json.loads((tmp_path / "one" / "model.json").read_text())["metrics"]
    test = open_text("text", words, verify=False).test
    loaded = nw.load(tmp_path / "one")
    nats = loaded.nats([loaded.vocabulary[number] for number in test.tolist()])
    assert nats.mean().exp().item() == pytest.approx(metrics["test_perplexity"], rel=1e-4)
