"""A cell over a whole sequence as one differentiable function: few and large operations instead of many small ones.

Forward, the inputs of all steps are projected in one product; a step is one recurrent product and the cell's program.
Backward, a step is the other program and one product; the gradients of the weights are one product each at the end.

Legend of shapes: T steps, B sequences, I inputs, H hidden units, N nodes, L leaves.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from netwright.architectures.recurrent import RecurrentCell
from netwright.nn.programs import Factors, Gradients, Tape, backward_program, forward_program, new_tape, write_factors
from netwright.nn.schedule import special_leaves

CACHE_BYTES = 2**20
"""On a processor, the factors of the way back are computed for as many steps at once as fit in a core's cache."""


class TreeFunction(torch.autograd.Function):
    """Outputs [T, B, H] and c_T [B, H] of x [T, B, I] and h_0, c_0; matrices are multiplied in `dtype`.

    weight_ih [L H, I], weight_hh [L H, H], bias [L H] or None, mask [B, H] or None, which gets no gradient.
    """

    @staticmethod
    def forward(
        ctx: Any,
        cell: RecurrentCell,
        dtype: torch.dtype,
        x: Tensor,
        h: Tensor,
        c: Tensor,
        weight_ih: Tensor,
        weight_hh: Tensor,
        bias: Tensor | None,
        mask: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """All steps; the tape is kept."""
        rows, weight_ih, weight_hh = x.flatten(0, 1).to(dtype), weight_ih.to(dtype), weight_hh.to(dtype)
        tape = new_tape(cell, len(x), h, c)
        v = h.new_empty(len(h), cell.base, h.shape[1])
        program, by_rows = forward_program(cell, tape, v), v.flatten(1)
        _product(rows, weight_ih.t(), tape.joined.flatten(0, 1).flatten(1)[:, : len(weight_ih)])
        for step, output in enumerate(tape.outputs[:-1].unbind(0)):
            _product(output if mask is None else output * mask, weight_hh.t(), by_rows)
            if bias is not None:
                by_rows.add_(bias)
            program.run(step)
        ctx.cell, ctx.input_dtype, ctx.has_bias = cell, x.dtype, bias is not None
        ctx.save_for_backward(*tape, rows, weight_ih, weight_hh, mask)
        return tape.outputs[1:], tape.memory[-1]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_outputs: Tensor, grad_c: Tensor) -> tuple[Tensor | None, ...]:
        """The steps in reverse, then the gradients of all weights."""
        *kept, rows, weight_ih, weight_hh, mask = ctx.saved_tensors
        tape = Tape(*kept)
        grads = Gradients(
            torch.empty_like(tape.passed),
            torch.empty_like(tape.leaf_u),
            torch.cat([torch.empty_like(tape.memory[1:]), grad_c[None]]),
        )
        grad_h = _steps_back(ctx.cell, tape, grads, grad_outputs, weight_hh, mask)

        at_leaves = grads.nodes.flatten(0, 1).flatten(1)[:, : len(weight_hh)]
        fed = tape.outputs[:-1] if mask is None else tape.outputs[:-1] * mask
        grad_hh = torch.empty_like(weight_hh, dtype=grad_h.dtype)
        _product(at_leaves.to(rows.dtype).t(), fed.flatten(0, 1).to(rows.dtype), grad_hh)
        grad_bias = at_leaves.sum(0) if ctx.has_bias else None
        for number, leaf in enumerate(special_leaves(ctx.cell)):
            grads.nodes[:, :, leaf] = grads.leaf_u[:, :, number]
        at_leaves = at_leaves.to(rows.dtype)
        grad_ih = torch.empty_like(weight_ih, dtype=grad_h.dtype)
        _product(at_leaves.t(), rows, grad_ih)
        grad_x = None
        if ctx.needs_input_grad[2]:
            grad_x = (at_leaves @ weight_ih).view(*grad_outputs.shape[:2], -1).to(ctx.input_dtype)
        return None, None, grad_x, grad_h, grads.memory[0], grad_ih, grad_hh, grad_bias, None


def _product(a: Tensor, b: Tensor, out: Tensor) -> None:
    """The matrix product in the type of `b`, into `out`, which may be of a wider type."""
    if b.dtype == out.dtype:
        torch.mm(a, b, out=out)
    else:
        out.copy_(torch.mm(a.to(b.dtype), b))


def _steps_back(
    cell: RecurrentCell, tape: Tape, grads: Gradients, grad_outputs: Tensor, weight: Tensor, mask: Tensor | None
) -> Tensor:
    """Fills `grads`, whose last memory is the gradient of c_T; returns that of h_0."""
    total, bytes_of_step = len(grad_outputs), grads.nodes[0].numel() * grads.nodes.element_size()
    steps = total if grad_outputs.is_cuda else min(total, max(1, CACHE_BYTES // bytes_of_step))
    factors = Factors(torch.empty_like(grads.nodes[:steps]), torch.empty_like(tape.before[:steps]))
    grad_h = torch.zeros_like(grads.memory[0])
    for start in reversed(range(0, total, steps)):
        now = slice(start, min(total, start + steps))
        length = now.stop - start
        some_tape = Tape(*(part[now] for part in tape))
        some_factors = Factors(*(part[:length] for part in factors))
        some_grads = Gradients(grads.nodes[now], grads.leaf_u[now], grads.memory[start : now.stop + 1])
        write_factors(cell, some_tape, some_factors)
        program = backward_program(cell, some_tape, some_factors, some_grads, grad_h)
        at_leaves = some_grads.nodes[:, :, : cell.base].flatten(2).unbind(0)
        for step in reversed(range(length)):
            grad_h.add_(grad_outputs[start + step])
            program.run(step)
            _product(at_leaves[step], weight, grad_h)
            if mask is not None:
                grad_h.mul_(mask)
    return grad_h
