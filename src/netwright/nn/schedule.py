"""Which nodes of a cell can be computed together: levels of the tree, and runs of neighbours that do the same."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from netwright.architectures.recurrent import RecurrentCell


def levels(cell: RecurrentCell) -> Iterator[range]:
    """Ranges of nodes, leaves first, each of which joins nodes of earlier ranges alone."""
    level = range(cell.base)
    while level:
        yield level
        stop = level.stop
        while stop < len(cell.nodes) and cell.children(stop)[1] < level.stop:
            stop += 1
        level = range(level.stop, stop)


def levels_back(cell: RecurrentCell) -> Iterator[range]:
    """Ranges of internal nodes, the root first, each of which has its parents in earlier ranges alone."""
    level = range(len(cell.nodes) - 1, len(cell.nodes))
    while level:
        yield level
        level = range(max(cell.base, cell.children(level.start)[0]), level.start)


def children_of(cell: RecurrentCell, parents: range) -> range:
    """What consecutive internal nodes join."""
    return range(cell.children(parents.start)[0], cell.children(parents[-1])[1] + 1)


def runs(names: Sequence[str], level: range) -> Iterator[tuple[str, range]]:
    """The longest ranges within `level` whose nodes have one name."""
    for name, run in groupby(level, lambda index: names[index]):
        indices = list(run)
        yield name, range(indices[0], indices[-1] + 1)


def special_leaves(cell: RecurrentCell) -> list[int]:
    """The leaves that do not add, for which the two products have gradients of their own."""
    return [index for index in range(cell.base) if cell.nodes[index].combination != "add"]
