"""Matrix products for recurrent layers, which multiply a few rows by the same weights at every step."""

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

STEPS_WORTH_PACKING = 8
"""Packing weights takes about as much time as it saves in this many products."""


def product_dtype(weight: Tensor) -> torch.dtype:
    """Return the type in which products with `weight` are computed: that of autocast where it is on, else its own."""
    device = weight.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype


def linear(a: Tensor, weight: Tensor) -> Tensor:
    """Return `a` [M, K] times the transpose of `weight` [N, K], without a gradient.

    On a CPU this calls oneDNN directly, as torch's compiler does: for 20 rows and for the gradients of weights it is up
    to 1.5 times as fast as the library that torch would use.
    """
    return _by_onednn(a, weight) if weight.is_cpu and _has_onednn(weight.dtype) else functional.linear(a, weight)


def packed(weight: Tensor, num_rows: int, times: int) -> Tensor:
    """Return `weight` in oneDNN's layout for products with `num_rows` rows if `times` calls of `linear` justify it."""
    if times >= STEPS_WORTH_PACKING and weight.is_cpu and _has_onednn(weight.dtype):
        laid_out: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, num_rows)
        return laid_out
    return weight


def _by_onednn(a: Tensor, weight: Tensor) -> Tensor:
    product: Tensor = torch.ops.mkldnn._linear_pointwise(a, weight, None, "none", [], "")
    return product


@cache
def _has_onednn(dtype: torch.dtype) -> bool:
    """Whether this build of torch has the two private operations above and they compute correctly in `dtype`."""
    if dtype not in (torch.float32, torch.bfloat16) or not torch.backends.mkldnn.is_available():
        return False
    identity = torch.eye(4, dtype=dtype)
    try:
        laid_out = torch.ops.mkldnn._reorder_linear_weight(identity, 4)
        return all(torch.equal(_by_onednn(identity, weight), identity) for weight in (identity, laid_out))
    except (AttributeError, RuntimeError, TypeError):
        return False
