"""Products of matrices where a recurrent layer needs them: with few rows, many times over."""

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional

STEPS_WORTH_PACKING = 8
"""Laying weights out anew costs about as much as it saves in that many products."""


def linear(a: Tensor, weight: Tensor) -> Tensor:
    """`a` [M, K] times the transpose of `weight` [N, K], without a gradient.

    On a processor oneDNN is asked itself, as torch's compiler does: for 20 rows and for the gradients of weights it is
    up to half again as fast as the library that torch would take.
    """
    return _by_onednn(a, weight) if weight.is_cpu and _has_onednn(weight.dtype) else functional.linear(a, weight)


def packed(weight: Tensor, num_rows: int, times: int) -> Tensor:
    """`weight` laid out for `times` calls of `linear` with `num_rows` rows, where that pays."""
    if times >= STEPS_WORTH_PACKING and weight.is_cpu and _has_onednn(weight.dtype):
        laid_out: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, num_rows)
        return laid_out
    return weight


def _by_onednn(a: Tensor, weight: Tensor) -> Tensor:
    product: Tensor = torch.ops.mkldnn._linear_pointwise(a, weight, None, "none", [], "")
    return product


@cache
def _has_onednn(dtype: torch.dtype) -> bool:
    """Whether this build of torch has the two operations above, which torch does not promise to keep, and they work."""
    if dtype not in (torch.float32, torch.bfloat16) or not torch.backends.mkldnn.is_available():
        return False
    identity = torch.eye(4, dtype=dtype)
    try:
        laid_out = torch.ops.mkldnn._reorder_linear_weight(identity, 4)
        return all(torch.equal(_by_onednn(identity, weight), identity) for weight in (identity, laid_out))
    except (AttributeError, RuntimeError, TypeError):
        return False
