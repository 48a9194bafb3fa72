"""The reference models' layers against loops in numpy, with and without a mask; gradients by finite differences."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netwright.nn import DeepTransitionLayer, ElmanLayer, HighwayLayer, LSTMLayer, gpu_lstm
from netwright.nn.gpu_lstm import GpuLSTMLayer

Array = NDArray[np.float64]
STEPS, BATCH, INPUTS, HIDDEN, DEPTH = 4, 3, 5, 6, 3


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def numpy_lstm(parameters: list[Array], x: Array, state: list[Array], mask: Array) -> tuple[Array, list[Array]]:
    weight_ih, weight_hh, bias = parameters
    h, c = state
    outputs = []
    for x_t in x:
        i, f, g, o = np.split(x_t @ weight_ih.T + (h * mask) @ weight_hh.T + bias, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs), [h, c]


def numpy_highway(parameters: list[Array], x: Array, state: list[Array], mask: Array) -> tuple[Array, list[Array]]:
    weight_ih, weight_hh, bias = parameters
    (s,) = state
    outputs = []
    for x_t in x:
        for layer in range(DEPTH):
            rows = (s * mask) @ weight_hh[layer].T + bias[2 * HIDDEN * layer : 2 * HIDDEN * (layer + 1)]
            if layer == 0:
                rows = rows + x_t @ weight_ih.T
            h, t = np.tanh(rows[:, :HIDDEN]), sigmoid(rows[:, HIDDEN:])
            s = h * t + s * (1 - t)
        outputs.append(s)
    return np.stack(outputs), [s]


def numpy_uncoupled(parameters: list[Array], x: Array, state: list[Array], mask: Array) -> tuple[Array, list[Array]]:
    weight_ih, weight_hh, bias = parameters
    (s,) = state
    outputs = []
    for x_t in x:
        for layer in range(DEPTH):
            rows = (s * mask) @ weight_hh[layer].T + bias[3 * HIDDEN * layer : 3 * HIDDEN * (layer + 1)]
            if layer == 0:
                rows = rows + x_t @ weight_ih.T
            h, t, c = np.split(rows, 3, axis=1)
            s = np.tanh(h) * sigmoid(t) + s * sigmoid(c)
        outputs.append(s)
    return np.stack(outputs), [s]


def numpy_elman(parameters: list[Array], x: Array, state: list[Array], mask: Array) -> tuple[Array, list[Array]]:
    weight_ih, weight_hh, bias = parameters
    (h,) = state
    outputs = []
    for x_t in x:
        h = sigmoid(x_t @ weight_ih.T + (h * mask) @ weight_hh.T + bias)
        outputs.append(h)
    return np.stack(outputs), [h]


def numpy_deep(parameters: list[Array], x: Array, state: list[Array], mask: Array) -> tuple[Array, list[Array]]:
    weight_ih, weight_hh, weight_zh, weight_hy, bias = parameters
    b, d, e = np.split(bias, 3)
    (h,) = state
    outputs = []
    for x_t in x:
        z = sigmoid(x_t @ weight_ih.T + (h * mask) @ weight_hh[:HIDDEN].T + b)
        h = sigmoid(z @ weight_zh.T + (h * mask) @ weight_hh[HIDDEN:].T + d)
        outputs.append(sigmoid(h @ weight_hy.T + e))
    return np.stack(outputs), [h]


ZONEOUT = (0.3, 0.2)


def numpy_zoneout(
    parameters: list[Array], x: Array, state: list[Array], mask: Array, kept: Array | None = None
) -> tuple[Array, list[Array]]:
    weight_ih, weight_hh, bias = parameters
    h, c = state
    outputs = []
    for step, x_t in enumerate(x):
        kept_h, kept_c = ZONEOUT if kept is None else kept[step]
        i, f, g, o = np.split(x_t @ weight_ih.T + (h * mask) @ weight_hh.T + bias, 4, axis=1)
        new_c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = kept_h * h + (1 - kept_h) * sigmoid(o) * np.tanh(new_c)
        c = kept_c * c + (1 - kept_c) * new_c
        outputs.append(h)
    return np.stack(outputs), [h, c]


LAYERS = {
    "LSTM": (lambda: LSTMLayer(INPUTS, HIDDEN), numpy_lstm, 2),
    "RHN": (lambda: HighwayLayer(INPUTS, HIDDEN, DEPTH), numpy_highway, 1),
    "RHN with a carry gate": (lambda: HighwayLayer(INPUTS, HIDDEN, DEPTH, coupled=False), numpy_uncoupled, 1),
    "Elman": (lambda: ElmanLayer(INPUTS, HIDDEN), numpy_elman, 1),
    "DOT(S)-RNN": (lambda: DeepTransitionLayer(INPUTS, HIDDEN), numpy_deep, 1),
    "LSTM with expected zoneout": (lambda: LSTMLayer(INPUTS, HIDDEN, ZONEOUT), numpy_zoneout, 2),
}


def drawn(name: str) -> tuple[nn.Module, Tensor, tuple[Tensor, ...], Tensor]:
    torch.manual_seed(0)
    make, _, num_states = LAYERS[name]
    layer = make().double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_()
    x = torch.randn(STEPS, BATCH, INPUTS, dtype=torch.float64)
    state = torch.randn(num_states, BATCH, HIDDEN, dtype=torch.float64).unbind(0)
    return layer, x, state, torch.randint(0, 2, (BATCH, HIDDEN)).double() * 2


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_a_baseline_is_its_equations(name: str, masked: bool) -> None:
    layer, x, state, mask = drawn(name)
    outputs, after = layer(x, state, mask if masked else None)
    weights = [parameter.detach().numpy() for parameter in layer.parameters()]
    right, right_after = LAYERS[name][1](
        weights, x.numpy(), [part.numpy() for part in state], mask.numpy() if masked else np.ones((BATCH, HIDDEN))
    )
    np.testing.assert_allclose(outputs.detach().numpy(), right, rtol=1e-12, atol=1e-12)
    for part, right_part in zip(after, right_after, strict=True):
        np.testing.assert_allclose(part.detach().numpy(), right_part, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    """Of inputs, state and weights, each along a random direction."""
    layer, x, state, mask = drawn(name)
    leaves = [x.requires_grad_(), *(part.clone().requires_grad_() for part in state), *layer.parameters()]
    factors = torch.randn(STEPS, BATCH, HIDDEN, dtype=torch.float64)

    def loss() -> Tensor:
        outputs, after = layer(leaves[0], tuple(leaves[1 : 1 + len(state)]), mask)
        return (outputs * factors).sum() + sum((part**2).sum() for part in after)

    gradients = torch.autograd.grad(loss(), leaves)
    for leaf, gradient in zip(leaves, gradients, strict=True):
        direction, around = torch.randn_like(leaf), []
        with torch.no_grad():
            for step in (1e-6, -2e-6, 1e-6):
                leaf += step * direction
                around.append(loss().item())
        assert (gradient * direction).sum().item() == pytest.approx((around[0] - around[1]) / 2e-6, rel=1e-6, abs=1e-8)


def test_zoneout_keeps_the_marked_units() -> None:
    layer, x, state, mask = drawn("LSTM with expected zoneout")
    kept = torch.randint(0, 2, (STEPS, 2, BATCH, HIDDEN)).double()
    outputs, after = layer(x, state, mask, kept)
    weights = [parameter.detach().numpy() for parameter in layer.parameters()]
    parts = [part.numpy() for part in state]
    right, right_after = numpy_zoneout(weights, x.numpy(), parts, mask.numpy(), kept.numpy())
    np.testing.assert_allclose(outputs.detach().numpy(), right, rtol=1e-12, atol=1e-12)
    for part, right_part in zip(after, right_after, strict=True):
        np.testing.assert_allclose(part.detach().numpy(), right_part, rtol=1e-12, atol=1e-12)
    everything, (h, c) = layer(x, state, None, torch.ones_like(kept))
    assert torch.equal(everything, state[0].expand_as(everything))
    assert torch.equal(h, state[0])
    assert torch.equal(c, state[1])


def test_the_fused_lstm_and_the_masked_loop_have_the_same_gradients() -> None:
    layer, x, state, _ = drawn("LSTM")
    leaves = [tensor.requires_grad_() for tensor in (x, *(part.clone() for part in state))] + list(layer.parameters())
    gradients = []
    for mask in (None, torch.ones(BATCH, HIDDEN, dtype=torch.float64)):
        outputs, (h, c) = layer(x, tuple(leaves[1:3]), mask)
        gradients.append(torch.autograd.grad((outputs**2).sum() + h.sum() + (c**2).sum(), leaves))
    torch.testing.assert_close(gradients[0], gradients[1])


@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_under_autocast_on_a_gpu_the_fused_lstm_computes_in_the_type_of_autocast(
    scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the place of a GPU's: the CPU's autocast, which computes in bfloat16 as it is told to."""
    layer = GpuLSTMLayer(INPUTS, HIDDEN)
    x, state = (
        scale * torch.randn(STEPS, BATCH, INPUTS),
        (torch.randn(BATCH, HIDDEN), scale * torch.randn(BATCH, HIDDEN)),
    )
    found = []
    for is_gpu in (False, True):
        monkeypatch.setattr(gpu_lstm, "is_autocast_for_gpu", lambda device, is_gpu=is_gpu: is_gpu)
        with torch.autocast("cpu", torch.bfloat16):
            outputs, after = layer(x, state)
        loss = (outputs**2).sum() + sum(part.sum() for part in after)
        found.append((outputs, *after, *torch.autograd.grad(loss, list(layer.parameters()))))
    assert all(tensor.isfinite().all() and tensor.dtype == torch.float32 for tensor in found[1])
    assert (found[1][2].abs().max() > torch.finfo(torch.float16).max) == (scale > 1)
    torch.testing.assert_close(found[1], found[0], rtol=0, atol=0)


def test_the_type_is_chosen_under_autocast_on_a_gpu_alone() -> None:
    assert not gpu_lstm.is_autocast_for_gpu("cuda")
    with torch.autocast("cpu", torch.bfloat16):
        assert not gpu_lstm.is_autocast_for_gpu("cpu")
        assert not gpu_lstm.is_autocast_for_gpu("cuda")
    torch.set_autocast_enabled("cuda", True)
    try:
        assert gpu_lstm.is_autocast_for_gpu("cuda")
        assert not gpu_lstm.is_autocast_for_gpu("cpu")
    finally:
        torch.set_autocast_enabled("cuda", False)


def test_numbers_of_parameters() -> None:
    """Zaremba's count of an LSTM, and the one of recurrent highway networks: PAPER.md J.4, J.6."""
    assert sum(p.numel() for p in HighwayLayer(830, 830, 10).parameters()) == 2 * 830 * (830 + 10 * 831)
    medium = 2 * sum(p.numel() for p in LSTMLayer(650, 650).parameters()) + 2 * 10_000 * 650 + 10_000
    assert medium == 19_775_200
    uncoupled = HighwayLayer(83, 80, 10, coupled=False)
    assert sum(p.numel() for p in uncoupled.parameters()) == 3 * 80 * (83 + 10 * 81)
    assert sum(p.numel() for p in ElmanLayer(83, 80).parameters()) == 80 * (83 + 80 + 1)
    assert sum(p.numel() for p in DeepTransitionLayer(83, 80).parameters()) == 80 * (83 + 4 * 80 + 3)


def test_a_highway_mostly_carries_at_the_start() -> None:
    layer = HighwayLayer(INPUTS, HIDDEN, DEPTH)
    of_h, of_t = layer.bias.detach().view(DEPTH, 2, HIDDEN).unbind(1)
    assert (of_h == 0).all()
    assert (of_t == -2).all()


def test_a_carry_gate_of_its_own_starts_as_if_it_were_coupled() -> None:
    bias = HighwayLayer(INPUTS, HIDDEN, DEPTH, coupled=False).bias.detach().view(DEPTH, 3, HIDDEN)
    assert bias.mean((0, 2)).tolist() == [0, -2, 2]
    assert sigmoid(np.array(2.0)) == pytest.approx(1 - sigmoid(np.array(-2.0)))


@pytest.mark.parametrize("name", LAYERS)
def test_the_initial_state_is_zero(name: str) -> None:
    layer, x, state, _ = drawn(name)
    zeros = layer.initial_state(x)
    assert [part.shape for part in zeros] == [part.shape for part in state]
    assert not any(part.any() for part in zeros)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_outputs_and_states_stay_in_float32_where_products_are_in_bfloat16(name: str, masked: bool) -> None:
    layer, x, _, mask = drawn(name)
    layer, x = layer.float(), x.float()
    with torch.autocast("cpu", torch.bfloat16):
        outputs, state = layer(x.bfloat16(), layer.initial_state(x.bfloat16()), mask.float() if masked else None)
        outputs, state = layer(outputs[..., :INPUTS], state, mask.float() if masked else None)
    assert {tensor.dtype for tensor in (outputs, *state)} == {torch.float32}
