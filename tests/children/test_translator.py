"""The translator: its size, its parts put together by hand, padding, single steps."""

import numpy as np
import pytest
import torch
from torch import Tensor

from netwright.architectures.costs import (
    translator_hidden_size_for,
    translator_multiply_adds,
    translator_parameters,
)
from netwright.architectures.published import PUBLISHED
from netwright.architectures.recurrent import HyperLstm, Lstm, RecurrentArchitecture, RecurrentHighway
from netwright.children.building import num_parameters
from netwright.children.translation.attention import AdditiveAttention, Memory
from netwright.children.translation.sentences import Sentences
from netwright.children.translation.translator import Translator, dropping
from netwright.errors import ConfigError
from oracles.rhymes import SMALL_CELL

NAS_CELL = PUBLISHED["nas-cell"]()
KINDS = pytest.mark.parametrize("architecture", [SMALL_CELL, Lstm(), RecurrentHighway(3), HyperLstm(5, 2)], ids=str)
SHAPES = pytest.mark.parametrize("layers", [(2, 2), (3, 4)], ids=["2 + 2 layers", "3 + 4 layers"])


def fresh(architecture: RecurrentArchitecture, layers: tuple[int, int] = (2, 2), units: int = 6) -> Translator:
    return Translator(
        architecture,
        11,
        hidden_size=units,
        seed=3,
        init_range=0.8,
        num_encoder_layers=layers[0],
        num_decoder_layers=layers[1],
    )


def sentences(*lengths: int) -> Sentences:
    generator = torch.Generator().manual_seed(sum(lengths))
    return Sentences([torch.randint(4, 11, (length,), generator=generator).tolist() for length in lengths])


@KINDS
@SHAPES
def test_the_count_from_the_description_is_that_of_the_model(
    architecture: RecurrentArchitecture, layers: tuple[int, int]
) -> None:
    shape = {"num_encoder_layers": layers[0], "num_decoder_layers": layers[1], "cell_bias": False}
    count = translator_parameters(architecture, 11, hidden_size=6, **shape)
    assert num_parameters(fresh(architecture, layers)) == count
    assert translator_hidden_size_for(count, architecture, 11, **shape) == 6
    assert translator_hidden_size_for(count - 1, architecture, 11, **shape) == 5


@SHAPES
def test_a_piece_of_each_side_is_multiplied_by_every_matrix_but_the_embedding(layers: tuple[int, int]) -> None:
    matrices = [each.numel() for name, each in fresh(NAS_CELL, layers).named_parameters() if name != "embedding"]
    shape = {"num_encoder_layers": layers[0], "num_decoder_layers": layers[1], "cell_bias": True}
    biases = 11
    assert translator_multiply_adds(NAS_CELL, 11, hidden_size=6, **shape) == sum(matrices) - biases


@KINDS
@SHAPES
def test_padding_changes_no_logit(architecture: RecurrentArchitecture, layers: tuple[int, int]) -> None:
    model, source, target = fresh(architecture, layers).eval(), sentences(3, 9, 1, 6), sentences(5, 2, 4, 8)
    together = torch.arange(4)
    logits = model(source.padded(together), source.lengths, target.padded(together))
    for number, length in enumerate(target.lengths.tolist()):
        alone = torch.tensor([number])
        expected = model(source.padded(alone), source.lengths[alone], target.padded(alone))
        torch.testing.assert_close(logits[:length, number], expected[:, 0], rtol=1e-5, atol=1e-5)


@KINDS
@SHAPES
def test_steps_one_by_one_give_the_logits_of_the_whole_sentence(
    architecture: RecurrentArchitecture, layers: tuple[int, int]
) -> None:
    model, source, target = fresh(architecture, layers).eval(), sentences(4, 7), sentences(5, 5)
    both = torch.arange(2)
    memory, read = model.encode(source.padded(both), source.lengths), target.padded(both)
    whole, _, weights = model.decode(read, memory, model.initial_states(2))
    states = model.initial_states(2)
    for step in range(5):
        logits, states, weight = model.decode(read[step : step + 1], memory, states)
        torch.testing.assert_close(logits[0], whole[step], rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(weight[0], weights[step], rtol=1e-5, atol=1e-5)


def test_the_attention_is_that_of_its_formula() -> None:
    torch.manual_seed(0)
    attention = AdditiveAttention(3)
    for parameter in attention.parameters():
        torch.nn.init.normal_(parameter)
    values, queries, lengths = torch.randn(2, 4, 3), torch.randn(5, 2, 3), (4, 2)
    padding = torch.arange(4) >= torch.tensor(lengths)[:, None]
    contexts, weights = attention(queries, Memory(values, attention.keys(values), padding))
    q, k, v = (np.array(weight.tolist()) for weight in attention.parameters())
    for step in range(5):
        for sentence, length in enumerate(lengths):
            query, states = queries[step, sentence].numpy(), values[sentence, :length].numpy()
            scores = np.array([float(v[0] @ np.tanh(q @ query + k @ state)) for state in states])
            expected = np.exp(scores) / np.exp(scores).sum()
            np.testing.assert_allclose(weights[step, sentence, :length].detach(), expected, rtol=1e-5)
            assert weights[step, sentence, length:].tolist() == [0.0] * (4 - length)
            np.testing.assert_allclose(contexts[step, sentence].detach(), expected @ states, rtol=1e-4, atol=1e-6)


def test_the_encoder_reads_in_both_directions_and_the_decoder_in_one() -> None:
    model, source, target = fresh(Lstm()).eval(), sentences(6).padded(torch.tensor([0])), sentences(5)
    read = target.padded(torch.tensor([0]))
    lengths = torch.tensor([6])

    def changed(x: Tensor, step: int) -> Tensor:
        y = x.clone()
        y[step] = 4 + (y[step] - 3) % 7
        return y

    encoded = model.encode(source, lengths).values[0]
    for step in (0, 5):
        other = model.encode(changed(source, step), lengths).values[0]
        assert (other != encoded).any(1).all(), "every state depends on the first and on the last piece"
    logits, other = model(source, lengths, read), model(source, lengths, changed(read, 3))
    assert torch.equal(logits[:3], other[:3])
    assert (logits[3:] != other[3:]).any(2).all()


def test_from_the_third_layer_on_the_input_is_added() -> None:
    deep, shallow = fresh(Lstm(), (4, 4)).eval(), fresh(Lstm(), (2, 2)).eval()
    for layer in (*deep.encoder[1:], *deep.decoder[2:]):
        for parameter in layer.parameters():
            torch.nn.init.zeros_(parameter)  # an LSTM without weights has the output 0
    shallow.load_state_dict({name: deep.state_dict()[name] for name in shallow.state_dict()})
    source, target, first = sentences(5), sentences(4), torch.tensor([0])
    arguments = (source.padded(first), source.lengths, target.padded(first))
    torch.testing.assert_close(deep(*arguments), shallow(*arguments))


def test_dropout_keeps_the_mean_and_is_determined_by_the_generator() -> None:
    x = torch.ones(400, 500)
    dropped = dropping(0.3, torch.Generator().manual_seed(1))(x)
    assert dropped.unique().tolist() == pytest.approx([0.0, 1 / 0.7])
    assert float((dropped == 0).float().mean()) == pytest.approx(0.3, abs=0.005)
    assert torch.equal(dropped, dropping(0.3, torch.Generator().manual_seed(1))(x))
    assert dropping(0.0, torch.Generator())(x) is x


def test_zoneout_is_refused() -> None:
    with pytest.raises(ConfigError, match="zoneout"):
        fresh(Lstm(0.1, 0.2))


def test_sentences_are_kept_in_one_tensor_and_padded_at_their_end() -> None:
    found = Sentences([[5, 6, 7], [8], [9, 10]])
    assert found.padded(torch.tensor([1, 0])).t().tolist() == [[8, 0, 0], [5, 6, 7]]
    assert found.lengths.tolist() == [3, 1, 2]
    assert found.chosen(torch.tensor([2, 1])).pieces.tolist() == [9, 10, 8]
    assert len(Sentences([])) == 0
