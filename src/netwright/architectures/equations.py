"""The equations of a recurrent cell, in plain text, in LaTeX and in PyTorch.

Each node of the tree has one parent and the root is h_t, so the output of every cell depends on every node and on all
2 B matrices. The equations leave out activations that change nothing, and names of mere sums and products.
"""

from dataclasses import dataclass

from netwright.architectures.recurrent import RecurrentCell

INJECTION = -1
"""The index of the injection of the old cell state among those of the nodes."""
SUM, PRODUCT, CALL, SYMBOL = range(4)
"""Levels of precedence of an expression, the lowest first."""


@dataclass(frozen=True)
class Notation:
    """How equations are written; the templates take the index of a node."""

    times: str
    functions: dict[str, str]
    opening: str
    closing: str
    input: str
    hidden: str
    leaf: str
    node: str
    state: str
    next_state: str
    next_hidden: str
    term_level: int
    """The precedence of `input` and `hidden`."""


TEXT = Notation(
    times=" * ",
    functions={name: name for name in ("tanh", "sigmoid", "relu", "sin", "max")},
    opening="(",
    closing=")",
    input="W{} x",
    hidden="U{} h",
    leaf="l{}",
    node="n{}",
    state="c",
    next_state="c'",
    next_hidden="h'",
    term_level=SUM,  # of products, so a product puts it in brackets
)
LATEX = Notation(
    times=r" \odot ",
    functions={
        "tanh": r"\tanh",
        "sigmoid": r"\sigma",
        "relu": r"\operatorname{ReLU}",
        "sin": r"\sin",
        "max": r"\max",
    },
    opening=r"\left(",
    closing=r"\right)",
    input="W_{{{}}} x_t",
    hidden="U_{{{}}} h_{{t-1}}",
    leaf="l_{{{}}}",
    node="n_{{{}}}",
    state="c_{t-1}",
    next_state="c_t",
    next_hidden="h_t",
    term_level=SUM,
)
PYTORCH = Notation(
    times=" * ",
    functions={
        "tanh": "torch.tanh",
        "sigmoid": "torch.sigmoid",
        "relu": "torch.relu",
        "sin": "torch.sin",
        "max": "torch.maximum",
    },
    opening="(",
    closing=")",
    input="x{}",
    hidden="h{}",
    leaf="l{}",
    node="n{}",
    state="c",
    next_state="new_c",
    next_hidden="new_h",
    term_level=SYMBOL,
)
"""Statements of Python: x0 is W0 x and h0 is U0 h."""


@dataclass(frozen=True)
class Expression:
    """A right-hand side of an equation, or a part of one."""

    words: str
    level: int


def as_text(cell: RecurrentCell) -> str:
    """Write one equation a line in the order of computation: `l0 = sigmoid(W0 x + U0 h)`, ..., `h' = tanh(c' * n13)`.

    `*` is elementwise, x is the input, h and c are the old states and h' and c' the new ones; l0 is leaf 0 and n8 node
    8. Nodes that only add or multiply are written inside the equations of others.
    """
    found = equations_in(cell, TEXT)
    width = max(len(left) for left, _ in found)
    return "\n".join(f"{left:{width}} = {right}" for left, right in found)


def as_latex(cell: RecurrentCell) -> str:
    """Write the same equations for a displayed formula of amsmath; the elementwise product is a circled dot."""
    lines = " \\\\\n".join(f"{left} &= {right}" for left, right in equations_in(cell, LATEX))
    return f"\\begin{{aligned}}\n{lines}\n\\end{{aligned}}"


def equations_in(cell: RecurrentCell, notation: Notation) -> list[tuple[str, str]]:
    """Return (name, right-hand side) of every equation in the order of computation."""
    idle = idle_activations(cell)
    found: list[tuple[str, str]] = []
    passed_on: list[Expression] = []
    for index, node in enumerate(cell.nodes):
        if index < cell.base:
            left = Expression(notation.input.format(index), notation.term_level)
            right = Expression(notation.hidden.format(index), notation.term_level)
        else:
            left, right = (passed_on[child] for child in cell.children(index))
        value = _joined(notation, node.combination, left, right)
        if index == cell.read_index:
            value = _named(found, notation.next_state, value)
        if index not in idle:
            value = _call(notation, node.activation, value.words)
        name = (notation.leaf if index < cell.base else notation.node).format(index)
        if index == cell.inject_index:
            if INJECTION in idle and cell.inject.combination != "max":  # the result will not get the name
                value = _named_call(found, name, value)
            value = _joined(notation, cell.inject.combination, value, Expression(notation.state, SYMBOL))
            if INJECTION not in idle:
                value = _call(notation, cell.inject.activation, value.words)
        passed_on.append(value if index == len(cell.nodes) - 1 else _named_call(found, name, value))
    _named(found, notation.next_hidden, passed_on[-1])
    return found


def _named(found: list[tuple[str, str]], name: str, value: Expression) -> Expression:
    found.append((name, value.words))
    return Expression(name, SYMBOL)


def _named_call(found: list[tuple[str, str]], name: str, value: Expression) -> Expression:
    """Name the result of a function; leave sums and products inside the expression that uses them."""
    return _named(found, name, value) if value.level == CALL else value


def _call(notation: Notation, function: str, arguments: str) -> Expression:
    return Expression(f"{notation.functions[function]}{notation.opening}{arguments}{notation.closing}", CALL)


def _joined(notation: Notation, combination: str, left: Expression, right: Expression) -> Expression:
    if combination == "max":
        return _call(notation, "max", f"{left.words}, {right.words}")
    if combination == "add":
        return Expression(f"{left.words} + {right.words}", SUM)
    factors = (
        each.words if each.level > SUM else f"{notation.opening}{each.words}{notation.closing}"
        for each in (left, right)
    )
    return Expression(notation.times.join(factors), PRODUCT)


def idle_activations(cell: RecurrentCell) -> frozenset[int]:
    """Return the nodes whose activation changes nothing: the identity, or a ReLU of a value that is never negative.

    The set contains `INJECTION` if that holds for the activation after the injection.
    """
    idle: set[int] = set()
    never_negative: list[bool] = []

    def after(index: int, combination: str, activation: str, left: bool, right: bool) -> bool:
        joined = left or right if combination == "max" else left and right
        if activation == "identity" or (activation == "relu" and joined):
            idle.add(index)
        return activation in ("sigmoid", "relu") or (activation in ("identity", "tanh") and joined)

    for index, node in enumerate(cell.nodes):
        left, right = (never_negative[child] if child >= 0 else False for child in cell.children(index))
        value = after(index, node.combination, node.activation, left, right)
        if index == cell.inject_index:
            value = after(INJECTION, cell.inject.combination, cell.inject.activation, value, False)
        never_negative.append(value)
    return frozenset(idle)


def path_of_state(cell: RecurrentCell) -> tuple[int, ...]:
    """Return the nodes from the one where c_{t-1} is injected up to the one where c_t is read, both included.

    The path is empty if the new cell state does not depend on the old one: c_t is read below the injection, beside it,
    or at the same node, where it is read before the injection.
    """
    path = [cell.inject_index]
    while path[-1] < cell.read_index:
        path.append(cell.base + path[-1] // 2)
    return tuple(path) if len(path) > 1 and path[-1] == cell.read_index else ()
