"""Cells are called as torch's own recurrent modules are: the same shapes for the same arguments."""

import copy

import pytest
import torch
from torch import Tensor, nn

from netwright.architectures.published import nas_cell
from netwright.errors import ConfigError
from netwright.nn import NAS, NASCell, NASMax, Recurrent
from oracles.recurrent_cells import reference_layer

STEPS, BATCH, INPUTS, HIDDEN, LAYERS = 4, 3, 5, 6, 2


@pytest.mark.parametrize("given", [False, True], ids=["zeros", "a state"])
@pytest.mark.parametrize("kind", ["time first", "batch first", "unbatched"])
@pytest.mark.parametrize("module", [NAS, NASMax])
def test_shapes_are_those_of_an_lstm(module: type[Recurrent], kind: str, given: bool) -> None:
    options = {"num_layers": LAYERS, "batch_first": kind == "batch first"}
    shape, state_shape = {
        "time first": ((STEPS, BATCH, INPUTS), (LAYERS, BATCH, HIDDEN)),
        "batch first": ((BATCH, STEPS, INPUTS), (LAYERS, BATCH, HIDDEN)),
        "unbatched": ((STEPS, INPUTS), (LAYERS, HIDDEN)),
    }[kind]
    arguments = [torch.randn(shape), *([(torch.randn(state_shape), torch.randn(state_shape))] if given else [])]
    theirs, (their_h, their_c) = nn.LSTM(INPUTS, HIDDEN, **options)(*arguments)
    output, (h, c) = module(INPUTS, HIDDEN, **options)(*arguments)
    assert (output.shape, h.shape, c.shape) == (theirs.shape, their_h.shape, their_c.shape)


def test_layers_stand_one_on_the_other() -> None:
    torch.manual_seed(0)
    module = NAS(INPUTS, HIDDEN, num_layers=LAYERS, bias=True, batch_first=True).double()
    x = torch.randn(BATCH, STEPS, INPUTS, dtype=torch.float64)
    h_0, c_0 = torch.randn(2, LAYERS, BATCH, HIDDEN, dtype=torch.float64)
    flowing = x.transpose(0, 1)
    states = []
    for number, layer in enumerate(module.layers):
        flowing, *state = reference_layer(layer, flowing, h_0[number], c_0[number], None)
        states.append(state)
    output, (h_n, c_n) = module(x, (h_0, c_0))
    torch.testing.assert_close(output, flowing.transpose(0, 1))
    torch.testing.assert_close([h_n, c_n], [torch.stack(parts) for parts in zip(*states, strict=True)])


def test_one_sequence_without_a_batch_is_a_batch_of_one() -> None:
    module, x = NAS(INPUTS, HIDDEN), torch.randn(STEPS, INPUTS)
    output, (h, c) = module(x)
    batch_output, (batch_h, batch_c) = module(x[:, None])
    torch.testing.assert_close([output, h, c], [batch_output[:, 0], batch_h[:, 0], batch_c[:, 0]])


def test_dropout_is_between_layers_and_in_training_alone() -> None:
    torch.manual_seed(0)
    module = NAS(INPUTS, HIDDEN, num_layers=2, dropout=0.5)
    plain = NAS(INPUTS, HIDDEN, num_layers=2)
    plain.load_state_dict(module.state_dict())
    x = torch.randn(STEPS, BATCH, INPUTS)
    assert not torch.equal(module(x)[0], module(x)[0])
    torch.testing.assert_close(module(x)[1][0][0], plain(x)[1][0][0])  # the first layer's own state
    torch.testing.assert_close(module.eval()(x)[0], plain(x)[0])
    single = NAS(INPUTS, HIDDEN, dropout=0.5)
    torch.testing.assert_close(single(x)[0], single.eval()(x)[0])


def test_steps_of_a_cell_are_the_sequence() -> None:
    torch.manual_seed(0)
    module, step = NAS(INPUTS, HIDDEN, bias=True), NASCell(INPUTS, HIDDEN, bias=True)
    step.layer.load_state_dict(module.layers[0].state_dict())
    x = torch.randn(STEPS, BATCH, INPUTS)
    state: tuple[Tensor, Tensor] | None = None
    for x_t in x:
        state = step(x_t, state)
    assert state is not None
    _, (h, c) = module(x)
    torch.testing.assert_close(list(state), [h[0], c[0]])
    torch.testing.assert_close(step(x[0, 0])[0], step(x[0])[0][0])


def test_wrong_shapes_say_what_is_expected() -> None:
    module, x = NAS(INPUTS, HIDDEN), torch.randn(STEPS, BATCH, INPUTS)
    with pytest.raises(ConfigError, match=r"input has shape \[4, 3, 6\].*input_size = 5"):
        module(torch.randn(STEPS, BATCH, INPUTS + 1))
    with pytest.raises(ConfigError, match=r"c_0 has shape \[1, 2, 6\].*\[1, 3, 6\]"):
        module(x, (torch.zeros(1, BATCH, HIDDEN), torch.zeros(1, 2, HIDDEN)))
    with pytest.raises(ConfigError, match=r"h_0 has shape \[6\].*\[3, 6\]"):
        NASCell(INPUTS, HIDDEN)(x[0], (torch.zeros(HIDDEN), torch.zeros(HIDDEN)))
    with pytest.raises(ConfigError, match="num_layers is 0"):
        NAS(INPUTS, HIDDEN, num_layers=0)
    with pytest.raises(ConfigError, match="dropout is 2"):
        NAS(INPUTS, HIDDEN, dropout=2)


def test_a_module_prints_its_sizes_and_copies_and_starts_anew() -> None:
    module = Recurrent(nas_cell(), INPUTS, HIDDEN, num_layers=2, dropout=0.25)
    assert "5, 6, num_layers=2, dropout=0.25" in repr(module)
    x = torch.randn(STEPS, BATCH, INPUTS)
    twin = copy.deepcopy(module).eval()
    torch.testing.assert_close(twin(x)[0], module.eval()(x)[0])
    module.reset_parameters()
    assert not torch.equal(twin(x)[0], module(x)[0])
