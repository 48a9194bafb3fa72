"""The published cells as modules: their equations in numpy, torch's LSTM, the conventions of torch's own modules."""

import numpy as np
import pytest
import torch
from torch import nn

from netwright.architectures.recurrent import CellNode, RecurrentCell
from netwright.errors import ConfigError
from netwright.nn import NAS, NASCell, NASMax, NASMaxCell, Recurrent, RecurrentStep
from netwright.nn.tree import TreeLayer
from netwright.zoo import lstm_cell, max_cell, nas_cell

T, B, X, H = 7, 3, 5, 4


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def relu(z):
    return np.maximum(z, 0)


def tensorflow_nas(x, m, c, kernel, recurrent_kernel, bias):
    """One step by the released equations; the new (m, c)."""
    u = np.split(x @ kernel, 8, axis=1)
    v = np.split(m @ recurrent_kernel + bias, 8, axis=1)
    l0, l1, l2, l3 = sigmoid(u[0] + v[0]), relu(u[1] + v[1]), sigmoid(u[2] + v[2]), relu(u[3] * v[3])
    l4, l5, l6, l7 = np.tanh(u[4] + v[4]), sigmoid(u[5] + v[5]), np.tanh(u[6] + v[6]), sigmoid(u[7] + v[7])
    p0, p1, p2, p3 = np.tanh(l0 * l1), np.tanh(l2 + l3), np.tanh(l4 * l5), sigmoid(l6 + l7)
    new_c = np.tanh(p0 + c) * p1
    return np.tanh(new_c * np.tanh(p2 + p3)), new_c


@pytest.mark.parametrize("biased", [False, True])
def test_the_cell_of_tensorflow_is_taken_over_with_its_weights(biased):
    rng = np.random.default_rng(0)
    kernel, recurrent_kernel = rng.normal(size=(X, 8 * H)), rng.normal(size=(H, 8 * H))
    bias = rng.normal(size=8 * H) if biased else None
    cell = NASCell.from_tensorflow(kernel, recurrent_kernel, bias)
    x, m, c = rng.normal(size=(B, X)), rng.normal(size=(B, H)), rng.normal(size=(B, H))
    expected = tensorflow_nas(x, m, c, kernel, recurrent_kernel, np.zeros(8 * H) if bias is None else bias)
    got = cell(torch.tensor(x), (torch.tensor(m), torch.tensor(c)))
    for ours, theirs in zip(got, expected, strict=True):
        np.testing.assert_allclose(ours.detach().numpy(), theirs, rtol=1e-10)
    assert sum(parameter.numel() for parameter in cell.parameters()) == 8 * H * (X + H) + 8 * H * biased


def test_weights_of_another_shape_are_refused():
    with pytest.raises(ConfigError, match=r"expected a kernel \[I, 8 H\].*got \(5, 32\), \(4, 31\) and None"):
        NASCell.from_tensorflow(np.zeros((5, 32)), np.zeros((4, 31)))


def test_the_example_of_the_paper_by_hand():
    """Section 3.4: h' = sigmoid(relu(tanh(W1 x + W2 h) + c) * relu(c')) with c' = (W3 x) * (W4 h)."""
    nodes = (CellNode("add", "tanh"), CellNode("elem_mult", "relu"), CellNode("elem_mult", "sigmoid"))
    step = RecurrentStep(RecurrentCell(nodes, CellNode("add", "relu"), read_index=1, inject_index=0), X, H).double()
    rng = np.random.default_rng(1)
    x, h, c = rng.normal(size=(B, X)), rng.normal(size=(B, H)), rng.normal(size=(B, H))
    w, u = step.layer.weight_ih.detach().numpy(), step.layer.weight_hh.detach().numpy()
    product = (x @ w[H:].T) * (h @ u[H:].T)
    injected = relu(np.tanh(x @ w[:H].T + h @ u[:H].T) + c)
    new_h, new_c = step(torch.tensor(x), (torch.tensor(h), torch.tensor(c)))
    np.testing.assert_allclose(new_c.detach().numpy(), product, rtol=1e-10)
    np.testing.assert_allclose(new_h.detach().numpy(), sigmoid(injected * relu(product)), rtol=1e-10)


def test_the_lstm_of_the_space_is_torchs_without_bias():
    torch.manual_seed(0)
    ours, theirs = TreeLayer(lstm_cell(), X, H).double(), nn.LSTM(X, H, bias=False).double()
    leaves = {0: 2, 1: 0, 2: 1, 4: 3}  # leaf -> torch's gate: g, i, f, o of i, f, g, o
    with torch.no_grad():
        for name, weight in (("weight_ih", theirs.weight_ih_l0), ("weight_hh", theirs.weight_hh_l0)):
            mine = getattr(ours, name)
            mine.zero_()
            for leaf, gate in leaves.items():
                mine[leaf * H : (leaf + 1) * H] = weight[gate * H : (gate + 1) * H]
    x = torch.randn(T, B, X, dtype=torch.float64)
    state = torch.randn(2, B, H, dtype=torch.float64)
    down = torch.randn(T, B, H, dtype=torch.float64)
    results = []
    for module in (ours, theirs):
        read, h, c = (tensor.clone().requires_grad_() for tensor in (x, state[0], state[1]))
        output, (h_n, c_n) = module(read, (h, c) if module is ours else (h[None], c[None]))
        ((output * down).sum() + (h_n.sum() + 2 * c_n.sum())).backward()
        weights = [module.weight_ih, module.weight_hh] if module is ours else [module.weight_ih_l0, module.weight_hh_l0]
        results.append((output, h_n.reshape(B, H), c_n.reshape(B, H), read.grad, h.grad, c.grad, weights))
    for mine, other in zip(results[0][:6], results[1][:6], strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-10, atol=1e-10)
    for mine, other in zip(results[0][6], results[1][6], strict=True):
        for leaf, gate in leaves.items():
            rows, gates = (
                mine.grad[leaf * H : (leaf + 1) * H],
                other.grad[gate * H : (gate + 1) * H],
            )
            torch.testing.assert_close(rows, gates, rtol=1e-10, atol=1e-10)


# The conventions of nn.LSTM -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("num_layers", [1, 3])
def test_it_is_called_as_torchs_lstm_is(num_layers):
    torch.manual_seed(0)
    module, torchs = NAS(X, H, num_layers), nn.LSTM(X, H, num_layers)
    for shape in ((T, B, X), (T, X)):
        x = torch.randn(shape)
        ours, theirs = module(x), torchs(x)
        assert [ours[0].shape, *(s.shape for s in ours[1])] == [theirs[0].shape, *(s.shape for s in theirs[1])]
    x = torch.randn(T, B, X)
    output, (h, c) = module(x)
    torch.testing.assert_close(output[-1], h[-1])
    single, (h_single, _) = module(x[:, 1])
    torch.testing.assert_close(single, output[:, 1])
    torch.testing.assert_close(h_single, h[:, 1])
    first = NAS(X, H, num_layers, batch_first=True)
    first.load_state_dict(module.state_dict())
    torch.testing.assert_close(first(x.transpose(0, 1))[0].transpose(0, 1), output)
    begun, state = module(x[:3])
    ended, (h_again, c_again) = module(x[3:], state)
    torch.testing.assert_close(torch.cat([begun, ended]), output)
    torch.testing.assert_close((h_again, c_again), (h, c))


def test_the_layers_are_those_of_the_oracle():
    torch.manual_seed(0)
    module = NASMax(X, H, num_layers=2, bias=True)
    x = torch.randn(T, B, X)
    between, _ = module.layers[0](x, module.layers[0].initial_state(x))
    output, (h, c) = module.layers[1](between, module.layers[1].initial_state(between))
    torch.testing.assert_close(module(x)[0], output)
    torch.testing.assert_close(module(x)[1][1][1], c)
    torch.testing.assert_close(h, output[-1])


def test_dropout_lies_between_layers_and_acts_in_training_only():
    torch.manual_seed(0)
    module, x = NAS(X, H, num_layers=2, dropout=0.5), torch.randn(T, B, X)
    assert not torch.equal(module(x)[0], module(x)[0])
    module.eval()
    assert torch.equal(module(x)[0], module(x)[0])
    single = NAS(X, H, dropout=0.5)
    assert torch.equal(single(x)[0], single(x)[0])


@pytest.mark.parametrize(("step", "layers"), [(NASCell, NAS), (NASMaxCell, NASMax)])
def test_steps_one_by_one_are_the_sequence(step, layers):
    torch.manual_seed(0)
    cell, module = step(X, H), layers(X, H)
    module.layers[0].load_state_dict(cell.layer.state_dict())
    x, state, outputs = torch.randn(T, B, X), None, []
    for now in x:
        state = cell(now, state)
        outputs.append(state[0])
    torch.testing.assert_close(torch.stack(outputs), module(x)[0])
    alone = cell(x[0, 1])
    torch.testing.assert_close(alone[0], outputs[0][1])


def test_wrong_sizes_are_explained():
    with pytest.raises(ConfigError, match=r"expected sequences of 5 numbers in 2 or 3 dimensions, got \[7, 3, 4\]"):
        NAS(X, H)(torch.zeros(T, B, H))
    with pytest.raises(ConfigError, match="num_layers 0"):
        Recurrent(max_cell(), X, H, num_layers=0)
    assert "num_layers=2, bias=True" in repr(NAS(X, H, 2, bias=True))
    assert NAS(X, H).cell == nas_cell()
