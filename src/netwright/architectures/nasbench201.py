"""The cells of NAS-Bench-201 (X. Dong & Y. Yang, 2020, arXiv 2001.00326) as values: five operations on six edges."""

from dataclasses import dataclass

from netwright.architectures.values import JsonObject, reading_json_of
from netwright.errors import SpaceError, unknown

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2))
"""(node, the earlier node that it reads), in the order in which the string form names them."""
FORM = "|op~0|+|op~0|op~1|+|op~0|op~1|op~2|"
LEGEND = "|conv~0|+|skip~0|pool~1|+...: what nodes 1, 2 and 3 of the cell read, by operation~node."
"""How to read the one-line notation of a cell."""


@dataclass(frozen=True)
class NasBench201Cell:
    """A cell of four nodes: node 0 is its input, every other node is the sum over its edges, node 3 is its output."""

    operations: tuple[str, ...]
    """One of `OPERATIONS` for each of `EDGES`, in that order."""

    def __post_init__(self) -> None:
        if len(self.operations) != len(EDGES):
            raise SpaceError(f"a NasBench201Cell has {len(EDGES)} operations, one an edge; got {self.operations!r}")
        for operation in self.operations:
            if operation not in OPERATIONS:
                raise SpaceError(unknown("operation", str(operation), OPERATIONS))

    def __str__(self) -> str:
        """The benchmark's own form: `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`."""
        a, b, c, d, e, f = self.operations
        return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"


def nasbench201_cell_from_string(text: str) -> NasBench201Cell:
    """Read a cell's string form, `FORM`; raise `SpaceError` for anything else."""
    # No operation has one of these characters in its name, so what is between them is an operation or a mistake.
    operations = tuple(edge.partition("~")[0] for node in text.split("+") for edge in node.strip("|").split("|"))
    if len(operations) == len(EDGES):
        cell = NasBench201Cell(operations)
        if str(cell) == text:
            return cell
    raise SpaceError(f"{text!r} is not the string of a NAS-Bench-201 cell; expected {FORM}")


def nasbench201_cell_from_json(document: JsonObject) -> NasBench201Cell:
    """Read the cell that `to_json` wrote; raise `SpaceError` for anything else."""
    with reading_json_of("NasBench201Cell"):
        return NasBench201Cell(tuple(document["operations"]))
