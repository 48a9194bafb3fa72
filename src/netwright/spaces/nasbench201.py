"""The space of NAS-Bench-201 (X. Dong & Y. Yang, 2020, arXiv 2001.00326): one of five operations on six edges."""

from collections.abc import Generator, Iterable
from typing import Any

from netwright.architectures.nasbench201 import EDGES, OPERATIONS, NasBench201Cell
from netwright.errors import SpaceError
from netwright.spaces.decisions import Answer, Choice, Decision
from netwright.spaces.programs import space


def _answers(cell: NasBench201Cell) -> Iterable[Answer]:
    """The way back: a cell's operations stand in the order of the decisions."""
    if not isinstance(cell, NasBench201Cell):
        raise SpaceError(f"the space of NAS-Bench-201 is one of NasBench201Cells; got {cell!r}")
    return cell.operations


@space(answers=_answers, size=lambda: len(OPERATIONS) ** len(EDGES))
def nasbench201() -> Generator[Decision, Any, NasBench201Cell]:
    """A cell of 15,625, edge by edge.

    Every edge has a decision name of its own, such as `operation_2_1` for what node 2 reads of node 1: one operation
    means different things on different edges.
    """
    operations = []
    for node, read in EDGES:
        operations.append((yield Choice(f"operation_{node}_{read}", OPERATIONS)))
    return NasBench201Cell(tuple(operations))
