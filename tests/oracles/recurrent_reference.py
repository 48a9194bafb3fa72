"""One step of a cell as plainly as it can be written: what every faster form must equal."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from netwright.architectures.recurrent import CellNode, RecurrentCell

COMBINE: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "add": torch.add,
    "elem_mult": torch.mul,
    "max": torch.maximum,
}
ACTIVATE: Mapping[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda z: z,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "sin": torch.sin,
}


def reference_step(cell: RecurrentCell, u: Sequence[Tensor], v: Sequence[Tensor], c: Tensor) -> tuple[Tensor, Tensor]:
    """h_t and c_t [B, H] from each leaf's W_i^x x_t in `u`, its W_i^h h_{t-1} in `v`, and c_{t-1}."""
    joined: list[Tensor] = []
    passed: list[Tensor] = []
    for index, node in enumerate(cell.nodes):
        if index < cell.base:
            left, right = u[index], v[index]
        else:
            left, right = (passed[child] for child in cell.children(index))
        joined.append(COMBINE[node.combination](left, right))
        passed.append(ACTIVATE[node.activation](joined[-1]))
        if index == cell.inject_index:
            passed[-1] = _apply(cell.inject, passed[-1], c)
    return passed[-1], joined[cell.read_index]


def _apply(node: CellNode, left: Tensor, right: Tensor) -> Tensor:
    return ACTIVATE[node.activation](COMBINE[node.combination](left, right))
