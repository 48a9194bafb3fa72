"""Which nodes of a cell are computed together: levels of the tree, and runs of neighbours with the same operation."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from netwright.architectures.recurrent import RecurrentCell


def levels(cell: RecurrentCell) -> Iterator[range]:
    """Yield ranges of nodes for the forward pass, leaves first; the children of a node are in earlier ranges."""
    level = range(cell.base)
    while level:
        yield level
        stop = level.stop
        while stop < len(cell.nodes) and cell.children(stop)[1] < level.stop:
            stop += 1
        level = range(level.stop, stop)


def levels_back(cell: RecurrentCell) -> Iterator[range]:
    """Yield ranges of internal nodes for the backward pass, root first; the parent of a node is in an earlier range."""
    level = range(len(cell.nodes) - 1, len(cell.nodes))
    while level:
        yield level
        level = range(max(cell.base, cell.children(level.start)[0]), level.start)


def children_of(cell: RecurrentCell, parents: range) -> range:
    """Return the range of the children of consecutive internal nodes."""
    return range(cell.children(parents.start)[0], cell.children(parents[-1])[1] + 1)


def runs(names: Sequence[str], level: range) -> Iterator[tuple[str, range]]:
    """Divide `level` into the longest ranges of nodes with equal names, given the name of every node."""
    for name, run in groupby(level, lambda index: names[index]):
        indices = list(run)
        yield name, range(indices[0], indices[-1] + 1)


def special_leaves(cell: RecurrentCell) -> list[int]:
    """Return the leaves whose combination is not "add": the gradients of their two products differ."""
    return [index for index in range(cell.base) if cell.nodes[index].combination != "add"]
