"""What a language model does with text: continuations, and the perplexity of a user's file."""

import math
from collections import Counter
from pathlib import Path

import pytest
import torch

import netwright as nw
from netwright.architectures.recurrent import Lstm
from netwright.errors import ConfigError, DataError
from netwright.evaluation.text_files import measured
from netwright.models.continuation import continued, joined
from netwright.models.language import TrainedLanguageModel
from oracles.language_models_to_try import MODELS, write_language_model
from oracles.refusals import Cli

CHARACTERS = ("\n", "a", "b", " ")


@pytest.fixture
def words(tmp_path: Path) -> TrainedLanguageModel:
    write_language_model(tmp_path / "words", Lstm(), described={"unit": "word"})
    model = nw.load(tmp_path / "words")
    assert isinstance(model, TrainedLanguageModel)
    return model


@pytest.fixture
def characters(tmp_path: Path) -> TrainedLanguageModel:
    write_language_model(tmp_path / "characters", Lstm(), vocabulary=CHARACTERS, described={"unit": "character"})
    model = nw.load(tmp_path / "characters")
    assert isinstance(model, TrainedLanguageModel)
    return model


@pytest.mark.parametrize("name", MODELS)
def test_every_kind_of_model_continues_a_text(name: str, tmp_path: Path) -> None:
    architecture, settings = MODELS[name]
    write_language_model(tmp_path / "model", architecture, described={"unit": "word"}, **settings)
    model = nw.load(tmp_path / "model")
    assert isinstance(model, TrainedLanguageModel)
    tokens = list(continued(model, "the newt", length=7, seed=3))
    assert len(tokens) == 7
    assert set(tokens) <= set(model.vocabulary)
    assert tokens == list(continued(model, "the newt", length=7, seed=3))


def test_tokens_follow_the_models_distribution_at_each_temperature(words: TrainedLanguageModel) -> None:
    with torch.no_grad():
        logits, _ = words(words.encode(["the"])[:, None])
    for temperature in (0.5, 1.0, 2.0):
        expected = (logits[-1, 0] / temperature).softmax(0)
        found = Counter(
            next(continued(words, "the", length=1, temperature=temperature, seed=seed)) for seed in range(600)
        )
        for number, token in enumerate(words.vocabulary):
            probability = float(expected[number])
            deviation = math.sqrt(probability * (1 - probability) / 600)
            assert abs(found[token] / 600 - probability) < 4.5 * deviation + 1e-3
    coldest = [next(continued(words, "the", length=1, temperature=1e-3, seed=seed)) for seed in range(5)]
    assert set(coldest) == {words.vocabulary[int(logits[-1, 0].argmax())]}


def test_later_tokens_depend_on_all_before_them(words: TrainedLanguageModel) -> None:
    tokens = list(continued(words, "the newt", length=4, temperature=1e-3))
    for number in range(4):
        read = ["the", "newt", *tokens[:number]]
        with torch.no_grad():
            logits, _ = words(words.encode(read)[:, None])
        assert tokens[number] == words.vocabulary[int(logits[-1, 0].argmax())]


def test_tokens_become_text_again(words: TrainedLanguageModel, characters: TrainedLanguageModel) -> None:
    assert joined(words, ["the", "newt", "<eos>", "sat"]) == "the newt\nsat"
    assert joined(characters, ["a", " ", "b", "\n"]) == "a b\n"


def test_the_perplexity_of_a_file_is_that_of_all_its_tokens(words: TrainedLanguageModel, tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_text("the newt sat\nthe zebra sat still\n")
    found = measured(words, file)
    tokens = ["the", "newt", "sat", "<eos>", "the", "<unk>", "sat", "still", "<eos>"]
    assert (found.num_tokens, found.unit, found.unknown) == (9, "word", pytest.approx(1 / 9))
    assert found.nats == pytest.approx(float(words.nats(tokens).mean()), rel=1e-5)
    assert found.perplexity == pytest.approx(math.exp(found.nats))
    assert found.bits == pytest.approx(math.log2(found.perplexity))


def test_bits_per_character_of_a_file(characters: TrainedLanguageModel, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("ab ba\n")
    found = measured(characters, tmp_path / "text")
    assert (found.num_tokens, found.unit, found.unknown) == (6, "character", 0.0)
    assert found.nats == pytest.approx(float(characters.nats([*"ab ba\n"]).mean()), rel=1e-5)
    (tmp_path / "text").write_text("abc\n")
    with pytest.raises(DataError, match="'c' is not among the 4 characters of the model"):
        measured(characters, tmp_path / "text")


def test_a_temperature_is_above_0(words: TrainedLanguageModel) -> None:
    for temperature in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(ConfigError, match="expected a number above 0"):
            next(continued(words, length=1, temperature=temperature))


def test_the_command_prints_the_start_and_its_continuation(
    cli: Cli, words: TrainedLanguageModel, tmp_path: Path
) -> None:
    result = cli("generate", tmp_path / "words", "--start", "the newt", "--length", 5, "--seed", 2)
    assert result.exit_code == 0, result.output
    tokens = list(continued(words, "the newt", length=5, seed=2))
    assert result.stdout == joined(words, ["the", "newt", *tokens]) + "\n"
