"""Recurrent cells as values: the trees of the paper's section 3.4, without any tensor."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from netwright.errors import SpaceError, unknown

COMBINATIONS = ("add", "elem_mult", "max")
"""How a node joins its two inputs; "max" is of the extra experiment of section 4.2."""
ACTIVATIONS = ("identity", "tanh", "sigmoid", "relu", "sin")
"""What a node applies to the joined inputs; "sin" is of the extra experiment too."""


@dataclass(frozen=True)
class CellNode:
    """One node: `activation`(`combination`(left, right))."""

    combination: str
    activation: str

    def __post_init__(self) -> None:
        if self.combination not in COMBINATIONS:
            raise SpaceError(unknown("combination", str(self.combination), COMBINATIONS))
        if self.activation not in ACTIVATIONS:
            raise SpaceError(unknown("activation", str(self.activation), ACTIVATIONS))

    def __str__(self) -> str:
        return f"{self.combination},{self.activation}"


@dataclass(frozen=True)
class RecurrentCell:
    """A cell of base B: nodes 0..B-1 are leaves, nodes B..2B-2 join two earlier ones each, the last one is the root.

    Leaf i joins W_i^x x_t and W_i^h h_{t-1}, each with a matrix of its own; internal nodes have no weights. With z_i
    what node i joins and a_i what it passes on:

        a_i = activation_i(z_i)
        a_i = activation_inject(combination_inject(a_i, c_{t-1}))   at i = inject_index, and the parents see this one
        h_t = a_root,  c_t = z_i at i = read_index

    Paper: section 3.4, figure 5; the order of its tokens is that of the fields.
    """

    nodes: tuple[CellNode, ...]
    inject: CellNode
    read_index: int
    """The node whose value before its activation is the next cell state: the first cell index."""
    inject_index: int
    """The node that the previous cell state is injected at: the second cell index."""

    def __post_init__(self) -> None:
        count = len(self.nodes)
        if count < 3 or count % 2 == 0:
            raise SpaceError(f"a RecurrentCell of base B has 2 B - 1 nodes, base 2 or more; got {count} nodes")
        for name in ("read_index", "inject_index"):
            index = getattr(self, name)
            if type(index) is not int or not 0 <= index < count:
                raise SpaceError(f"{name} is the index of a node, 0..{count - 1}; got {index!r}")

    @property
    def base(self) -> int:
        """The number of leaves."""
        return (len(self.nodes) + 1) // 2

    def children(self, index: int) -> tuple[int, int]:
        """The two nodes that the internal node `index` joins: 8 = (0, 1), 9 = (2, 3), ... at base 8."""
        left = 2 * (index - self.base)
        return left, left + 1

    def __str__(self) -> str:
        nodes = " ".join(map(str, self.nodes))
        return f"{nodes} inject {self.inject}@{self.inject_index} read {self.read_index}"


def recurrent_cell_from_json(document: Mapping[str, Any]) -> RecurrentCell:
    """The cell that `to_json` wrote; `SpaceError` says what does not belong there."""
    try:
        nodes = tuple(_node(entry) for entry in document["nodes"])
        return RecurrentCell(nodes, _node(document["inject"]), document["read_index"], document["inject_index"])
    except (KeyError, TypeError, AttributeError) as error:
        raise SpaceError(
            f"not the JSON of a RecurrentCell ({error}); expected what to_json(RecurrentCell) writes"
        ) from None


def _node(entry: Mapping[str, Any]) -> CellNode:
    return CellNode(**{name: value for name, value in entry.items() if name != "type"})
