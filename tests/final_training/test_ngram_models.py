"""`netwright train kn-5`: a text becomes a folder of counts, which is used, and refused where it is damaged."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save
from typer.testing import Result

import netwright as nw
from netwright.errors import DataError
from netwright.models.folder import DESCRIPTION, WEIGHTS

Cli = Callable[..., Result]


@pytest.fixture
def words(tmp_path: Path) -> Path:
    (tmp_path / "words.txt").write_text("the cat sat on the mat\nthe dog saw the cat\n" * 30)
    return tmp_path / "words.txt"


@pytest.fixture
def folder(tmp_path: Path, words: Path, cli: Cli) -> Path:
    result = cli("train", "kn-5-cache", "--task", "text", "--data", words, "-o", tmp_path / "model")
    assert result.exit_code == 0, result.stderr
    return tmp_path / "model"


def test_a_counted_model_gives_the_probabilities_that_were_tested(folder: Path) -> None:
    model = nw.load(folder)
    about = json.loads((folder / DESCRIPTION).read_text())
    history = ["the", "dog", "saw", "the"]
    probabilities = model.probabilities(history)
    assert probabilities.sum() == pytest.approx(1)
    assert model.vocabulary[int(probabilities.argmax())] == "cat"
    assert model.probability("cat", history) == probabilities[model.vocabulary.index("cat")]
    nats = model.nats([*history, "cat"])
    assert nats[-1] == pytest.approx(-math.log(model.probability("cat", history)))
    assert len(nats) == 4
    assert about["kind"] == "ngram"
    assert about["metrics"]["num_ngrams"][0] == len(model.vocabulary)
    assert 1 < about["metrics"]["test_perplexity"] < len(model.vocabulary)


@pytest.mark.parametrize("task", ["text", "text-characters"])
def test_the_command_reports_and_the_second_time_says_that_it_is_there(
    cli: Cli, tmp_path: Path, words: Path, task: str
) -> None:
    command = ("train", "kn-5", "--task", task, "--data", words, "-o", tmp_path / "model")
    first = cli(*command)
    assert "validation perplexity" in first.stdout
    assert "n-grams in" in first.stdout
    assert "there already" not in first.stdout
    again = cli(*command)
    assert "It was there already" in again.stdout
    assert first.stdout in again.stdout
    other = cli(*command, "--set", "ngram.order=3")
    assert other.exit_code != 0
    assert "holds a model of another kind, of other settings or other data" in other.stderr


def test_settings(cli: Cli, tmp_path: Path, words: Path) -> None:
    changes = ("--set", "ngram.order=2", "--set", "ngram.cache_size=3", "--set", "ngram.cache_weight=0.5")
    result = cli("train", "kn-5", "--task", "text", "--data", words, "-o", tmp_path / "model", *changes)
    assert "Kneser-Ney of order 2, cache of 3 tokens with weight 0.5" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "kn-5 does not say what to count; add --task ptb"),
        (("--task", "digits"), "the task 'digits' has images"),
        (("--task", "pydoc", "--epochs", "3", "--hidden", "9"), "--epochs, --hidden: kn-5 is an n-gram model"),
        (("--task", "pydoc", "--set", "ngram.oder=3"), "did you mean 'ngram.order'?"),
        (("--task", "pydoc", "--set", "ngram.order=0"), "order: Input should be greater than or equal to 1"),
    ],
)
def test_what_does_not_fit_is_refused(cli: Cli, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    result = cli("train", "kn-5", "-o", tmp_path / "model", *arguments)
    assert result.exit_code != 0
    assert message in result.stderr


def test_damaged_counts_are_named(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(b"no counts")
    with pytest.raises(DataError, match="its checksum is not the one in"):
        nw.load(folder)
    _replaced(folder, save({"ngrams": np.array([[0, 1, 2], [2, 0, 1]], np.uint8), "counts": np.ones(2, np.uint8)}))
    with pytest.raises(DataError, match=r"model\.safetensors cannot be used: the n-grams are not all of one text"):
        nw.load(folder)
    _replaced(folder, save({"weights": np.ones(3, np.float32)}))
    with pytest.raises(DataError, match="it does not hold n-grams and their counts"):
        nw.load(folder)


def _replaced(folder: Path, content: bytes) -> None:
    import hashlib

    about = json.loads((folder / DESCRIPTION).read_text())
    (folder / WEIGHTS).write_bytes(content)
    (folder / DESCRIPTION).write_text(json.dumps(about | {"weights_sha256": hashlib.sha256(content).hexdigest()}))


@pytest.mark.parametrize(("name", "published"), [("kn-5", 141.2), ("kn-5-cache", 125.7)])
def test_the_published_perplexity_on_the_real_treebank(
    real_data: Path, cli: Cli, tmp_path: Path, name: str, published: float
) -> None:
    if not (real_data / "ptb").is_dir():
        pytest.skip("the data of this machine have no Penn Treebank")
    result = cli("train", name, "--task", "ptb", "--data", real_data, "-o", tmp_path / "model")
    assert result.exit_code == 0, result.stderr
    metrics = json.loads((tmp_path / "model" / DESCRIPTION).read_text())["metrics"]
    assert metrics["test_perplexity"] == pytest.approx(published, abs=1)
    assert metrics["num_test_tokens"] == 82_430
