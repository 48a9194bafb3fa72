"""What a recurrent cell really computes, as equations.

    for equation in equations(nas_cell()):
        print(equation.text)        # a0 = sigmoid(W0 @ x + U0 @ h) ...

Every node of a tree reaches its root, so none can be left out. But many do nothing: identities, and a relu of what is
never negative. Those are written into their reader.
"""

from dataclasses import dataclass

from netwright.architectures.recurrent import RecurrentCell

SYMBOLS = {"sigmoid": r"\sigma", "tanh": r"\tanh", "relu": r"\operatorname{relu}", "sin": r"\sin"}
"""Activations in LaTeX; the identity is not written."""


@dataclass(frozen=True)
class Equation:
    """`name` = something, as plain text that Python could compute, and as LaTeX."""

    name: str
    text: str
    latex: str


@dataclass(frozen=True)
class _Term:
    """A part of an equation; `positive` where it is known never to be negative."""

    text: str
    latex: str
    positive: bool = False
    atomic: bool = False
    """Whether it is a single name."""

    def in_product(self) -> "_Term":
        return self if self.atomic else _Term(f"({self.text})", f"({self.latex})", self.positive)


CELL_STATE = _Term("c", "c", atomic=True)


def equations(cell: RecurrentCell) -> list[Equation]:
    """The cell's equations in the order in which they can be computed; c' and h' are the next cell state and output.

    a0 is what leaf 0 passes on, W0 and U0 are its matrices, x, h and c the input, the last output and cell state.
    """
    written: list[Equation] = []
    passed: list[_Term] = []

    def name(name: str, latex: str, term: _Term) -> _Term:
        written.append(Equation(name, f"{name} = {term.text}", f"{latex} = {term.latex}"))
        return _Term(name, latex, term.positive, atomic=True)

    for index, node in enumerate(cell.nodes):
        if index < cell.base:
            left = _Term(f"W{index} @ x", f"W_{{{index}}} x")
            right = _Term(f"U{index} @ h", f"U_{{{index}}} h")
        else:
            left, right = (passed[child] for child in cell.children(index))
        term = _joined(node.combination, left, right)
        if index == cell.read_index:
            term = name("c'", "c'", term)
        term = _activated(node.activation, term)
        if index == cell.inject_index:
            term = _activated(cell.inject.activation, _joined(cell.inject.combination, term, CELL_STATE))
        if index == len(cell.nodes) - 1:
            name("h'", "h'", term)
        else:
            passed.append(term if term.atomic else name(f"a{index}", f"a_{{{index}}}", term))
    return written


def _joined(combination: str, left: _Term, right: _Term) -> _Term:
    if combination == "max":
        text, latex = f"max({left.text}, {right.text})", rf"\max({left.latex}, {right.latex})"
        return _Term(text, latex, left.positive or right.positive)
    positive = left.positive and right.positive
    if combination == "add":
        return _Term(f"{left.text} + {right.text}", f"{left.latex} + {right.latex}", positive)
    left, right = left.in_product(), right.in_product()
    return _Term(f"{left.text} * {right.text}", rf"{left.latex} \odot {right.latex}", positive)


def _activated(activation: str, term: _Term) -> _Term:
    if activation == "identity" or (activation == "relu" and term.positive):
        return term
    text, latex = f"{activation}({term.text})", f"{SYMBOLS[activation]}({term.latex})"
    # tanh keeps the sign.
    return _Term(text, latex, activation in ("sigmoid", "relu") or (activation == "tanh" and term.positive))
