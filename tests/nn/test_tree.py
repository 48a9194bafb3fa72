"""The fast form of a layer of cells equals the plain one: outputs, states, and the gradient of everything."""

import random

import pytest
import torch
from torch import Tensor

from netwright.architectures.published import nas_cell
from netwright.nn import fused, products
from netwright.nn.tree import TreeLayer
from oracles.recurrent_cells import random_cell, reference_layer


def drawn(seed: int) -> tuple[TreeLayer, Tensor, Tensor, Tensor, Tensor | None]:
    """A layer of a random cell, inputs, an initial state that is sometimes zero, and sometimes a mask."""
    generator = random.Random(seed)
    torch.manual_seed(seed)
    steps, batch, inputs, hidden = (generator.randint(1, 5) for _ in range(4))
    layer = TreeLayer(random_cell(generator), inputs, hidden, bias=generator.random() < 0.5).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_()
    x = torch.randn(steps, batch, inputs, dtype=torch.float64)
    h, c = torch.randn(2, batch, hidden, dtype=torch.float64) * (generator.random() < 0.7)
    mask = torch.randint(0, 2, (batch, hidden)).double() / 0.5 if generator.random() < 0.5 else None
    return layer, x, h, c, mask


def with_gradients(results: tuple[Tensor, Tensor, Tensor], leaves: list[Tensor], weights: list[Tensor]) -> list[Tensor]:
    total = torch.stack([(result * weight).sum() for result, weight in zip(results, weights, strict=True)]).sum()
    return [*results, *torch.autograd.grad(total, leaves, materialize_grads=True)]


@pytest.mark.parametrize("seed", range(200))
def test_the_fast_form_of_any_cell_equals_the_plain_one(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused, "CACHE_BYTES", random.Random(seed).choice((0, 2000, 2**20)))
    layer, x, h, c, mask = drawn(seed)
    leaves = [tensor.requires_grad_() for tensor in (x, h, c)] + list(layer.parameters())
    expected_results = reference_layer(layer, x, h, c, mask)
    weights = [torch.randn_like(result) for result in expected_results]
    expected = with_gradients(expected_results, leaves, weights)
    outputs, (last, memory) = layer(x, (h, c), mask)
    torch.testing.assert_close(
        with_gradients((outputs, last, memory), leaves, weights), expected, rtol=1e-9, atol=1e-10
    )


def test_products_in_bfloat16_keep_the_rest_in_float32() -> None:
    torch.manual_seed(0)
    layer = TreeLayer(nas_cell(), 16, 12)
    x = torch.randn(10, 4, 16, requires_grad=True)
    state = layer.initial_state(x)
    exact, _ = layer(x, state)
    (right,) = torch.autograd.grad(exact.sum(), layer.weight_hh)
    with torch.autocast("cpu", torch.bfloat16):
        outputs, (h, c) = layer(x, state)
    gradient_x, gradient = torch.autograd.grad(outputs.sum(), (x, layer.weight_hh))
    assert {tensor.dtype for tensor in (outputs, h, c, gradient_x, gradient)} == {torch.float32}
    assert not torch.equal(outputs, exact)
    torch.testing.assert_close(outputs, exact, rtol=0, atol=0.02)
    assert torch.linalg.norm(gradient - right) < 0.05 * torch.linalg.norm(right)


@pytest.mark.parametrize("steps", [3, 20])
def test_the_way_of_float32_equals_that_of_float64(steps: int) -> None:
    """In float32 another library multiplies, from some number of steps on with weights that it lays out itself."""
    torch.manual_seed(0)
    layer = TreeLayer(nas_cell(), 16, 24, bias=True)
    x = torch.randn(steps, 4, 16)
    results = []
    for precision in (torch.float64, torch.float32):
        layer, inputs = layer.to(precision), x.to(precision).requires_grad_()
        outputs, _ = layer(inputs, layer.initial_state(inputs))
        gradients = torch.autograd.grad(outputs.sum(), [inputs, *layer.parameters()])
        results.append([tensor.double() for tensor in (outputs, *gradients)])
    torch.testing.assert_close(results[1], results[0], rtol=1e-4, atol=1e-4)


def test_a_torch_without_the_operations_of_onednn_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    layer, x = TreeLayer(nas_cell(), 16, 24), torch.randn(20, 4, 16)
    expected, _ = layer(x, layer.initial_state(x))

    def missing(*arguments: object) -> None:
        raise AttributeError("no such operation")

    monkeypatch.setattr(products, "_by_onednn", missing)
    products._has_onednn.cache_clear()
    try:
        assert not products._has_onednn(torch.float32)
        torch.testing.assert_close(layer(x, layer.initial_state(x))[0], expected, rtol=1e-5, atol=1e-6)
    finally:
        products._has_onednn.cache_clear()
