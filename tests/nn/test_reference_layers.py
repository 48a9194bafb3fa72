"""The layer-normalised LSTM and the HyperLSTM against loops in numpy, and their gradients against differences."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netwright.nn.hyper_lstm import HyperLSTMLayer
from netwright.nn.layer_norm_lstm import LayerNormLSTMLayer

Array = NDArray[np.float64]
STEPS, BATCH, INPUTS, HIDDEN, UNITS, SIGNAL = 4, 3, 5, 6, 4, 2


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def normalised(x: Array) -> Array:
    return (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)


def lstm(weights: dict[str, Array], prefix: str, gates: list[Array], c: Array) -> tuple[Array, Array]:
    """One step; `gates` are the inputs of i, f, g and o."""
    if f"{prefix}.gain" in weights:
        gains, shifts = (np.split(weights[f"{prefix}.{name}"], 5) for name in ("gain", "shift"))
        gates = [normalised(gate) * gains[n] + shifts[n] for n, gate in enumerate(gates)]
    i, f, g, o = gates
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    shown = normalised(c) * gains[4] + shifts[4] if f"{prefix}.gain" in weights else c
    return sigmoid(o) * np.tanh(shown), c


def numpy_layer_norm(weights: dict[str, Array], x: Array, state: list[Array], mask: Array) -> tuple[Array, list[Array]]:
    h, c = state
    outputs = []
    for x_t in x:
        gates = x_t @ weights["step.weight_ih"].T + (h * mask) @ weights["step.weight_hh"].T + weights["step.bias"]
        h, c = lstm(weights, "step", np.split(gates, 4, axis=1), c)
        outputs.append(h)
    return np.stack(outputs), [h, c]


def numpy_hyper(weights: dict[str, Array], x: Array, state: list[Array], mask: Array) -> tuple[Array, list[Array]]:
    h, c, hyper_h, hyper_c = state
    main = {name: np.split(weights[f"main.{name}"], 4) for name in ("weight_ih", "weight_hh", "bias")}
    signal, bias = np.split(weights["signal"], 8), np.split(weights["signal_bias"], 8)
    shift_signal = np.split(weights["shift_signal"], 4)
    outputs = []
    for x_t in x:
        read = np.concatenate([x_t, h * mask], axis=1)
        gates = read @ weights["hyper.weight_ih"].T + hyper_h @ weights["hyper.weight_hh"].T + weights["hyper.bias"]
        hyper_h, hyper_c = lstm(weights, "hyper", np.split(gates, 4, axis=1), hyper_c)
        scaled = []
        for gate in range(4):
            z_h = hyper_h @ signal[gate].T + bias[gate]
            z_x = hyper_h @ signal[4 + gate].T + bias[4 + gate]
            z_b = hyper_h @ shift_signal[gate].T
            d_h, d_x = z_h @ weights["scale"][gate].T, z_x @ weights["scale"][4 + gate].T
            b = z_b @ weights["shift"][gate].T + main["bias"][gate]
            scaled.append(d_h * ((h * mask) @ main["weight_hh"][gate].T) + d_x * (x_t @ main["weight_ih"][gate].T) + b)
        h, c = lstm(weights, "main", scaled, c)
        outputs.append(h)
    return np.stack(outputs), [h, c, hyper_h, hyper_c]


def hyper(*, layer_norm: bool) -> HyperLSTMLayer:
    return HyperLSTMLayer(INPUTS, HIDDEN, hyper_units=UNITS, signal_size=SIGNAL, layer_norm=layer_norm)


LAYERS = {
    "layer-normalised LSTM": (lambda: LayerNormLSTMLayer(INPUTS, HIDDEN), numpy_layer_norm, (HIDDEN, HIDDEN)),
    "HyperLSTM": (lambda: hyper(layer_norm=False), numpy_hyper, (HIDDEN, HIDDEN, UNITS, UNITS)),
    "normalised HyperLSTM": (lambda: hyper(layer_norm=True), numpy_hyper, (HIDDEN, HIDDEN, UNITS, UNITS)),
}
EACH = pytest.mark.parametrize("name", LAYERS)
MASKED = pytest.mark.parametrize("masked", [False, True])


def sampled(name: str) -> tuple[nn.Module, Tensor, tuple[Tensor, ...], Tensor]:
    torch.manual_seed(0)
    make, _, sizes = LAYERS[name]
    layer = make().double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_()
    x = torch.randn(STEPS, BATCH, INPUTS, dtype=torch.float64)
    state = tuple(torch.randn(BATCH, size, dtype=torch.float64) for size in sizes)
    return layer, x, state, torch.randint(0, 2, (BATCH, HIDDEN)).double() * 2


@MASKED
@EACH
def test_a_layer_is_its_equations(name: str, masked: bool) -> None:
    layer, x, state, mask = sampled(name)
    outputs, after = layer(x, state, mask if masked else None)
    weights = {name: parameter.detach().numpy() for name, parameter in layer.named_parameters()}
    right, right_after = LAYERS[name][1](
        weights, x.numpy(), [part.numpy() for part in state], mask.numpy() if masked else np.ones((BATCH, HIDDEN))
    )
    np.testing.assert_allclose(outputs.detach().numpy(), right, rtol=1e-10, atol=1e-10)
    for part, right_part in zip(after, right_after, strict=True):
        np.testing.assert_allclose(part.detach().numpy(), right_part, rtol=1e-10, atol=1e-10)
    assert torch.equal(after[0], outputs[-1])


@EACH
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    layer, x, state, mask = sampled(name)
    names = [name for name, _ in layer.named_parameters()]

    def outputs(*leaves: Tensor) -> tuple[Tensor, ...]:
        x, *rest = leaves
        of_state, weights = rest[: len(state)], dict(zip(names, rest[len(state) :], strict=True))
        h, after = torch.func.functional_call(layer, weights, (x, tuple(of_state), mask))
        return (h, *after)

    leaves = [tensor.detach().clone().requires_grad_() for tensor in (x[:2], *state, *layer.parameters())]
    assert torch.autograd.gradcheck(outputs, leaves)


@EACH
def test_the_initial_state_is_zero(name: str) -> None:
    layer, x, state, _ = sampled(name)
    zeros = layer.initial_state(x)
    assert [part.shape for part in zeros] == [part.shape for part in state]
    assert not any(part.any() for part in zeros)


@MASKED
@EACH
def test_outputs_and_states_stay_in_float32_where_products_are_in_bfloat16(name: str, masked: bool) -> None:
    layer, x, _, mask = sampled(name)
    layer, x = layer.float(), x.float()
    with torch.autocast("cpu", torch.bfloat16):
        outputs, state = layer(x.bfloat16(), layer.initial_state(x.bfloat16()), mask.float() if masked else None)
        outputs, state = layer(outputs[..., :INPUTS], state, mask.float() if masked else None)
    assert {tensor.dtype for tensor in (outputs, *state)} == {torch.float32}


@pytest.mark.parametrize("layer_norm", [False, True])
def test_a_hyper_lstm_begins_as_an_lstm_with_a_tenth_of_its_weights(layer_norm: bool) -> None:
    """Ha et al. 2016: at first the signals do not depend on the smaller LSTM."""
    layer = hyper(layer_norm=layer_norm).double()
    x, state = torch.randn(STEPS, BATCH, INPUTS, dtype=torch.float64), [np.zeros((BATCH, HIDDEN))] * 2
    weights = {name.replace("main", "step"): weight.detach().numpy() for name, weight in layer.named_parameters()}
    weights |= {name: weights[name] / 10 for name in ("step.weight_ih", "step.weight_hh")}
    found, _ = layer(x, layer.initial_state(x))
    expected, _ = numpy_layer_norm(weights, x.numpy(), state, np.ones((BATCH, HIDDEN)))
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-6)
