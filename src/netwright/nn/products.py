"""Products of matrices where a recurrent layer needs them: with few rows, many times over."""

import torch
from torch import Tensor
from torch.nn import functional


def linear(a: Tensor, weight: Tensor) -> Tensor:
    """`a` [M, K] times the transpose of `weight` [N, K], without a gradient.

    On a processor oneDNN is asked itself, as torch's compiler does: for 20 rows and for the gradients of weights it is
    up to half again as fast as the library that torch would take.
    """
    if _is_for_onednn(weight):
        product: Tensor = torch.ops.mkldnn._linear_pointwise(a, weight, None, "none", [], "")
        return product
    return functional.linear(a, weight)


def packed(weight: Tensor, num_rows: int, times: int) -> Tensor:
    """`weight` laid out for `times` calls of `linear` with `num_rows` rows, where that pays."""
    if _is_for_onednn(weight) and times >= 8:
        laid_out: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight, num_rows)
        return laid_out
    return weight


def _is_for_onednn(weight: Tensor) -> bool:
    return (
        weight.device.type == "cpu"
        and weight.dtype in (torch.float32, torch.bfloat16)
        and torch.backends.mkldnn.is_available()
    )
