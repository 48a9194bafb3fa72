"""The printed equations of a cell compute what its tree computes, and nothing that does not matter."""

import random
import re

import numpy as np
import pytest

from netwright import zoo
from netwright.architectures.equations import equations
from netwright.architectures.recurrent import ACTIVATIONS, COMBINATIONS, CellNode, RecurrentCell
from netwright.spaces.exploring import sample
from netwright.spaces.recurrent import recurrent_cell

FUNCTIONS = {
    "identity": lambda z: z,
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "relu": lambda z: np.maximum(z, 0),
    "sin": np.sin,
    "add": np.add,
    "elem_mult": np.multiply,
    "max": np.maximum,
}
SIZE = 3


def stepped(cell: RecurrentCell, weights, x, h, c):
    """One step by the words of the paper's section 3.4: (h_t, c_t)."""
    before, after = {}, {}
    for index, node in enumerate(cell.nodes):
        if index < cell.base:
            left, right = weights[f"W{index}"] @ x, weights[f"U{index}"] @ h
        else:
            left, right = (after[child] for child in cell.children(index))
        before[index] = FUNCTIONS[node.combination](left, right)
        after[index] = FUNCTIONS[node.activation](before[index])
        if index == cell.inject_index:
            after[index] = FUNCTIONS[cell.inject.activation](FUNCTIONS[cell.inject.combination](after[index], c))
    return after[len(cell.nodes) - 1], before[cell.read_index]


def computed(cell: RecurrentCell, weights, x, h, c):
    """One step by the printed equations."""
    names = {**weights, "x": x, "h": h, "c": c, **{name: FUNCTIONS[name] for name in ACTIVATIONS}, "max": np.maximum}
    for equation in equations(cell):
        name, text = equation.text.replace("c'", "c_new").replace("h'", "h_new").split(" = ")
        names[name] = eval(text, {"__builtins__": {}}, names)
    return names["h_new"], names["c_new"]


def random_cells(count: int):
    for seed in range(count):
        space = recurrent_cell(2 + seed % 7, combinations=COMBINATIONS, activations=ACTIVATIONS)
        yield sample(space, random.Random(seed)).architecture


def test_equations_compute_what_the_tree_computes():
    rng = np.random.default_rng(0)
    for cell in random_cells(300):
        weights = {f"{name}{i}": rng.normal(size=(SIZE, SIZE)) for name in "WU" for i in range(cell.base)}
        x, h, c = rng.normal(size=(3, SIZE))
        np.testing.assert_allclose(computed(cell, weights, x, h, c), stepped(cell, weights, x, h, c))


def test_what_does_nothing_is_not_written():
    sigmoid, relu, tanh = (CellNode("add", name) for name in ("sigmoid", "relu", "tanh"))
    cell = RecurrentCell((sigmoid, relu, relu), inject=CellNode("max", "relu"), read_index=2, inject_index=0)
    assert [equation.text for equation in equations(cell)] == [
        "a0 = max(sigmoid(W0 @ x + U0 @ h), c)",
        "a1 = relu(W1 @ x + U1 @ h)",
        "c' = a0 + a1",
        "h' = c'",
    ]
    cell = RecurrentCell((sigmoid, tanh, relu), inject=CellNode("add", "identity"), read_index=0, inject_index=1)
    assert equations(cell)[-1].text == "h' = relu(a0 + a1)", "a tanh and a cell state may be negative"


def test_the_published_cell_reads_as_it_is_published():
    assert [equation.text for equation in equations(zoo.nas_cell())] == [
        "a0 = sigmoid(W0 @ x + U0 @ h)",
        "a1 = relu(W1 @ x + U1 @ h)",
        "a2 = sigmoid(W2 @ x + U2 @ h)",
        "a3 = relu((W3 @ x) * (U3 @ h))",
        "a4 = tanh(W4 @ x + U4 @ h)",
        "a5 = sigmoid(W5 @ x + U5 @ h)",
        "a6 = tanh(W6 @ x + U6 @ h)",
        "a7 = sigmoid(W7 @ x + U7 @ h)",
        "a8 = tanh(tanh(a0 * a1) + c)",
        "a9 = tanh(a2 + a3)",
        "a10 = tanh(a4 * a5)",
        "a11 = sigmoid(a6 + a7)",
        "c' = a8 * a9",
        "a13 = tanh(a10 + a11)",
        "h' = tanh(c' * a13)",
    ]


@pytest.mark.parametrize("cell", [zoo.nas_cell(), zoo.max_cell(), zoo.lstm_cell(), *random_cells(20)])
def test_latex_has_the_same_symbols_and_balanced_brackets(cell):
    for equation in equations(cell):
        assert equation.latex.count("{") == equation.latex.count("}")
        assert equation.latex.count("(") == equation.latex.count(")")
        plain = equation.latex.replace(r"\odot", "*").replace(r"\sigma", "sigmoid").replace(r"\operatorname", "")
        plain = re.sub(r"[\\_{}]", "", plain)
        assert re.findall(r"\w+|[+*]", plain) == re.findall(r"\w+|[+*]", equation.text.replace("@", ""))
