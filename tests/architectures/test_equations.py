"""The printed equations compute what the cell computes: they are read back, evaluated and compared with an oracle."""

import itertools
import random
import re

import numpy as np
import pytest

from netwright.architectures.equations import INJECTION, as_latex, as_text, idle_activations, path_of_state
from netwright.architectures.published import PUBLISHED, lstm_cell, max_cell, nas_cell
from netwright.architectures.recurrent import CellNode, RecurrentCell
from netwright.spaces.exploring import sample
from netwright.spaces.recurrent import recurrent_cell
from oracles.recursive_cell import ACTIVATED, joined, passed_on, random_inputs, step

EXTRA = {"combinations": ("add", "elem_mult", "max"), "activations": ("identity", "tanh", "sigmoid", "relu", "sin")}
CELLS = {
    f"base {base}": [
        sample(recurrent_cell(base, **options), random.Random(seed)).architecture
        for options in ({}, EXTRA)
        for seed in range(30)
    ]
    for base in range(2, 9)
} | {"published": [nas_cell(), max_cell(), lstm_cell()]}
each_base = pytest.mark.parametrize("cells", CELLS.values(), ids=CELLS.keys())


def lines_of(cell) -> dict[str, str]:
    return dict(re.split(r" += ", line) for line in as_text(cell).splitlines())


def evaluated(cell, x, h, c, w, u):
    """(h', c') by the printed lines, with Python's own rules of precedence."""
    known = {**ACTIVATED, "max": np.maximum, "x": x, "h": h, "c": c, "__builtins__": {}}
    known |= {f"W{i}": w[i] for i in range(cell.base)} | {f"U{i}": u[i] for i in range(cell.base)}
    for name, right in lines_of(cell).items():
        matrices = re.sub(r"\b([WU]\d+) ([xh])\b(?!')", r"\1 @ \2", right)
        assert name not in known
        known[name.replace("'", "_new")] = eval(matrices.replace("'", "_new"), known)
    return known["h_new"], known["c_new"]


@each_base
def test_the_printed_lines_compute_the_cell(cells):
    for cell in cells:
        for seed in range(3):
            inputs = random_inputs(cell.base, np.random.default_rng(seed))
            np.testing.assert_allclose(evaluated(cell, *inputs), step(cell, *inputs), rtol=1e-10, atol=1e-12)


@each_base
def test_every_matrix_counts_once_and_the_state_too(cells):
    for cell in cells:
        printed = as_text(cell)
        for index in range(cell.base):
            assert len(re.findall(rf"\bW{index} x\b", printed)) == len(re.findall(rf"\bU{index} h\b", printed)) == 1
        assert len(re.findall(r"\bc\b(?!')", printed)) == 1
        assert "identity" not in printed
        names = [name for name in lines_of(cell) if "'" not in name]
        for name in names:
            assert len(re.findall(rf"\b{name}\b", printed)) == 2, f"{name} is defined and used once"


@each_base
def test_latex_says_the_same(cells):
    for cell in cells:
        latex = as_latex(cell)
        depth = 0
        for character in re.sub(r"\\[{}]", "", latex):
            depth += {"{": 1, "}": -1}.get(character, 0)
            assert depth >= 0
        assert depth == 0
        assert latex.count(r"\left(") == latex.count(r"\right)")
        lines = latex.splitlines()
        assert (lines[0], lines[-1]) == (r"\begin{aligned}", r"\end{aligned}")
        assert all(line.endswith(r" \\") for line in lines[1:-2])
        plain = latex.replace(r"\left(", "(").replace(r"\right)", ")").replace(r"\odot", "*").replace("&=", "=")
        plain = plain.replace(r"\operatorname{ReLU}", "relu").replace(r"\sigma", "sigmoid")
        plain = plain.replace("c_{t-1}", "c").replace("h_{t-1}", "h").replace("x_t", "x")
        plain = re.sub(r"_{(\d+)}", r"\1", plain.replace("c_t", "c'").replace("h_t", "h'"))
        plain = re.sub(r"\\(tanh|sin|max)", r"\1", plain).replace(r" \\", "")
        assert plain.splitlines()[1:-1] == [re.sub(" += ", " = ", line) for line in as_text(cell).splitlines()]


def test_the_published_cells_read_as_in_the_books():
    assert as_text(lstm_cell()).splitlines() == [
        "l0  = tanh(W0 x + U0 h)",
        "l1  = sigmoid(W1 x + U1 h)",
        "n9  = sigmoid(W2 x + U2 h + W3 x + U3 h)",
        "c'  = l0 * l1 + n9 * c",
        "n12 = tanh(c')",
        "n13 = sigmoid(W4 x + U4 h + W5 x + U5 h + W6 x + U6 h + W7 x + U7 h)",
        "h'  = n12 * n13",
    ]
    assert as_text(nas_cell()).splitlines()[8:] == [
        "n8  = tanh(tanh(l0 * l1) + c)",
        "n9  = tanh(l2 + l3)",
        "n10 = tanh(l4 * l5)",
        "n11 = sigmoid(l6 + l7)",
        "c'  = n8 * n9",
        "n13 = tanh(n10 + n11)",
        "h'  = tanh(c' * n13)",
    ]
    assert "l3  = relu((W3 x) * (U3 h))" in as_text(nas_cell())


def cell_of(nodes: str, inject: str, read: int, at: int) -> RecurrentCell:
    made = [CellNode(*node.split(",")) for node in (*nodes.split(), inject)]
    return RecurrentCell(tuple(made[:-1]), made[-1], read, at)


def test_a_product_of_sums_is_bracketed():
    cell = cell_of("add,identity elem_mult,identity elem_mult,identity", "add,identity", 2, 1)
    assert lines_of(cell) == {"c'": "(W0 x + U0 h) * ((W1 x) * (U1 h) + c)", "h'": "c'"}


def test_a_relu_of_what_is_never_negative_is_left_out():
    cell = cell_of("add,sigmoid add,relu elem_mult,relu", "max,relu", 0, 1)
    assert idle_activations(cell) == {2, INJECTION}
    assert lines_of(cell)["l1"] == "max(relu(W1 x + U1 h), c)"
    assert idle_activations(cell_of("add,sin add,relu elem_mult,relu", "add,relu", 0, 0)) == {2}
    assert idle_activations(cell_of("add,sin add,relu elem_mult,relu", "add,tanh", 0, 0)) == set()
    assert idle_activations(cell_of("add,sin add,relu max,relu", "add,tanh", 0, 0)) == {2}


@each_base
def test_an_idle_activation_changes_nothing_and_the_others_something(cells):
    for cell in cells:
        idle = idle_activations(cell)
        changed = set()
        for seed in range(60):
            x, h, c, w, u = random_inputs(cell.base, np.random.default_rng(seed), width=1)
            leaves = {i: (w[i] @ x, u[i] @ h) for i in range(cell.base)} | {"c": c}
            for index, node in enumerate(cell.nodes):
                value = joined(cell, index, leaves)
                if not np.array_equal(ACTIVATED[node.activation](value), value):
                    changed.add(index)
        assert not changed & idle
        assert len(cell.nodes) - len(changed) - len(idle - {INJECTION}) <= 1, "but for a sum that is rarely negative"


@each_base
def test_the_path_of_the_state_is_there_where_the_new_one_depends_on_the_old(cells):
    for cell in cells:
        path = path_of_state(cell)
        x, h, _, w, u = random_inputs(cell.base, np.random.default_rng(0))
        leaves = {i: (w[i] @ x, u[i] @ h) for i in range(cell.base)}
        read = {
            tuple(joined(cell, cell.read_index, leaves | {"c": np.random.default_rng(seed).normal(size=3) * 2}))
            for seed in range(30)
        }
        assert len(read) == 1 or path, "the old state is seen in the new one"
        if path:
            assert (path[0], path[-1]) == (cell.inject_index, cell.read_index)
            assert all(lower in cell.children(upper) for lower, upper in itertools.pairwise(path))
            linear = RecurrentCell(tuple(CellNode("add", "identity") for _ in cell.nodes), CellNode("add", "identity"),
                                   cell.read_index, cell.inject_index)  # fmt: skip
            assert not np.array_equal(*(joined(linear, cell.read_index, leaves | {"c": np.full(3, v)}) for v in (0, 1)))


def test_the_published_cells_remember():
    assert path_of_state(nas_cell()) == (8, 12)
    assert path_of_state(max_cell()) == (7, 11, 13)
    assert path_of_state(lstm_cell()) == (9, 12)


def test_the_root_sees_everything():
    """Why no node is ever left out: each one but the root has one parent."""
    for cell in (make() for name, make in PUBLISHED.items() if name != "nas-cnn-15"):
        children = [child for index in range(cell.base, len(cell.nodes)) for child in cell.children(index)]
        assert sorted(children) == list(range(len(cell.nodes) - 1))


def test_the_oracle_itself():
    cell = cell_of("add,tanh elem_mult,relu elem_mult,sigmoid", "add,relu", 1, 0)
    x, h, c, w, u = random_inputs(2, np.random.default_rng(1))
    inner = np.maximum(np.tanh(w[0] @ x + u[0] @ h) + c, 0)
    z1 = (w[1] @ x) * (u[1] @ h)
    expected = 1 / (1 + np.exp(-inner * np.maximum(z1, 0)))
    np.testing.assert_allclose(step(cell, x, h, c, w, u), (expected, z1))
    assert passed_on(cell, 0, {0: (w[0] @ x, u[0] @ h), 1: (w[1] @ x, u[1] @ h), "c": c}) == pytest.approx(inner)
