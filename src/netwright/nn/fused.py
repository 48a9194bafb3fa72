"""A cell over a whole sequence as one autograd function: few large operations instead of many small ones.

Forward, one matrix product projects the inputs of all steps; each step is one recurrent product and the operations of
`forward_program`. Backward, each step is the operations of `backward_program` and one product; at the end one product
gives the gradient of each weight matrix.

Shapes: T steps, B sequences, I inputs, H hidden units, N nodes, L leaves.
"""

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

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
"""On a CPU, the derivatives for the backward pass are computed for as many steps at once as fit in this much cache."""


class _Context(FunctionCtx):
    """What the forward pass stores for the backward pass."""

    cell: RecurrentCell
    input_dtype: torch.dtype
    has_bias: bool
    saved_tensors: tuple[Tensor, ...]
    needs_input_grad: tuple[bool, ...]


class TreeFunction(torch.autograd.Function):
    """Apply a cell to a whole sequence; `TreeLayer` calls it.

    Inputs: x [T, B, I], h_0 and c_0 [B, H], weight_ih [L H, I], weight_hh [L H, H], bias [L H] or None, and the
    recurrent dropout mask [B, H] or None, which gets no gradient. Outputs: [T, B, H] and c_T [B, H]. Matrices are
    multiplied in `dtype`; everything else has the dtype of h_0.
    """

    @staticmethod
    def forward(
        ctx: _Context,
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
        """Compute all steps and store the tape."""
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
        ctx.save_for_backward(*tape, rows, weight_ih, weight_hh, mask)  # type: ignore[arg-type]  # None is saved too
        return tape.outputs[1:], tape.memory[-1]

    @staticmethod
    @once_differentiable
    def backward(ctx: _Context, grad_outputs: Tensor, grad_c: Tensor) -> tuple[Tensor | None, ...]:
        """Go through the steps in reverse, then compute the gradients of all weights."""
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
    """Fill `grads`, whose last memory is the gradient of c_T, and return the gradient of h_0."""
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
