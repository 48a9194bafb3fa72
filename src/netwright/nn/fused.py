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
from netwright.nn.products import linear, packed
from netwright.nn.programs import (
    Factors,
    Gradients,
    Tape,
    backward_program,
    forward_program,
    new_gradients,
    new_tape,
    write_factors,
)
from netwright.nn.schedule import special_leaves

CACHE_BYTES = 2**22
"""On a processor, the factors of the way back are computed for as many steps at once as fit in a cache."""


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
        (steps, batch, _), leaves = x.shape, (cell.base, h.shape[1])
        rows, weight_ih, weight_hh = x.flatten(0, 1).to(dtype), weight_ih.to(dtype), weight_hh.to(dtype)
        u = linear(rows, weight_ih).to(h.dtype).view(steps, batch, *leaves).transpose(1, 2)
        v = h.new_empty(batch, *leaves)
        tape = new_tape(cell, u, h, c)
        program, weight = forward_program(cell, tape, v.transpose(0, 1)), packed(weight_hh, batch, steps)
        for step, output in enumerate(tape.outputs[:-1].unbind(0)):
            fed = output if mask is None else output * mask
            v.copy_(linear(fed.to(dtype), weight).view_as(v))
            if bias is not None:
                v.add_(bias.view(leaves))
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
        grads = new_gradients(tape, grad_c)
        grad_h = _steps_back(ctx.cell, tape, grads, grad_outputs, weight_hh, mask)

        fed = tape.outputs[:-1] if mask is None else tape.outputs[:-1] * mask
        by_v = grads.leaf_v.view(len(rows), -1)
        grad_hh = linear(by_v.to(rows.dtype).t(), fed.flatten(0, 1).to(rows.dtype).t()).to(grad_h.dtype)
        grad_bias = by_v.sum(0) if ctx.has_bias else None
        for number, leaf in enumerate(special_leaves(ctx.cell)):
            grads.leaf_v[:, :, leaf] = grads.leaf_u[:, number]
        by_u = by_v.to(rows.dtype)
        grad_ih = linear(by_u.t(), rows.t()).to(grad_h.dtype)
        grad_x = None
        if ctx.needs_input_grad[2]:
            grad_x = linear(by_u, weight_ih.t()).view(*grad_outputs.shape[:2], -1).to(ctx.input_dtype)
        return None, None, grad_x, grad_h, grads.memory[0], grad_ih, grad_hh, grad_bias, None


def _steps_back(
    cell: RecurrentCell, tape: Tape, grads: Gradients, grad_outputs: Tensor, weight: Tensor, mask: Tensor | None
) -> Tensor:
    """Fills `grads`, whose last memory is the gradient of c_T; returns that of h_0."""
    total, bytes_of_step = len(grad_outputs), grads.nodes[0].numel() * grads.nodes.element_size()
    steps = total if grad_outputs.is_cuda else min(total, max(1, CACHE_BYTES // bytes_of_step))
    factors = Factors(torch.empty_like(grads.nodes[:steps]), torch.empty_like(tape.before[:steps]))
    grad_h = torch.zeros_like(grads.memory[0])
    at_leaves = grads.leaf_v.flatten(2).unbind(0)
    for start in reversed(range(0, total, steps)):
        now = slice(start, min(total, start + steps))
        some_tape = Tape(*(part[now] for part in tape))
        some_factors = Factors(*(part[: now.stop - start] for part in factors))
        some_grads = Gradients(
            grads.nodes[now], grads.leaf_v[now], grads.leaf_u[now], grads.memory[start : now.stop + 1]
        )
        write_factors(cell, some_tape, some_factors)
        program = backward_program(cell, some_tape, some_factors, some_grads, grad_h)
        for step in reversed(range(start, now.stop)):
            grad_h.add_(grad_outputs[step])
            program.run(step - start)
            grad_h.copy_(linear(at_leaves[step].to(weight.dtype), weight.t()))
            if mask is not None:
                grad_h.mul_(mask)
    return grad_h
