"""The paper's space of recurrent cells (section 3.4): trees of base B, 34 decisions at base 8."""

from collections.abc import Generator, Iterable, Sequence
from typing import Any

from netwright.architectures.recurrent import CellNode, RecurrentCell
from netwright.errors import SpaceError
from netwright.spaces.decisions import Answer, Choice, Decision
from netwright.spaces.programs import space


def _answers(cell: RecurrentCell, **_: Any) -> Iterable[Answer]:
    """The way back: the fields of a cell stand in the order of the decisions."""
    if not isinstance(cell, RecurrentCell):
        raise SpaceError(f"the space of recurrent cells is one of RecurrentCells; got {cell!r}")
    for node in (*cell.nodes, cell.inject):
        yield node.combination
        yield node.activation
    yield cell.read_index
    yield cell.inject_index


def _size(*, base: int, combinations: Sequence[str], activations: Sequence[str]) -> int:
    """Every node and the injection alike, times two indices over all nodes."""
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

    At base 8 there are 8^16 * 15^2 = 6.3e16 cells, the paper's "6 x 10^16". Its extra experiment adds "max" to the
    combinations and "sin" to the activations (section 4.2).

    Deviation: the paper does not say which nodes the two cell indices range over. Here all of them, the only reading
    that gives its number of cells.
    """
    if type(base) is not int or base < 2:
        raise SpaceError(f"base is the number of leaves, 2 or more (the paper has 8); got {base!r}")
    num_nodes = 2 * base - 1
    nodes: list[CellNode] = []
    for _ in range(num_nodes):
        combination = yield Choice("combination", combinations)
        activation = yield Choice("activation", activations)
        nodes.append(CellNode(combination, activation))
    inject_combination = yield Choice("inject_combination", combinations)
    inject_activation = yield Choice("inject_activation", activations)
    read_index = yield Choice("read_index", tuple(range(num_nodes)))
    inject_index = yield Choice("inject_index", tuple(range(num_nodes)))
    return RecurrentCell(tuple(nodes), CellNode(inject_combination, inject_activation), read_index, inject_index)
