"""The paper's space of recurrent cells (section 3.4, figure 5)."""

from collections.abc import Generator, Iterable, Sequence
from typing import Any

from netwright.architectures.recurrent import CellNode, RecurrentCell
from netwright.errors import SpaceError
from netwright.spaces.decisions import Answer, Choice, Decision
from netwright.spaces.programs import space


def _answers(cell: RecurrentCell, **_: Any) -> Iterable[Answer]:
    """The way back: a cell's fields stand in the order of the decisions."""
    if not isinstance(cell, RecurrentCell):
        raise SpaceError(f"the recurrent space is one of RecurrentCells; got {cell!r}")
    for node in (*cell.nodes, cell.inject):
        yield node.combination
        yield node.activation
    yield cell.read_index
    yield cell.inject_index


def _size(*, base: int, combinations: Sequence[str], activations: Sequence[str]) -> int:
    """Every node and the injection alike, times the two indices."""
    num_nodes = 2 * base - 1
    return int((len(combinations) * len(activations)) ** (num_nodes + 1) * num_nodes**2)


@space(answers=_answers, size=_size)
def recurrent_cell(
    base: int = 8,
    *,
    combinations: Sequence[str] = ("add", "elem_mult"),
    activations: Sequence[str] = ("identity", "tanh", "sigmoid", "relu"),
) -> Generator[Decision, Any, RecurrentCell]:
    """A cell with `base` leaves; the order of decisions is that of the paper's figure 5.

    For each node a combination and an activation, the same two for the injection of the old cell state, then the node
    where the new cell state is read and the node where the old one is injected, both among all nodes. The paper's
    size, 6e16 at base 8, is that of this range. Combination "max" and activation "sin" are those of the extra
    experiment of section 4.2.

    All nodes share the two decision names, hence the controller's softmax and embeddings; the injection, which
    joins another kind of value, has names of its own.
    """
    if not isinstance(base, int) or base < 2:
        raise SpaceError(
            f"the base of a recurrent cell, the number of its leaves, is a whole number, 2 or more; got {base!r}. "
            "The paper searches at base 8"
        )
    num_nodes = 2 * base - 1
    nodes: list[CellNode] = []
    for _ in range(num_nodes):
        combination = yield Choice("combination", combinations)
        activation = yield Choice("activation", activations)
        nodes.append(CellNode(combination, activation))
    combination = yield Choice("inject_combination", combinations)
    activation = yield Choice("inject_activation", activations)
    read_index = yield Choice("read_index", range(num_nodes))
    inject_index = yield Choice("inject_index", range(num_nodes))
    return RecurrentCell(tuple(nodes), CellNode(combination, activation), read_index, inject_index)
