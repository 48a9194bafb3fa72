"""Recurrent layers on a GPU: each step is one matrix product and one generated Triton kernel, in both directions.

`triton_source` writes the kernels. On a GPU a step of a few thousand values takes as long as its operations take to
start, and `fused` starts some thirty of them.

Shapes: T steps, B sequences, I inputs, H hidden units, L leaves (four gates in an LSTM).
"""

import hashlib
import linecache
import warnings
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.nn import functional

from netwright.architectures.recurrent import CellNode, RecurrentCell
from netwright.nn.schedule import special_leaves
from netwright.nn.triton_source import cell_source, lstm_source

BLOCK = 128
"""Values that one program of a kernel computes."""
KERNELS_KEPT = 64
"""Cells whose kernels a process keeps; a search trains thousands of cells, one or a few at a time."""


class StepKernels(NamedTuple):
    """The two kernels of a step, as `triton_source` describes them."""

    forward: Any
    backward: Any
    gradients_differ: bool
    """Whether the gradients of W_ih x and W_hh h differ in any leaf."""


@lru_cache(KERNELS_KEPT)
def cell_kernels(cell: RecurrentCell) -> StepKernels:
    """Return the kernels of a cell; Triton compiles them when they first run, and keeps the result on disk."""
    return _kernels(cell_source(cell), gradients_differ=bool(special_leaves(cell)))


@cache
def lstm_kernels() -> StepKernels:
    """Return the kernels of an LSTM without peepholes and zoneout."""
    return _kernels(lstm_source(), gradients_differ=False)


def _kernels(source: str, *, gradients_differ: bool) -> StepKernels:
    """Execute `source`. Triton reads the text of a kernel as `inspect` does, which finds it in `linecache`."""
    name = f"netwright_step_{hashlib.sha256(source.encode()).hexdigest()[:16]}.py"
    linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name
    module: dict[str, Any] = {"__name__": __name__}
    exec(compile(source, name, "exec"), module)
    return StepKernels(module["forward"], module["backward"], gradients_differ)


def can_run(h: Tensor) -> bool:
    """Whether the kernels can compute a layer whose state is like `h`: on a GPU with Triton, and not in float64."""
    return h.is_cuda and h.dtype != torch.float64 and _runs_on(h.device)


@cache
def _runs_on(device: torch.device) -> bool:
    """Run one small step on `device`; if that fails, warn once and return False."""
    leaf = CellNode("add", "tanh")
    h = torch.zeros(1, 1, device=device)
    try:
        weight = h.new_zeros(2, 1)
        kernels = cell_kernels(RecurrentCell((leaf, leaf, leaf), leaf, 0, 0))
        all_steps(kernels, h.dtype, h[None], h, h, weight, weight, None, None)
        return True
    # Triton needs a C compiler and Python's headers, and what it raises without them is its own affair.
    except Exception as error:
        warnings.warn(
            f"Triton cannot run on {device}, so recurrent cells are computed by slower operations: {error}",
            RuntimeWarning,
            stacklevel=2,
        )
        return False


class _Context(FunctionCtx):
    """What the forward pass stores for the backward pass."""

    kernels: StepKernels
    input_dtype: torch.dtype
    saved_tensors: tuple[Tensor, ...]
    needs_input_grad: tuple[bool, ...]


class KernelFunction(torch.autograd.Function):
    """Apply a step to a whole sequence; `all_steps` is its typed form.

    Inputs: x [T, B, I], h_0 and c_0 [B, H], weight_ih [L H, I], weight_hh [L H, H], bias [L H] or None, and the
    recurrent dropout mask [B, H] or None, which gets no gradient. Outputs: [T, B, H] and c_T [B, H]. Matrices are
    multiplied in `dtype`; states, outputs and their gradients have the dtype of h_0.
    """

    @staticmethod
    def forward(
        ctx: _Context,
        kernels: StepKernels,
        dtype: torch.dtype,
        x: Tensor,
        h: Tensor,
        c: Tensor,
        weight_ih: Tensor,
        weight_hh: Tensor,
        bias: Tensor | None,
        mask: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """Compute all steps; the products and the states are kept."""
        (steps, batch, _), hidden = x.shape, h.shape[1]
        rows, weight_ih, weight_hh = x.flatten(0, 1).to(dtype), weight_ih.to(dtype), weight_hh.to(dtype)
        mask = None if mask is None else mask.contiguous()
        u = functional.linear(rows, weight_ih).view(steps, batch, -1)
        v = torch.empty_like(u)
        outputs, memory = h.new_empty(2, steps + 1, batch, hidden).unbind(0)
        outputs[0], memory[0] = h, c
        fed: Tensor = outputs
        all_fed: Sequence[Tensor | None] = [None] * steps
        if mask is not None or dtype != h.dtype:
            fed = h.new_empty(steps + 1, batch, hidden, dtype=dtype)
            fed[0] = h if mask is None else h * mask
            all_fed = fed[1:].unbind(0)
        run, by_hidden = _launcher(kernels.forward, h), weight_hh.t()
        with torch.cuda.device_of(h):
            for step, (into_v, next_fed) in enumerate(zip(v.unbind(0), all_fed, strict=True)):
                torch.mm(fed[step], by_hidden, out=into_v)
                run(u[step], into_v, bias, memory[step], mask, outputs[step + 1], memory[step + 1], next_fed)
        ctx.kernels, ctx.input_dtype = kernels, x.dtype
        ctx.save_for_backward(rows, weight_ih, weight_hh, bias, mask, u, v, outputs, memory, fed)  # type: ignore[arg-type]
        return outputs[1:], memory[-1]

    @staticmethod
    @once_differentiable
    def backward(ctx: _Context, grad_outputs: Tensor, grad_c: Tensor) -> tuple[Tensor | None, ...]:
        """Go through the steps in reverse, then compute the gradients of all weights."""
        rows, weight_ih, weight_hh, bias, mask, u, v, outputs, memory, fed = ctx.saved_tensors
        grad_outputs, grad_c = grad_outputs.contiguous(), grad_c.clone(memory_format=torch.contiguous_format)
        grad_v = torch.empty_like(v)
        grad_u = torch.empty_like(u) if ctx.kernels.gradients_differ else None
        grad_fed = torch.zeros_like(fed[0])
        run = _launcher(ctx.kernels.backward, grad_fed)
        for step in reversed(range(len(u))):
            by_u, by_v = None if grad_u is None else grad_u[step], grad_v[step]
            run(u[step], v[step], bias, memory[step], mask, grad_outputs[step], grad_fed, grad_c, by_u, by_v)
            torch.mm(by_v, weight_hh, out=grad_fed)
        grad_h = grad_fed.to(outputs.dtype)
        if mask is not None:
            grad_h = grad_h * mask
        by_v = grad_v.flatten(0, 1)
        by_u = by_v if grad_u is None else grad_u.flatten(0, 1)
        grad_ih = (by_u.t() @ rows).to(outputs.dtype)
        grad_hh = (by_v.t() @ fed[:-1].flatten(0, 1)).to(outputs.dtype)
        grad_bias = None if bias is None else by_v.sum(0, dtype=outputs.dtype)
        grad_x = None
        if ctx.needs_input_grad[2]:
            grad_x = (by_u @ weight_ih).view(*grad_outputs.shape[:2], -1).to(ctx.input_dtype)
        return None, None, grad_x, grad_h, grad_c, grad_ih, grad_hh, grad_bias, None


def _launcher(kernel: Any, h: Tensor) -> Callable[..., object]:
    """Return a function that starts `kernel` for all values of `h` [B, H], given its tensors."""
    total, hidden = h.numel(), h.shape[1]
    grid = (-(-total // BLOCK),)
    return lambda *tensors: kernel[grid](*tensors, total, hidden, BLOCK=BLOCK)


all_steps: Callable[..., tuple[Tensor, Tensor]] = KernelFunction.apply
