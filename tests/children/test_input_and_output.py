"""What a language model reads and answers with: one-hot vectors, the spelling of words, a pointer to earlier words."""

import numpy as np
import pytest
import torch
from torch import Tensor

from netwright.architectures.costs import hidden_size_for, language_model_parameters
from netwright.architectures.recurrent import HyperLstm, LayerNormLstm, Lstm, RecurrentArchitecture, RecurrentHighway
from netwright.architectures.word_inputs import CHARACTER_CNNS, CharacterCnn, num_characters_of
from netwright.children.building import num_parameters
from netwright.children.dropout import Dropout
from netwright.children.pointer import PointerSentinel
from netwright.children.spelling import CharacterCNN
from netwright.errors import ConfigError
from oracles.rhymes import SMALL_CELL, VOCABULARY, fresh, rhymes

WORDS = ("a", "cab", "<unk>", "bb", "abc", "cc", "ab", "c", "ba", "baa", "b")


# One-hot vectors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", [SMALL_CELL, Lstm(), RecurrentHighway(2), HyperLstm(3, 2)], ids=str)
def test_one_hot_input_is_an_embedding_by_the_identity(architecture: RecurrentArchitecture) -> None:
    one_hot, embedded = fresh(architecture, input_layer="one-hot"), fresh(architecture, embedding_size=11)
    assert one_hot.embedding is None
    weights = {**one_hot.state_dict(), "embedding": torch.eye(11)}
    embedded.load_state_dict(weights)
    dropout = Dropout(inputs=0.4, output=0.3, state=0.2, words=0.1, variational=True)
    masks = one_hot.sample_masks(dropout, 6, 2, torch.Generator().manual_seed(0))
    tokens = rhymes(12, seed=0).view(6, 2)
    found, _ = one_hot(tokens, one_hot.initial_states(2), masks)
    expected, _ = embedded(tokens, embedded.initial_states(2), masks)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("input_layer", ["one-hot", "char-cnn-small"])
def test_only_an_embedding_can_be_tied(input_layer: str) -> None:
    with pytest.raises(ConfigError, match=f"input_layer is {input_layer}, .* take tied = false"):
        fresh(tied=True, input_layer=input_layer, vocabulary=VOCABULARY)


# Initial weights ------------------------------------------------------------------------------------------------------


def test_orthogonal_matrices_of_each_gate() -> None:
    model = fresh(HyperLstm(hyper_units=3, signal_size=2), hidden_size=16, orthogonal=True, num_layers=2)
    layer = model.layers[1]
    for weight, size in ((layer.main.weight_hh, 16), (layer.main.weight_ih, 16), (layer.hyper.weight_hh, 3)):
        for of_gate in weight.split(size):
            torch.testing.assert_close(of_gate @ of_gate.T, torch.eye(size), rtol=0, atol=1e-5)
    assert model.softmax_weight is not None
    assert model.softmax_weight.abs().max() <= 0.3
    plain = fresh(orthogonal=True).layers[0].lstm.weight_hh_l0
    for of_gate in plain.split(16):
        torch.testing.assert_close(of_gate @ of_gate.T, torch.eye(16), rtol=0, atol=1e-5)


@pytest.mark.parametrize("architecture", [LayerNormLstm(), HyperLstm(3, 2), HyperLstm(3, 2, layer_norm=True)], ids=str)
def test_the_seed_alone_decides(architecture: RecurrentArchitecture) -> None:
    settings = {"input_layer": "char-cnn-small", "output_layer": "pointer-sentinel", "vocabulary": WORDS}
    models = []
    for seed, disturbed in ((7, 1), (7, 2), (8, 1)):
        torch.manual_seed(disturbed)
        models.append(fresh(architecture, seed=seed, **settings).state_dict())
    first, again, other = models
    assert all(torch.equal(first[name], again[name]) for name in first)
    sampled = [name for name in first if first[name].dim() > 1 and not name.endswith((".signal", ".scale", ".shift"))]
    assert len(sampled) >= 12
    assert all(not torch.equal(first[name], other[name]) for name in sampled)


def test_what_scales_the_weights_of_a_hyper_lstm_keeps_its_initial_values() -> None:
    layer = fresh(HyperLstm(hyper_units=3, signal_size=2)).layers[0]
    assert (layer.scale == 0.05).all()
    assert not layer.shift.any()
    assert not layer.signal.any()
    assert layer.shift_signal.any()


# The number of parameters ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", [Lstm(), LayerNormLstm(), HyperLstm(3, 2), HyperLstm(3, 2, layer_norm=True)])
@pytest.mark.parametrize("input_layer", ["embedding", "one-hot", *CHARACTER_CNNS])
@pytest.mark.parametrize("output_layer", ["softmax", "pointer-sentinel"])
def test_the_count_from_the_description_is_that_of_the_model(
    architecture: RecurrentArchitecture, input_layer: str, output_layer: str
) -> None:
    settings = {"input_layer": input_layer, "output_layer": output_layer}
    model, characters = fresh(architecture, vocabulary=WORDS, **settings), num_characters_of(WORDS)
    count = language_model_parameters(architecture, 11, hidden_size=16, num_characters=characters, **settings)  # type: ignore[arg-type]
    assert num_parameters(model) == count
    assert hidden_size_for(count, architecture, 11, num_characters=characters, **settings) == 16


# Words by their spelling ----------------------------------------------------------------------------------------------

SIZES = CharacterCnn(filters=(2, 3, 1), num_highways=2)


def spelled_out(network: CharacterCNN, word: str) -> Tensor:
    """The equations of Kim et al. 2015 for one word, character by character."""
    symbols = {"padding": 0, "start": 1, "end": 2, **{c: n for n, c in enumerate(sorted("<>abcknu"), start=3)}}
    spelling = ["start", *word, "end"] + ["padding"] * (7 - 2 - len(word))
    embedded = torch.stack([network.embedding[symbols[symbol]] for symbol in spelling])
    found = []
    for weights, width in zip(network.filters, (1, 2, 3), strict=True):
        for weight in weights:
            bias = network.biases[len(found)]
            windows = [embedded[start : start + width] for start in range(8 - width)]
            found.append(max(torch.tanh((weight.T * window).sum() + bias) for window in windows))
    y = torch.stack(found)
    for weight, bias in zip(network.highways, network.highway_biases, strict=True):
        h, t = torch.relu(weight[:6] @ y + bias[:6]), torch.sigmoid(weight[6:] @ y + bias[6:])
        y = t * h + (1 - t) * y
    return y


def network() -> CharacterCNN:
    torch.manual_seed(0)
    made = CharacterCNN(SIZES, WORDS).double()
    assert all((bias == torch.tensor([0.0] * 6 + [-2.0] * 6)).all() for bias in made.highway_biases)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_()
    return made


def test_a_word_is_its_equations() -> None:
    made = network()
    tokens = torch.tensor([[0, 1, 2], [3, 1, 10]])
    expected = torch.stack([torch.stack([spelled_out(made, WORDS[token]) for token in row]) for row in tokens.tolist()])
    torch.testing.assert_close(made(tokens), expected)
    assert (
        sum(p.numel() for p in made.parameters())
        == SIZES.num_parameters(num_characters_of(WORDS))
        == 11 * 15 + (15 * (2 + 6 + 3) + 6 + 2 * 2 * 6 * 7)
    )


def test_gradients_of_a_word_are_those_of_finite_differences() -> None:
    made, tokens = network(), torch.tensor([1, 4, 1])
    names = [name for name, _ in made.named_parameters()]

    def outputs(*weights: Tensor) -> Tensor:
        return torch.func.functional_call(made, dict(zip(names, weights, strict=True)), (tokens,))  # type: ignore[no-any-return]

    assert torch.autograd.gradcheck(outputs, [p.detach().clone().requires_grad_() for p in made.parameters()])


def test_a_word_that_is_too_long_is_cut_and_short_ones_fill_every_filter() -> None:
    made = CharacterCNN(SIZES, ["a" * 63 + "b", "a" * 63 + "cc"])
    both = made(torch.tensor([0, 1]))
    assert torch.equal(both[0], both[1])
    assert CharacterCNN(CHARACTER_CNNS["char-cnn-large"], ["a", "b"])(torch.tensor([0, 1])).shape == (2, 1100)


def test_nothing_is_dropped_between_the_spelling_and_the_first_layer() -> None:
    """Kim et al. 2015."""
    model = fresh(input_layer="char-cnn-small", vocabulary=WORDS)
    masks = model.sample_masks(Dropout(inputs=0.5, output=0.5), 4, 2, torch.Generator().manual_seed(0))
    assert masks is not None
    assert masks.inputs[0] is None
    assert masks.inputs[1] is not None


# The pointer ----------------------------------------------------------------------------------------------------------

STEPS, BATCH, UNITS, WINDOW = 7, 2, 3, 4


def pointer() -> tuple[PointerSentinel, Tensor, Tensor, Tensor]:
    """A pointer, outputs, tokens and logits."""
    torch.manual_seed(0)
    made = PointerSentinel(UNITS, window=WINDOW).double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_()
    h = torch.randn(STEPS, BATCH, UNITS, dtype=torch.float64)
    return made, h, rhymes(STEPS * BATCH, seed=3).view(STEPS, BATCH), torch.randn(STEPS, BATCH, 11, dtype=torch.float64)


def mixed(made: PointerSentinel, h: Tensor, tokens: Tensor, logits: Tensor) -> np.ndarray[tuple[int, ...], np.dtype]:
    """The probabilities by the equations of Merity et al. 2016, for one sequence in one piece."""
    weight, bias, sentinel = (p.detach().numpy() for p in (made.query_weight, made.query_bias, made.sentinel))
    outputs, words = h.numpy(), tokens.tolist()
    found = []
    for t in range(len(words)):
        query = np.tanh(weight @ outputs[t] + bias)
        reached = range(max(0, t - WINDOW + 1), t + 1)
        scores = np.exp([query @ outputs[i] for i in reached] + [query @ sentinel])
        attention = scores / scores.sum()
        softmax = np.exp(logits[t].numpy())
        p = attention[-1] * softmax / softmax.sum()
        for i, weight_of_i in zip(reached, attention[:-1], strict=True):
            p[words[i]] += weight_of_i
        found.append(p)
    return np.stack(found)


@pytest.mark.parametrize("pieces", [[7], [3, 4], [1] * 7])
def test_the_mixture_is_its_equations_in_any_pieces(pieces: list[int]) -> None:
    made, h, tokens, logits = pointer()
    state, found = made.initial_state(BATCH), []
    parts = (tensor.split(pieces) for tensor in (h, tokens, logits))
    for of_h, of_tokens, of_logits in zip(*parts, strict=True):
        log_probs, state = made(of_h, of_tokens, of_logits, state)
        found.append(log_probs)
    probabilities = torch.cat(found).detach().exp()
    torch.testing.assert_close(probabilities.sum(2), torch.ones(STEPS, BATCH, dtype=torch.float64), rtol=1e-6, atol=0)
    for row in range(BATCH):
        expected = mixed(made, h[:, row], tokens[:, row], logits[:, row])
        np.testing.assert_allclose(probabilities[:, row].numpy(), expected, rtol=1e-6)


def test_a_language_model_carries_the_pointers_state() -> None:
    model = fresh(output_layer="pointer-sentinel")
    tokens = rhymes(240, seed=0).view(120, 2)
    with torch.no_grad():
        whole, _ = model(tokens, model.initial_states(2))
        first, states = model(tokens[:50], model.initial_states(2))
        second, _ = model(tokens[50:], states)
    assert len(states) == 3
    torch.testing.assert_close(torch.cat([first, second]), whole)
    torch.testing.assert_close(whole.exp().sum(2), torch.ones(120, 2))


def test_gradients_of_the_pointer_are_those_of_finite_differences() -> None:
    made, h, tokens, logits = pointer()
    names = [name for name, _ in made.named_parameters()]

    def log_probs(h: Tensor, logits: Tensor, *weights: Tensor) -> Tensor:
        arguments = (h, tokens, logits, made.initial_state(BATCH))
        result, _ = torch.func.functional_call(made, dict(zip(names, weights, strict=True)), arguments)
        return result  # type: ignore[no-any-return]

    leaves = [tensor.detach().clone().requires_grad_() for tensor in (h, logits, *made.parameters())]
    assert torch.autograd.gradcheck(log_probs, leaves)
