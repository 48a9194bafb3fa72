"""A recurrent cell by the words of the paper's section 3.4, in numpy and by recursion from the root: an oracle."""

import numpy as np

COMBINED = {"add": np.add, "elem_mult": np.multiply, "max": np.maximum}
ACTIVATED = {
    "identity": lambda v: v,
    "tanh": np.tanh,
    "sigmoid": lambda v: 1 / (1 + np.exp(-v)),
    "relu": lambda v: np.maximum(v, 0),
    "sin": np.sin,
}


def joined(cell, index, leaves):
    """z of one node; `leaves[i]` is the pair (W_i x, U_i h)."""
    base = cell.base
    if index < base:
        left, right = leaves[index]
    else:
        left, right = (passed_on(cell, 2 * (index - base) + side, leaves) for side in (0, 1))
    return COMBINED[cell.nodes[index].combination](left, right)


def passed_on(cell, index, leaves):
    """What the parent of one node sees; `leaves["c"]` is the previous cell state."""
    value = ACTIVATED[cell.nodes[index].activation](joined(cell, index, leaves))
    if index == cell.inject_index:
        value = ACTIVATED[cell.inject.activation](COMBINED[cell.inject.combination](value, leaves["c"]))
    return value


def step(cell, x, h, c, w, u):
    """(h_t, c_t) of one step; `w` and `u` hold one matrix for each leaf."""
    leaves = {i: (w[i] @ x, u[i] @ h) for i in range(cell.base)} | {"c": c}
    return passed_on(cell, 2 * cell.base - 2, leaves), joined(cell, cell.read_index, leaves)


def random_inputs(base, rng, width=3):
    """x, h, c, w, u of a layer of `width` units."""
    x, h, c = rng.normal(size=(3, width))
    return x, h, c, rng.normal(size=(base, width, width)), rng.normal(size=(base, width, width))
