"""The recurrent cells that the paper publishes (figure 8), and the LSTM, as cells of base 8."""

from netwright.architectures.recurrent import CellNode, RecurrentCell


def nas_cell() -> RecurrentCell:
    """The cell of figure 8, top right: 62.4 test perplexity on Penn Treebank, known as NASCell from TensorFlow."""
    return _cell(
        "add,sigmoid  add,relu  add,sigmoid  elem_mult,relu  add,tanh  add,sigmoid  add,tanh  add,sigmoid "
        "elem_mult,tanh  add,tanh  elem_mult,tanh  add,sigmoid  elem_mult,identity  add,tanh  elem_mult,tanh",
        inject="add,tanh",
        read_index=12,
        inject_index=8,
    )


def max_cell() -> RecurrentCell:
    """The cell of figure 8, bottom, which the search with `max` and `sin` found; it uses `max` and no `sin`.

    The figure's leaves A to H stand here in the order B, C, E, F, A, D, G, H, in which neighbours are joined.
    """
    return _cell(
        "add,tanh  add,identity  add,tanh  max,tanh  add,tanh  add,relu  max,identity  max,tanh "
        "add,sigmoid  add,sigmoid  add,sigmoid  add,identity  elem_mult,sigmoid  elem_mult,identity  elem_mult,tanh",
        inject="add,identity",
        read_index=13,
        inject_index=7,
    )


def lstm_cell() -> RecurrentCell:
    """The LSTM without biases, where the matrices of leaves 3, 5, 6, 7 are zero; leaves 0, 1, 2, 4 are g, i, f, o."""
    return _cell(
        "add,tanh  add,sigmoid  add,identity  add,identity  add,identity  add,identity  add,identity  add,identity "
        "elem_mult,identity  add,sigmoid  add,identity  add,identity  add,tanh  add,sigmoid  elem_mult,identity",
        inject="elem_mult,identity",
        read_index=12,
        inject_index=9,
    )


def _cell(nodes: str, *, inject: str, read_index: int, inject_index: int) -> RecurrentCell:
    return RecurrentCell(tuple(map(_node, nodes.split())), _node(inject), read_index, inject_index)


def _node(token: str) -> CellNode:
    return CellNode(*token.split(","))
