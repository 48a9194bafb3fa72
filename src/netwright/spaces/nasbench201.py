"""The space of NAS-Bench-201 (X. Dong & Y. Yang, 2020, arXiv 2001.00326): one of five operations on six edges."""

from collections.abc import Iterable

from netwright.architectures.nasbench201 import EDGES, OPERATIONS, NasBench201Cell
from netwright.errors import SpaceError
from netwright.spaces.decisions import Answer, Choice
from netwright.spaces.programs import Program, space


def _answers(cell: NasBench201Cell) -> Iterable[Answer]:
    """Return the answers that lead to `cell`: its operations are in the order of the decisions."""
    if not isinstance(cell, NasBench201Cell):
        raise SpaceError(f"the space of NAS-Bench-201 contains NasBench201Cells; got {cell!r}")
    return cell.operations


@space(answers=_answers, size=lambda: len(OPERATIONS) ** len(EDGES), fixed=lambda: True)
def nasbench201() -> Program[NasBench201Cell]:
    """The space of the 15,625 cells, one decision for each edge.

    Every edge has its own decision name, such as `operation_2_1` for the edge from node 1 to node 2, because the same
    operation has different effects on different edges.
    """
    operations = []
    for node, read in EDGES:
        operations.append((yield Choice(f"operation_{node}_{read}", OPERATIONS)))
    return NasBench201Cell(tuple(operations))
