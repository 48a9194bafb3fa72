"""Random recurrent cells, and layers written as plain loops."""

import random
from typing import Any

import torch
from torch import Tensor

from netwright.architectures.recurrent import ACTIVATIONS, COMBINATIONS, CellNode, RecurrentCell
from oracles.recurrent_reference import reference_step


def random_cell(generator: random.Random) -> RecurrentCell:
    """Any base from 2 to 8, any combination and activation, indices anywhere, often at one node or at the root."""
    base = generator.randint(2, 8)
    count = 2 * base - 1
    nodes = tuple(CellNode(generator.choice(COMBINATIONS), generator.choice(ACTIVATIONS)) for _ in range(count))
    inject = CellNode(generator.choice(COMBINATIONS), generator.choice(ACTIVATIONS))
    read, injected = generator.randrange(count), generator.randrange(count)
    special = generator.randrange(9)
    if special == 0:
        injected = read
    elif special == 1:
        read = count - 1
    elif special == 2:
        injected = count - 1
    return RecurrentCell(nodes, inject, read, injected)


def reference_layer(layer: Any, x: Tensor, h: Tensor, c: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """What a `TreeLayer` computes, one plain step after the other: outputs, h and c after the last step."""
    base = layer.cell.base
    outputs = []
    for x_t in x:
        u = x_t @ layer.weight_ih.T
        v = (h if mask is None else h * mask) @ layer.weight_hh.T
        if layer.bias is not None:
            v = v + layer.bias
        h, c = reference_step(layer.cell, u.chunk(base, 1), v.chunk(base, 1), c)
        outputs.append(h)
    return torch.stack(outputs), h, c
