"""Published cells against their equations in numpy, and against torch's own LSTM."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netwright.architectures.published import lstm_cell
from netwright.architectures.recurrent import CellNode, RecurrentCell
from netwright.errors import ConfigError
from netwright.nn import NAS, NASCell, NASMaxCell, Recurrent, RecurrentStep

Array = NDArray[np.float64]
STEPS, BATCH, INPUTS, HIDDEN = 4, 3, 5, 6


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


def released_nas_cell(u: list[Array], v: list[Array], c: Array) -> tuple[Array, Array]:
    """The equations of TensorFlow's NASCell."""
    l0, l2, l5, l7 = (sigmoid(u[k] + v[k]) for k in (0, 2, 5, 7))
    l1, l3 = relu(u[1] + v[1]), relu(u[3] * v[3])
    l4, l6 = np.tanh(u[4] + v[4]), np.tanh(u[6] + v[6])
    c = np.tanh(np.tanh(l0 * l1) + c) * np.tanh(l2 + l3)
    return np.tanh(c * np.tanh(np.tanh(l4 * l5) + sigmoid(l6 + l7))), c


def drawn_max_cell(u: list[Array], v: list[Array], c: Array) -> tuple[Array, Array]:
    """Figure 8, bottom, by the letters of its leaves from left to right; here they stand as B, C, E, F, A, D, G, H."""
    at = dict(zip("BCEFADGH", range(8), strict=True))
    leaf_a, leaf_b, leaf_e = (np.tanh(u[at[name]] + v[at[name]]) for name in "ABE")
    leaf_c, leaf_d = u[at["C"]] + v[at["C"]], relu(u[at["D"]] + v[at["D"]])
    leaf_f, leaf_g = np.tanh(np.maximum(u[at["F"]], v[at["F"]])), np.maximum(u[at["G"]], v[at["G"]])
    leaf_h = np.tanh(np.maximum(u[at["H"]], v[at["H"]])) + c
    gate = sigmoid(sigmoid(leaf_b + leaf_c) * sigmoid(leaf_e + leaf_f))
    c = sigmoid(leaf_a + leaf_d) * (leaf_g + leaf_h)
    return np.tanh(gate * c), c


@pytest.mark.parametrize(("module", "equations"), [(NASCell, released_nas_cell), (NASMaxCell, drawn_max_cell)])
@pytest.mark.parametrize("bias", [False, True])
def test_the_published_cells_are_their_equations(module: Any, equations: Any, bias: bool) -> None:
    torch.manual_seed(0)
    cell = module(INPUTS, HIDDEN, bias=bias).double()
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.normal_()
    x, h, c = (torch.randn(BATCH, size, dtype=torch.float64) for size in (INPUTS, HIDDEN, HIDDEN))
    u = np.split(x.numpy() @ cell.layer.weight_ih.detach().numpy().T, 8, axis=1)
    v = h.numpy() @ cell.layer.weight_hh.detach().numpy().T
    if bias:
        v = v + cell.layer.bias.detach().numpy()
    expected = equations(u, np.split(v, 8, axis=1), c.numpy())
    for result, right in zip(cell(x, (h, c)), expected, strict=True):
        np.testing.assert_allclose(result.detach().numpy(), right, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("bias", [False, True])
def test_weights_of_tensorflow_are_taken_over(bias: bool) -> None:
    generator = np.random.default_rng(0)
    kernel, recurrent = generator.normal(size=(INPUTS, 8 * HIDDEN)), generator.normal(size=(HIDDEN, 8 * HIDDEN))
    shift = generator.normal(size=8 * HIDDEN) if bias else None
    x, h, c = (generator.normal(size=(BATCH, size)) for size in (INPUTS, HIDDEN, HIDDEN))
    v = h @ recurrent + (0 if shift is None else shift)
    expected = released_nas_cell(np.split(x @ kernel, 8, axis=1), np.split(v, 8, axis=1), c)
    cell = NASCell.from_tensorflow(kernel, recurrent, shift)
    results = cell(torch.tensor(x), (torch.tensor(h), torch.tensor(c)))
    for result, right in zip(results, expected, strict=True):
        np.testing.assert_allclose(result.detach().numpy(), right, rtol=1e-12, atol=1e-12)


def test_kernels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"kernel has shape \[5, 40\]; with 6 units it must be \[5, 48\]"):
        NASCell.from_tensorflow(np.zeros((5, 40)), np.zeros((6, 48)))


def test_the_example_of_base_2_by_hand() -> None:
    cell = RecurrentCell(
        (CellNode("add", "tanh"), CellNode("elem_mult", "relu"), CellNode("elem_mult", "sigmoid")),
        inject=CellNode("add", "relu"),
        read_index=1,
        inject_index=0,
    )
    step = RecurrentStep(cell, 1, 1).double()
    step.layer.load_state_dict({"weight_ih": torch.tensor([[0.5], [2.0]]), "weight_hh": torch.tensor([[-1.0], [0.25]])})
    h, c = step(torch.tensor([3.0], dtype=torch.float64), torch.tensor([[2.0], [0.7]], dtype=torch.float64).unbind(0))
    # a0 = tanh(1.5 - 2), then relu(a0 + 0.7); the product 6 * 0.5 of leaf 1 is the next c.
    expected_h = 1 / (1 + np.exp(-(np.tanh(-0.5) + 0.7) * 3.0))
    assert c.item() == pytest.approx(3.0)
    assert h.item() == pytest.approx(expected_h)


def test_the_cell_that_is_an_lstm_equals_torchs_with_all_gradients() -> None:
    torch.manual_seed(0)
    theirs = nn.LSTM(INPUTS, HIDDEN, bias=False, dtype=torch.float64)
    ours = Recurrent(lstm_cell(), INPUTS, HIDDEN).double()
    g, i, f, o = 0, 1, 2, 4
    with torch.no_grad():
        for name, parameter in ours.layers[0].named_parameters():
            parameter.zero_()
            for leaf, rows in zip((i, f, g, o), getattr(theirs, f"{name}_l0").chunk(4), strict=True):
                parameter[leaf * HIDDEN : (leaf + 1) * HIDDEN] = rows
    x = torch.randn(STEPS, BATCH, INPUTS, dtype=torch.float64, requires_grad=True)
    state = tuple(torch.randn(1, BATCH, HIDDEN, dtype=torch.float64, requires_grad=True) for _ in range(2))

    def results_and_gradients(module: nn.Module) -> list[Tensor]:
        output, (h, c) = module(x, state)
        total = (output * output.detach().cos()).sum() + h.sum() + (c**2).sum()
        return [output, h, c, *torch.autograd.grad(total, [x, *state, *module.parameters()])]

    *expected, by_ih, by_hh = results_and_gradients(theirs)
    *got, got_ih, got_hh = results_and_gradients(ours)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-10)
    for gradient, right in ((got_ih, by_ih), (got_hh, by_hh)):
        leaves = gradient.chunk(8)
        torch.testing.assert_close(torch.cat([leaves[k] for k in (i, f, g, o)]), right, rtol=0, atol=1e-10)


def test_the_number_of_parameters_is_that_of_the_paper() -> None:
    assert sum(parameter.numel() for parameter in NAS(7, 9).parameters()) == 8 * 9 * (7 + 9)
    assert sum(parameter.numel() for parameter in NAS(7, 9, bias=True).parameters()) == 8 * 9 * (7 + 9 + 1)
