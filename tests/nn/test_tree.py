"""The fast form of a layer of cells equals the plain one: outputs, states, and the gradient of everything."""

import random

import pytest
import torch
from torch import Tensor

from netwright.nn import fused
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
