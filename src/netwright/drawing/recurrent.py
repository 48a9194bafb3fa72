"""A RecurrentCell as a picture: its tree, from the inputs at the bottom to h_t at the top, and its state's path."""

from netwright.architectures.equations import INJECTION, idle_activations, path_of_state
from netwright.architectures.recurrent import CellNode, RecurrentCell
from netwright.drawing.svg import STANDALONE, Style, document, path, rectangle, subscripted, text
from netwright.drawing.tree import CARD, GAP, HALF, PORT, STEP, STUB, Tree, lay_out_tree

HEAD = 3.4
"""Half the width of an arrow's head."""
RADIUS = 5.0
CAPTION = (
    "A card is a node of the cell, read from the bottom up: how it joins its two inputs, then its activation, "
    "pale where it changes nothing. A leaf joins x and h, each multiplied by a matrix of its own. Orange is "
    "the way of the cell state: where the old one is injected, where the new one is read, and between them "
    "where the new one is made from the old."
)
"""How a drawing is read."""


def draw_cell(cell: RecurrentCell, *, title: str = "", note: str = "", style: Style = STANDALONE) -> str:
    """Draw a cell; the arguments are those of `any.draw`.

    A card is a node: the lower half shows its combination, the upper half its activation, pale if it changes nothing.
    Its name in the equations is beside it. The path of the state is orange: where c_{t-1} is injected, where c_t is
    read (between combination and activation), and the lines between if the new state depends on the old one.
    """
    counts = f"base {cell.base}: {len(cell.nodes)} nodes, {2 * cell.base} matrices"
    way = path_of_state(cell)
    if not way:
        counts += "; the new cell state is not made from the old one"
    tree = lay_out_tree(cell, title=title, counts=counts, note=note)
    idle = idle_activations(cell)
    parts = [_line(cell, tree, index, on_way=index in way[:-1]) for index in range(len(cell.nodes) - 1)]
    parts.append(_output(tree))
    for index, node in enumerate(cell.nodes):
        if index < cell.base:
            parts.append(_inputs(tree, index))
        parts.append(_node(tree.centres[index], tree.tops[index], node, idle=index in idle))
        inner = tree.centres[index] - tree.sides[index] * (CARD / 2 + 12)
        letter = "l" if index < cell.base else "n"
        parts.append(subscripted(inner, tree.bottom(index) - 6, letter, index, "nw-muted"))
    parts += [_injection(cell, tree, idle=INJECTION in idle), _reading(cell, tree)]
    return document(
        parts,
        width=tree.width,
        height=tree.height,
        heading=tree.heading,
        description=f"{counts}: {cell}",
        style=style,
    )


def _line(cell: RecurrentCell, tree: Tree, index: int, *, on_way: bool) -> str:
    """Connect a node to its parent: straight up, then over to the parent's port in the gap below it."""
    parent = cell.base + index // 2
    x, target = tree.centres[index], tree.centres[parent] + tree.sides[index] * PORT
    end = tree.bottom(parent) + 5
    turn = tree.bottom(parent) + GAP
    rise = f"V{turn:.1f}" if turn < tree.exits[index] else ""
    curve = f"C{x:.1f} {turn - 0.55 * GAP:.1f} {target:.1f} {end + 0.5 * GAP:.1f} {target:.1f} {end:.1f}"
    line, head = ("nw-state nw-exit", "nw-exit-head") if on_way else ("nw-edge nw-line", "nw-head")
    return path(f"M{x:.1f} {tree.exits[index]:.1f}{rise}{curve}", line) + _head_up(target, end - 5, head)


def _head_up(x: float, y: float, classes: str) -> str:
    return path(f"M{x:.1f} {y:.1f}l{-HEAD} 6h{2 * HEAD}z", classes)


def _head_aside(x: float, y: float, side: int, classes: str) -> str:
    """An arrow's head that points to the right (1) or left (-1)."""
    return path(f"M{x:.1f} {y:.1f}l{-6 * side} {-HEAD}v{2 * HEAD}z", classes)


def _node(x: float, top: float, node: CellNode, *, idle: bool) -> str:
    """Return a card: the activation as a coloured half, the combination as a sign."""
    left, straight = x - CARD / 2, CARD - 2 * RADIUS
    half = (
        f"M{left:.1f} {top + HALF:.1f}v{RADIUS - HALF:.1f}a{RADIUS} {RADIUS} 0 0 1 {RADIUS} {-RADIUS}h{straight:.1f}"
        f"a{RADIUS} {RADIUS} 0 0 1 {RADIUS} {RADIUS}v{HALF - RADIUS:.1f}z"
    )
    label = text(x, top + HALF - 6.5, node.activation, "nw-ink")
    if idle:
        label = f'<g class="nw-idle">{label}</g>'
    parts = [rectangle(left, top, CARD, 2 * HALF, "nw-card", RADIUS)]
    if not idle:
        parts.append(path(half, f"nw-{node.activation}"))
    return "".join([*parts, label, _sign(x, top + 1.5 * HALF, node.combination)])


def _sign(x: float, y: float, combination: str) -> str:
    if combination == "add":
        return path(f"M{x - 5:.1f} {y:.1f}h10M{x:.1f} {y - 5:.1f}v10", "nw-edge nw-line")
    if combination == "elem_mult":
        return path(f"M{x - 4:.1f} {y - 4:.1f}l8 8M{x - 4:.1f} {y + 4:.1f}l8 -8", "nw-edge nw-line")
    return text(x, y + 4, combination)


def _inputs(tree: Tree, leaf: int) -> str:
    parts = []
    for side, letter, time in ((-1, "x", "t"), (1, "h", "t-1")):
        x, y = tree.centres[leaf] + side * PORT, tree.bottom(leaf)
        parts.append(path(f"M{x:.1f} {y + 20:.1f}V{y + 5:.1f}", "nw-edge nw-line") + _head_up(x, y, "nw-head"))
        parts.append(subscripted(x, y + 33, letter, time))
    return "".join(parts)


def _output(tree: Tree) -> str:
    x, y = tree.centres[-1], tree.exits[-1]
    line = path(f"M{x:.1f} {y:.1f}v-16", "nw-edge nw-line") + _head_up(x, y - 21, "nw-head")
    return line + subscripted(x, y - 27, "h", "t")


def _injection(cell: RecurrentCell, tree: Tree, *, idle: bool) -> str:
    """Return the injection: a card above its node, with the old state arriving from the side."""
    index = cell.inject_index
    x, y, side = tree.centres[index], tree.exits[index], tree.sides[index]
    edge, middle = x + side * CARD / 2, y + 1.5 * HALF
    return (
        path(f"M{x:.1f} {tree.tops[index]:.1f}v{5 - STEP:.1f}", "nw-edge nw-line")
        + _head_up(x, y + 2 * HALF, "nw-head")
        + _node(x, y, cell.inject, idle=idle)
        + path(f"M{edge + side * STUB:.1f} {middle:.1f}H{edge + side * 5:.1f}", "nw-state nw-exit")
        + _head_aside(edge, middle, -side, "nw-exit-head")
        + subscripted(edge + side * (STUB + 12), middle + 3, "c", "t-1", "nw-exit-head")
    )


def _reading(cell: RecurrentCell, tree: Tree) -> str:
    """Return the arrow of the new state, which leaves its node before the activation."""
    index = cell.read_index
    side = tree.sides[index]
    edge, y = tree.centres[index] + side * CARD / 2, tree.tops[index] + HALF
    return (
        path(f"M{edge - side * CARD:.1f} {y:.1f}H{edge + side * (STUB - 5):.1f}", "nw-state nw-exit")
        + _head_aside(edge + side * STUB, y, side, "nw-exit-head")
        + subscripted(edge + side * (STUB + 9), y + 3, "c", "t", "nw-exit-head")
    )
