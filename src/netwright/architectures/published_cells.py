"""The recurrent cells that the paper publishes (figure 8), and the LSTM as a cell of the same space."""

from netwright.architectures.recurrent import CellNode, RecurrentCell


def nas_cell() -> RecurrentCell:
    """The cell of figure 8, top right: found on the Penn Treebank, known as NASCell in TensorFlow."""
    return RecurrentCell(
        nodes=(
            *_nodes("add,sigmoid add,relu add,sigmoid elem_mult,relu add,tanh add,sigmoid add,tanh add,sigmoid"),
            *_nodes("elem_mult,tanh add,tanh elem_mult,tanh add,sigmoid"),
            *_nodes("elem_mult,identity add,tanh"),
            *_nodes("elem_mult,tanh"),
        ),
        inject=CellNode("add", "tanh"),
        read_index=12,
        inject_index=8,
    )


def max_cell() -> RecurrentCell:
    """The cell of figure 8, bottom: found with "max" and "sin" among the options, of which it uses "max"."""
    # The figure shows its leaves in another order and combines the 2nd with the 3rd, 5th with 6th, 1st with 4th, 7th
    # with 8th. They are listed here in that order, so that the fixed tree combines neighbours.
    return RecurrentCell(
        nodes=(
            *_nodes("add,tanh add,identity add,tanh max,tanh add,tanh add,relu max,identity max,tanh"),
            *_nodes("add,sigmoid add,sigmoid add,sigmoid add,identity"),
            *_nodes("elem_mult,sigmoid elem_mult,identity"),
            *_nodes("elem_mult,tanh"),
        ),
        inject=CellNode("add", "identity"),
        read_index=13,
        inject_index=7,
    )


def lstm_cell() -> RecurrentCell:
    """An LSTM without biases if the matrices of leaves 3, 5, 6 and 7 are zero; otherwise these add to its gates."""
    return RecurrentCell(
        nodes=(
            *_nodes(
                "add,tanh add,sigmoid add,identity add,identity add,identity add,identity add,identity add,identity"
            ),
            *_nodes("elem_mult,identity add,sigmoid add,identity add,identity"),
            *_nodes("add,tanh add,sigmoid"),
            *_nodes("elem_mult,identity"),
        ),
        inject=CellNode("elem_mult", "identity"),
        read_index=12,
        inject_index=9,
    )


def _nodes(row: str) -> tuple[CellNode, ...]:
    """Return one row of the tree from the notation that `str` gives."""
    return tuple(CellNode(*node.split(",")) for node in row.split())
