"""The language model around a recurrent layer: its parts put together by hand, its size, its initial weights."""

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from netwright.architectures.costs import language_model_parameters
from netwright.architectures.recurrent import DeepTransition, Elman, Lstm, RecurrentArchitecture, RecurrentHighway
from netwright.children.building import num_parameters
from netwright.children.dropout import Dropout
from netwright.children.language_model import LanguageModel, Masks
from netwright.errors import ConfigError
from oracles.rhymes import SMALL_CELL, fresh, log_probs_token_by_token, rhymes

NEW = (RecurrentHighway(2, coupled=False), Lstm(0.1, 0.2), Elman(), DeepTransition())
KINDS = pytest.mark.parametrize("architecture", [SMALL_CELL, Lstm(), RecurrentHighway(depth=3), *NEW], ids=str)
SHAPES = pytest.mark.parametrize(
    "shape",
    [{}, {"tied": True}, {"num_layers": 1}, {"num_layers": 3, "embedding_size": 9, "cell_bias": True}],
    ids=["plain", "tied", "one layer", "three layers"],
)


@KINDS
@SHAPES
def test_the_count_from_the_description_is_that_of_the_model(
    architecture: RecurrentArchitecture, shape: dict[str, int]
) -> None:
    model = fresh(architecture, **shape)
    assert num_parameters(model) == language_model_parameters(architecture, 11, hidden_size=16, **shape)


@KINDS
@SHAPES
def test_logits_are_those_of_its_parts_token_by_token(
    architecture: RecurrentArchitecture, shape: dict[str, int]
) -> None:
    """In two windows, of which the second goes on where the first ended."""
    model, tokens = fresh(architecture, **shape), rhymes(12, seed=0)
    torch.nn.init.uniform_(model.softmax_bias, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        first, states = model(tokens[:7, None], model.initial_states(1))
        second, _ = model(tokens[7:, None], states)
    found = torch.cat([first, second])[:, 0].log_softmax(1)
    expected = torch.stack(log_probs_token_by_token(model, tokens.tolist()))
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=1e-5)


def test_sequences_of_a_batch_do_not_touch() -> None:
    model = fresh()
    both = torch.stack([rhymes(9, seed=0), rhymes(9, seed=1)], dim=1)
    together, _ = model(both, model.initial_states(2))
    alone, _ = model(both[:, 1:], model.initial_states(1))
    torch.testing.assert_close(together[:, 1:], alone)


def test_tied_weights_stand_once_in_a_file(tmp_path: Path) -> None:
    model = fresh(tied=True)
    save_file(model.state_dict(), tmp_path / "weights")
    other = fresh(tied=True, seed=6)
    other.load_state_dict(load_file(tmp_path / "weights"))
    tokens = rhymes(9, seed=0)[:, None]
    assert torch.equal(model(tokens, model.initial_states(1))[0], other(tokens, other.initial_states(1))[0])
    assert sum(tensor.shape == (11, 16) for tensor in load_file(tmp_path / "weights").values()) == 1


def test_tied_weights_need_one_size() -> None:
    with pytest.raises(ConfigError, match="embedding_size is 9 and hidden_size 16"):
        fresh(tied=True, embedding_size=9)


# Initial weights ------------------------------------------------------------------------------------------------------


@KINDS
def test_the_seed_alone_decides(architecture: RecurrentArchitecture) -> None:
    models = []
    for seed, disturbed in ((7, 1), (7, 2), (8, 1)):
        torch.manual_seed(disturbed)
        models.append(fresh(architecture, seed=seed).state_dict())
    first, again, other = models
    assert all(torch.equal(first[name], again[name]) for name in first)
    drawn = [name for name in first if first[name].dim() > 1]
    assert len(drawn) >= 4
    assert all(not torch.equal(first[name], other[name]) for name in drawn)


@KINDS
def test_matrices_are_uniform_in_the_range(architecture: RecurrentArchitecture) -> None:
    model = LanguageModel(architecture, 500, hidden_size=64, seed=0, init_range=0.04)
    for name, weight in model.named_parameters():
        if weight.dim() > 1:
            assert weight.abs().max() <= 0.04, name
            assert weight.std().item() == pytest.approx(0.04 / math.sqrt(3), rel=0.05), name
            assert abs(weight.mean().item()) < 0.002, name


# Dropout --------------------------------------------------------------------------------------------------------------

GAL = Dropout(inputs=0.4, output=0.5, state=0.3, words=0.2, variational=True)


def masks_of(dropout: Dropout, model: LanguageModel, num_steps: int = 9, batch_size: int = 30, seed: int = 0) -> Masks:
    masks = model.sample_masks(dropout, num_steps, batch_size, torch.Generator().manual_seed(seed))
    assert masks is not None
    return masks


def test_nothing_is_drawn_without_dropout() -> None:
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    assert fresh().sample_masks(Dropout(), 5, 3, generator) is None
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize("dropout", [GAL, Dropout(inputs=0.4, output=0.5)], ids=["variational", "per step"])
def test_masks_drop_as_often_as_they_should_and_keep_the_mean(dropout: Dropout) -> None:
    model = fresh(embedding_size=40, hidden_size=40)
    masks = masks_of(dropout, model, batch_size=100)
    rates = {"words": dropout.words, "output": dropout.output}
    found = {"words": masks.words, "output": masks.output}
    for layer in (0, 1):
        rates |= {f"inputs {layer}": dropout.inputs, f"state {layer}": dropout.state}
        found |= {f"inputs {layer}": masks.inputs[layer], f"state {layer}": masks.states[layer]}
    for name, rate in rates.items():
        mask = found[name]
        assert (mask is None) == (rate == 0), name
        if mask is not None:
            kept = mask[mask != 0]
            torch.testing.assert_close(kept, torch.full_like(kept, 1 / (1 - rate)))
            assert len(kept) / mask.numel() == pytest.approx(1 - rate, abs=0.05), name


def test_variational_masks_serve_a_whole_window() -> None:
    masks = masks_of(GAL, fresh(embedding_size=9))
    assert [mask.shape for mask in masks.inputs if mask is not None] == [(1, 30, 9), (1, 30, 16)]
    assert [mask.shape for mask in masks.states if mask is not None] == [(30, 16), (30, 16)]
    assert masks.output is not None
    assert masks.output.shape == (1, 30, 16)


def test_other_masks_are_new_at_each_step() -> None:
    masks = masks_of(Dropout(inputs=0.4, output=0.5), fresh())
    for mask in (*masks.inputs, masks.output):
        assert mask is not None
        assert mask.shape == (9, 30, 16)
        assert not torch.equal(mask[0], mask[1])


def test_layers_and_sequences_have_masks_of_their_own() -> None:
    masks = masks_of(GAL, fresh())
    first, second = masks.inputs
    assert first is not None
    assert second is not None
    assert not torch.equal(first, second)
    assert not torch.equal(first[:, 0], first[:, 1])
    assert masks.words is not None
    assert not torch.equal(masks.words[:, 0], masks.words[:, 1])


def test_a_repeated_word_is_dropped_everywhere_or_nowhere() -> None:
    masks = masks_of(Dropout(words=0.5, variational=True), fresh(), batch_size=2)
    tokens = torch.tensor([[3, 3], [4, 5], [3, 3], [5, 4], [3, 3]])
    factors = masks.words_of(tokens)
    assert factors is not None
    assert factors.shape == (5, 2, 1)
    assert masks.words is not None
    for step in range(5):
        for sequence in range(2):
            assert factors[step, sequence] == masks.words[tokens[step, sequence], sequence]


def test_masks_come_from_the_generator_alone() -> None:
    torch.manual_seed(1)
    first = masks_of(GAL, fresh())
    torch.manual_seed(2)
    again, other = masks_of(GAL, fresh()), masks_of(GAL, fresh(), seed=1)
    assert first.output is not None
    assert again.output is not None
    assert other.output is not None
    assert torch.equal(first.output, again.output)
    assert not torch.equal(first.output, other.output)


@KINDS
@pytest.mark.parametrize("dropout", [GAL, Dropout(inputs=0.4, output=0.5)], ids=["variational", "per step"])
def test_each_mask_is_applied_at_its_place(architecture: RecurrentArchitecture, dropout: Dropout) -> None:
    model = fresh(architecture)
    masks = masks_of(dropout, model, num_steps=6, batch_size=2)
    tokens = rhymes(12, seed=0).view(6, 2)
    found, _ = model(tokens, model.initial_states(2), masks)
    x = model.embedding[tokens]
    if masks.words is not None:
        x = x * torch.stack([masks.words[tokens[:, b], b] for b in range(2)], dim=1)[:, :, None]
    zones = [(each,) for each in masks.kept] if masks.kept else [(), ()]
    for layer, state, input_mask, state_mask, zone in zip(
        model.layers, model.initial_states(2), masks.inputs, masks.states, zones, strict=True
    ):
        x, _ = layer(x * input_mask, state, state_mask, *zone)
    assert model.softmax_weight is not None
    expected = (x * masks.output) @ model.softmax_weight.T + model.softmax_bias
    torch.testing.assert_close(found, expected)


def test_zoneout_is_sampled_for_every_step_and_unit_and_by_the_seed() -> None:
    model = fresh(Lstm(zoneout_state=0.1, zoneout_cell=0.4), hidden_size=40)
    masks = masks_of(Dropout(), model, num_steps=20, batch_size=30)
    assert masks.kept is not None
    assert masks.output is None
    assert [mask.shape for mask in masks.kept] == [(20, 2, 30, 40)] * 2
    for mask in masks.kept:
        assert set(mask.unique().tolist()) == {0, 1}
        assert mask[:, 0].mean().item() == pytest.approx(0.1, abs=0.01)
        assert mask[:, 1].mean().item() == pytest.approx(0.4, abs=0.01)
        assert not torch.equal(mask[0], mask[1])
    again, other = (masks_of(Dropout(), model, num_steps=20, seed=seed).kept for seed in (0, 1))
    assert again is not None
    assert other is not None
    assert torch.equal(masks.kept[1], again[1])
    assert not torch.equal(masks.kept[1], other[1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"inputs": 1.0}, r"dropout of inputs is 1\.0"),
        ({"output": -0.1}, r"dropout of output is -0\.1"),
        ({"state": 0.2}, r"dropout of state 0\.2 .* needs variational"),
        ({"words": 0.2}, r"of words 0\.2 needs variational"),
    ],
)
def test_impossible_dropout_is_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Dropout(**settings)  # type: ignore[arg-type]
