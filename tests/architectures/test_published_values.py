"""The published cells against their equations, written by hand with the letters of the figures."""

import numpy as np
import pytest

from netwright.architectures.published import PUBLISHED, lstm_cell, max_cell, nas_cell
from oracles.recursive_cell import random_inputs, step

SEEDS = range(5)


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


def relu(v):
    return np.maximum(v, 0)


@pytest.mark.parametrize("seed", SEEDS)
def test_nas_cell_is_that_of_tensorflow(seed):
    x, h, c, w, u = random_inputs(8, np.random.default_rng(seed))
    a, b = w @ x, u @ h
    l0, l1, l2 = sigmoid(a[0] + b[0]), relu(a[1] + b[1]), sigmoid(a[2] + b[2])
    l3, l4, l5 = relu(a[3] * b[3]), np.tanh(a[4] + b[4]), sigmoid(a[5] + b[5])
    l6, l7 = np.tanh(a[6] + b[6]), sigmoid(a[7] + b[7])
    injected = np.tanh(np.tanh(l0 * l1) + c)
    state = injected * np.tanh(l2 + l3)
    output = np.tanh(state * np.tanh(np.tanh(l4 * l5) + sigmoid(l6 + l7)))
    found = step(nas_cell(), x, h, c, w, u)
    np.testing.assert_allclose(found, (output, state), rtol=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_max_cell_is_that_of_figure_8(seed):
    """A to H are the leaves as the figure draws them; leaf i of the encoding is the one that ORDER names."""
    order = "BCEFADGH"
    x, h, c, w, u = random_inputs(8, np.random.default_rng(seed))
    left, right = dict(zip(order, w @ x, strict=True)), dict(zip(order, u @ h, strict=True))
    added = {name: left[name] + right[name] for name in order}
    larger = {name: np.maximum(left[name], right[name]) for name in order}
    bc = sigmoid(np.tanh(added["B"]) + added["C"])
    ad = sigmoid(np.tanh(added["A"]) + relu(added["D"]))
    ef = sigmoid(np.tanh(added["E"]) + np.tanh(larger["F"]))
    gh = larger["G"] + (np.tanh(larger["H"]) + c)
    state = ad * gh
    output = np.tanh(sigmoid(bc * ef) * state)
    found = step(max_cell(), x, h, c, w, u)
    np.testing.assert_allclose(found, (output, state), rtol=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_lstm_cell_is_an_lstm_without_biases(seed):
    x, h, c, w, u = random_inputs(8, np.random.default_rng(seed))
    for surplus in (3, 5, 6, 7):
        w[surplus] = u[surplus] = 0
    candidate, entry, forget, output = (w[i] @ x + u[i] @ h for i in (0, 1, 2, 4))
    state = sigmoid(forget) * c + sigmoid(entry) * np.tanh(candidate)
    found = step(lstm_cell(), x, h, c, w, u)
    np.testing.assert_allclose(found, (sigmoid(output) * np.tanh(state), state), rtol=1e-12)


def test_the_names_of_the_command_line():
    assert PUBLISHED["nas-cell"]() == nas_cell()
    assert PUBLISHED["nas-max-cell"]() == max_cell()
    assert PUBLISHED["lstm-cell"]() == lstm_cell()
