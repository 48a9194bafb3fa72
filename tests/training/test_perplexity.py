"""Perplexity against a reference that reads token by token in float64."""

import copy
import math

import pytest
import torch
from torch import Tensor

from netwright.architectures.recurrent import Lstm, RecurrentArchitecture, RecurrentHighway
from netwright.children.dropout import Dropout
from netwright.children.language_model import LanguageModel, Masks
from netwright.errors import ChildError, DataError
from netwright.training.perplexity import MonteCarlo, bits_of, measure_nats_per_token, perplexity_of
from oracles.rhymes import FLOAT32, SMALL_CELL, fresh, log_probs_token_by_token, rhymes

TEXT = rhymes(61, seed=3)


def by_hand(model: LanguageModel, tokens: list[int]) -> list[float]:
    """Nats of tokens[1], tokens[2], ..., each given all before it."""
    log_probs = log_probs_token_by_token(copy.deepcopy(model), tokens[:-1])
    return [-float(after[token]) for after, token in zip(log_probs, tokens[1:], strict=True)]


@pytest.mark.parametrize("architecture", [SMALL_CELL, Lstm(), RecurrentHighway(depth=3)], ids=str)
@pytest.mark.parametrize("window", [1, 7, 60, 1000])
def test_one_stream_is_the_definition_whatever_the_window(architecture: RecurrentArchitecture, window: int) -> None:
    model = fresh(architecture, init_range=0.8)
    expected = by_hand(model, TEXT.tolist())
    found = measure_nats_per_token(model, TEXT, speed=FLOAT32, window=window)
    assert found == pytest.approx(sum(expected) / 60, rel=1e-5)
    assert perplexity_of(found) == pytest.approx(math.exp(sum(expected) / 60), rel=1e-4)


@pytest.mark.parametrize(("streams", "window"), [(2, 7), (7, 4), (7, 100), (8, 3), (60, 10), (64, 10)])
def test_every_stream_starts_afresh_and_every_token_counts(streams: int, window: int) -> None:
    """60 predictions in 7 streams are six of 9 and one of 6; in 64 streams the last four are empty."""
    model, tokens = fresh(init_range=0.8), TEXT.tolist()
    length = math.ceil(60 / streams)
    nats = []
    for start in range(0, 60, length):
        nats += by_hand(model, tokens[start : start + length + 1])
    assert len(nats) == 60
    found = measure_nats_per_token(model, TEXT, speed=FLOAT32, streams=streams, window=window)
    assert found == pytest.approx(sum(nats) / 60, rel=1e-5)


def test_guessing_has_the_perplexity_of_the_vocabulary() -> None:
    model = fresh(init_range=0.0)
    found = measure_nats_per_token(model, TEXT, speed=FLOAT32)
    assert perplexity_of(found) == pytest.approx(11, rel=1e-6)
    assert bits_of(found) == pytest.approx(math.log2(11), rel=1e-6)


def test_two_tokens_are_the_shortest_text() -> None:
    model = fresh(init_range=0.8)
    assert measure_nats_per_token(model, TEXT[:2], speed=FLOAT32) == pytest.approx(by_hand(model, TEXT[:2].tolist())[0])
    with pytest.raises(DataError, match="a text of 1 tokens"):
        measure_nats_per_token(model, TEXT[:1], speed=FLOAT32)


@pytest.mark.parametrize("nats", [math.nan, math.inf, 701.0])
def test_what_is_no_perplexity_is_an_error_of_the_child(nats: float) -> None:
    with pytest.raises(ChildError, match="nats per token give no finite perplexity"):
        perplexity_of(nats)


# Monte Carlo ----------------------------------------------------------------------------------------------------------

GAL = Dropout(inputs=0.4, output=0.5, state=0.3, words=0.2, variational=True)


def of_sequence(masks: Masks, number: int) -> Masks:
    """The masks of one of the sequences that are read side by side."""

    def one(mask: Tensor | None, dim: int) -> Tensor | None:
        return None if mask is None else mask.narrow(dim, number, 1)

    return Masks(
        words=one(masks.words, 1),
        inputs=tuple(one(mask, 1) for mask in masks.inputs),
        states=tuple(one(mask, 0) for mask in masks.states),
        output=one(masks.output, 1),
    )


@pytest.mark.parametrize("dropout", [GAL, Dropout(inputs=0.4, output=0.5)], ids=["variational", "per step"])
@pytest.mark.parametrize("window", [20, 13])
def test_probabilities_are_averaged_over_samples(dropout: Dropout, window: int) -> None:
    """Three whole passes one after the other, with states of their own; the masks of a window are drawn at once."""
    model = fresh(init_range=0.8)
    generator = torch.Generator().manual_seed(4)
    states = [model.initial_states(1)] * 3
    nats = []
    for start in range(0, 60, window):
        inputs, targets = TEXT[:-1][start : start + window], TEXT[1:][start : start + window]
        summed = torch.zeros(len(inputs), dtype=torch.float64)
        masks = model.sample_masks(dropout, len(inputs), 3, generator)
        assert masks is not None
        for sample in range(3):
            with torch.no_grad():
                logits, states[sample] = model(inputs[:, None], states[sample], of_sequence(masks, sample))
            summed += logits[:, 0].double().softmax(1).gather(1, targets[:, None])[:, 0]
        nats += (-(summed / 3).log()).tolist()
    monte_carlo = MonteCarlo(dropout, num_samples=3, seed=4)
    found = measure_nats_per_token(model, TEXT, speed=FLOAT32, window=window, monte_carlo=monte_carlo)
    assert found == pytest.approx(sum(nats) / 60, rel=1e-5)


def test_many_samples_of_nothing_dropped_are_one() -> None:
    model = fresh(init_range=0.8)
    monte_carlo = MonteCarlo(Dropout(), num_samples=4, seed=0)
    found = measure_nats_per_token(model, TEXT, speed=FLOAT32, streams=7, monte_carlo=monte_carlo)
    assert found == pytest.approx(measure_nats_per_token(model, TEXT, speed=FLOAT32, streams=7), rel=1e-9)
