"""The paper's space of recurrent cells (section 3.4, figure 5)."""

from collections.abc import Iterable, Sequence

from netwright.architectures.recurrent import CellNode, RecurrentCell
from netwright.errors import SpaceError
from netwright.spaces.decisions import Answer, Choice
from netwright.spaces.programs import Program, space


def _answers(cell: RecurrentCell, **_: object) -> Iterable[Answer]:
    """Yield the answers that lead to `cell`: its fields are in the order of the decisions."""
    if not isinstance(cell, RecurrentCell):
        raise SpaceError(f"the recurrent space contains RecurrentCells; got {cell!r}")
    for node in (*cell.nodes, cell.inject):
        yield node.combination
        yield node.activation
    yield cell.read_index
    yield cell.inject_index


def _size(*, base: int, combinations: Sequence[str], activations: Sequence[str]) -> int:
    """Count: the options of every node and of the injection, times those of the two indices."""
    num_nodes = 2 * base - 1
    return int((len(combinations) * len(activations)) ** (num_nodes + 1) * num_nodes**2)


@space(answers=_answers, size=_size, fixed=lambda **_: True)
def recurrent_cell(
    base: int = 8,
    *,
    combinations: Sequence[str] = ("add", "elem_mult"),
    activations: Sequence[str] = ("identity", "tanh", "sigmoid", "relu"),
) -> Program[RecurrentCell]:
    """The space of cells with `base` leaves, decided in the order of the paper's figure 5.

    The decisions are a combination and an activation for each node, the same two for the injection of the previous
    cell state, then the node whose value becomes the new cell state and the node where the previous one is injected,
    both among all nodes. The paper's size of the space, 6e16 at base 8, is the size of this one.

    All nodes share two decision names, hence the controller's softmax and embeddings. The injection, whose operand is a
    cell state, has its own names.

    Args:
        base: leaves of the tree, 2 or more.
        combinations: options of a combination; the extra experiment of section 4.2 adds "max".
        activations: options of an activation; the same experiment adds "sin".
    """
    if not isinstance(base, int) or base < 2:
        raise SpaceError(
            f"the base of a recurrent cell, the number of its leaves, must be a whole number, 2 or more; got {base!r}. "
            "The paper uses base 8"
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
