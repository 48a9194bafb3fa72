"""The element-wise part of a cell's steps as lists of operations on preallocated memory.

Let z_i be the value of node i before its activation and D_i the gradient of the loss by z_i. The backward pass is

    D_child = D_parent K_child,    K_child = d z_parent / d z_child.

K is computed for many steps at once, so that one backward step is one multiplication for each level of the tree.

Shapes: T steps, B sequences, H hidden units, N nodes, L leaves, J leaves whose combination is not "add".
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from netwright.architectures.recurrent import RecurrentCell
from netwright.nn.schedule import children_of, levels, levels_back, runs, special_leaves


class Tape(NamedTuple):
    """The values of the forward pass that the backward pass needs."""

    joined: Tensor
    """[T, N, B, H] z, before the activations; the same memory as `passed` if no node has the activation "sin"."""
    passed: Tensor
    """[T, N, B, H] the nodes' outputs to their parents."""
    before: Tensor
    """[T, B, H] the inject node after its activation and before the injection."""
    injected: Tensor
    """[T, B, H] the inject node after the injection's combination and before its activation."""
    u: Tensor
    """[T, L, B, H] W_ih x at the leaves."""
    leaf_v: Tensor
    """[T, J, B, H] W_hh h at the leaves whose combination is not "add"."""
    outputs: Tensor
    """[T + 1, B, H] h, from h_0."""
    memory: Tensor
    """[T + 1, B, H] c, from c_0."""


def new_tape(cell: RecurrentCell, u: Tensor, h: Tensor, c: Tensor) -> Tape:
    """Allocate the tape for the steps of `u` and write the initial state h, c into it."""
    steps, _, batch, hidden = u.shape
    passed = h.new_empty(steps, len(cell.nodes), batch, hidden)
    tape = Tape(
        joined=torch.empty_like(passed) if _has_sine(cell) else passed,
        passed=passed,
        before=h.new_empty(steps, batch, hidden),
        injected=h.new_empty(steps, batch, hidden),
        u=u,
        leaf_v=h.new_empty(steps, len(special_leaves(cell)), batch, hidden),
        outputs=h.new_empty(steps + 1, batch, hidden),
        memory=h.new_empty(steps + 1, batch, hidden),
    )
    tape.outputs[0], tape.memory[0] = h, c
    return tape


def _has_sine(cell: RecurrentCell) -> bool:
    return any(node.activation == "sin" for node in cell.nodes)


class Program:
    """A list of operations and, for each, its argument tensors at every step."""

    def __init__(self) -> None:
        self._lines: list[tuple[Callable[..., object], list[tuple[Tensor, ...]]]] = []

    def add(self, operation: Callable[..., object], *tensors: Tensor) -> None:
        """Append `operation`, which is called at step t with element t of each of `tensors` [T, ...]."""
        self._lines.append((operation, list(zip(*(tensor.unbind(0) for tensor in tensors), strict=True))))

    def run(self, step: int) -> None:
        """Execute the operations of one step."""
        for operation, arguments in self._lines:
            operation(*arguments[step])


_COMBINE: dict[str, Callable[[Tensor, Tensor, Tensor], object]] = {
    "add": lambda left, right, out: torch.add(left, right, out=out),
    "elem_mult": lambda left, right, out: torch.mul(left, right, out=out),
    "max": lambda left, right, out: torch.maximum(left, right, out=out),
}
_multiply = _COMBINE["elem_mult"]
_ACTIVATE: dict[str, Callable[[Tensor, Tensor], object]] = {
    "identity": lambda z, out: out.copy_(z),
    "tanh": lambda z, out: torch.tanh(z, out=out),
    "sigmoid": lambda z, out: torch.sigmoid(z, out=out),
    "relu": lambda z, out: torch.clamp_min(z, 0, out=out),
    "sin": lambda z, out: torch.sin(z, out=out),
}


def forward_program(cell: RecurrentCell, tape: Tape, v: Tensor) -> Program:
    """Build the program of a forward step, from `tape.u` and W_hh h in `v` [L, B, H] to h and c on the tape."""
    program = Program()
    special = special_leaves(cell)
    v = v.expand(len(tape.u), *v.shape)
    for number, leaf in enumerate(special):
        program.add(Tensor.copy_, tape.leaf_v[:, number], v[:, leaf])
    for level in levels(cell):
        for combination, run in runs([node.combination for node in cell.nodes], level):
            left, right = _nodes(tape.u, run), _nodes(v, run)
            if level.start:
                both = _nodes(tape.passed, children_of(cell, run))
                left, right = both[:, ::2], both[:, 1::2]
            program.add(_COMBINE[combination], left, right, _nodes(tape.joined, run))
        if cell.read_index in level:
            program.add(Tensor.copy_, tape.memory[1:], tape.joined[:, cell.read_index])
        for activation, run in runs([node.activation for node in cell.nodes], level):
            if activation != "identity" or tape.joined is not tape.passed:
                program.add(_ACTIVATE[activation], _nodes(tape.joined, run), _nodes(tape.passed, run))
        if cell.inject_index in level:
            passed = tape.passed[:, cell.inject_index]
            program.add(Tensor.copy_, tape.before, passed)
            program.add(_COMBINE[cell.inject.combination], tape.before, tape.memory[:-1], tape.injected)
            program.add(_ACTIVATE[cell.inject.activation], tape.injected, passed)
    program.add(Tensor.copy_, tape.outputs[1:], tape.passed[:, -1])
    return program


def _nodes(tensor: Tensor, run: range) -> Tensor:
    return tensor[:, run.start : run.stop]


_aten = torch.ops.aten
# (grad, z, a, out): out = grad * activation'(z), where a = activation(z).
_BACK: dict[str, Callable[[Tensor, Tensor, Tensor, Tensor], object]] = {
    "identity": lambda grad, z, a, out: out.copy_(grad),
    "tanh": lambda grad, z, a, out: _aten.tanh_backward.grad_input(grad, a, grad_input=out),
    "sigmoid": lambda grad, z, a, out: _aten.sigmoid_backward.grad_input(grad, a, grad_input=out),
    "relu": lambda grad, z, a, out: torch.mul(grad, a > 0, out=out),
    "sin": lambda grad, z, a, out: torch.mul(grad, torch.cos(z), out=out),
}


def _sides(combination: str, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """Return the derivatives of a combination by its operands; for "max" of equal operands 1/2 each, as in torch."""
    if combination == "add":
        return left.new_ones(()), left.new_ones(())
    if combination == "elem_mult":
        return right, left
    by_left = torch.sub(left, right).sign_().add_(1).mul_(0.5)
    return by_left, 1 - by_left


class Factors(NamedTuple):
    """The derivatives by which a backward step multiplies gradients."""

    nodes: Tensor
    """[T, N, B, H] K; at the root d h / d z_root."""
    memory: Tensor
    """[T, B, H] d z_parent / d c of the previous step, for the parent of the inject node; at the root d h / d c."""


def write_factors(cell: RecurrentCell, tape: Tape, factors: Factors) -> None:
    """Compute `factors` from the tape of the same steps."""
    joined, passed, out = (nodes.unbind(1) for nodes in (tape.joined, tape.passed, factors.nodes))
    by_passed = [tape.before.new_ones(())] * len(cell.nodes)
    for parent in range(cell.base, len(cell.nodes)):
        left, right = cell.children(parent)
        by_passed[left], by_passed[right] = _sides(cell.nodes[parent].combination, passed[left], passed[right])
    for index, node in enumerate(cell.nodes):
        grad, a = by_passed[index], passed[index]
        if index == cell.inject_index:
            by_before, by_memory = _sides(cell.inject.combination, tape.before, tape.memory)
            _BACK[cell.inject.activation](grad, tape.injected, a, factors.memory)
            grad, a = factors.memory * by_before, tape.before
            factors.memory.mul_(by_memory)
        _BACK[node.activation](grad, joined[index], a, out[index])


class Gradients(NamedTuple):
    """The gradients that the backward pass computes."""

    nodes: Tensor
    """[T, N, B, H] D."""
    leaf_v: Tensor
    """[T, B, L, H] by W_hh h at the leaves."""
    leaf_u: Tensor
    """[T, J, B, H] by W_ih x at the leaves whose combination is not "add"; at the other leaves it equals `leaf_v`."""
    memory: Tensor
    """[T + 1, B, H] by c, from c_0."""


def new_gradients(tape: Tape, grad_c: Tensor) -> Gradients:
    """Allocate the gradients and write the gradient of the last c into them."""
    steps, base, batch, hidden = tape.u.shape
    memory = torch.empty_like(tape.memory)
    memory[-1] = grad_c
    leaf_v = tape.passed.new_empty(steps, batch, base, hidden)
    return Gradients(torch.empty_like(tape.passed), leaf_v, torch.empty_like(tape.leaf_v), memory)


def backward_program(cell: RecurrentCell, tape: Tape, factors: Factors, grads: Gradients, grad_h: Tensor) -> Program:
    """Build the program of a backward step, from the gradients of h (`grad_h` [B, H]) and c to `grads` of the step."""
    program = Program()
    root = len(cell.nodes) - 1
    grad_h = grad_h.expand(len(grads.nodes), *grad_h.shape)
    program.add(_multiply, grad_h, factors.nodes[:, root], grads.nodes[:, root])
    if cell.inject_index == root:
        program.add(_multiply, grad_h, factors.memory, grads.memory[:-1])
    if cell.read_index == root:
        program.add(Tensor.add_, grads.nodes[:, root], grads.memory[1:])
    for parents in levels_back(cell):
        children = children_of(cell, parents)
        pairs, by_pairs = (_nodes(nodes, children).unflatten(1, (-1, 2)) for nodes in (grads.nodes, factors.nodes))
        program.add(_multiply, _nodes(grads.nodes, parents).unsqueeze(2), by_pairs, pairs)
        if cell.inject_index in children:
            parent = grads.nodes[:, cell.base + cell.inject_index // 2]
            program.add(_multiply, parent, factors.memory, grads.memory[:-1])
        if cell.read_index in children:
            program.add(Tensor.add_, grads.nodes[:, cell.read_index], grads.memory[1:])
    program.add(Tensor.copy_, grads.leaf_v, grads.nodes[:, : cell.base].transpose(1, 2))
    for number, leaf in enumerate(special_leaves(cell)):
        by_u, by_v = _sides(cell.nodes[leaf].combination, tape.u[:, leaf], tape.leaf_v[:, number])
        program.add(_multiply, grads.nodes[:, leaf], by_u, grads.leaf_u[:, number])
        program.add(_multiply, grads.nodes[:, leaf], by_v, grads.leaf_v[:, :, leaf])
    return program
