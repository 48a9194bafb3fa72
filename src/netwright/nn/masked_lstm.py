"""The LSTM whose steps with a recurrent dropout mask are fast on a GPU."""

import torch
from torch import Tensor

from netwright.nn import triton_steps
from netwright.nn.interface import State
from netwright.nn.lstm import LSTMLayer
from netwright.nn.products import product_dtype


class MaskedLSTMLayer(LSTMLayer):
    """`LSTMLayer`, with generated kernels for the steps with a recurrent mask on a GPU; cuDNN's LSTM knows no mask.

    It is a class of its own because exported code contains the source of `LSTMLayer`, which needs torch only.
    """

    def forward(
        self, x_TBI: Tensor, state: State, recurrent_mask: Tensor | None = None, kept_T2BH: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Return the outputs [T, B, H] and the state after the last step; see `LSTMLayer`."""
        if recurrent_mask is None or any(self.zoneout) or not triton_steps.can_run(state[0]):
            return super().forward(x_TBI, state, recurrent_mask, kept_T2BH)
        weight_ih, weight_hh, bias = self._weights()
        dtype = product_dtype(weight_hh)
        with torch.autocast(x_TBI.device.type, enabled=False):
            outputs, c = triton_steps.all_steps(
                triton_steps.lstm_kernels(), dtype, x_TBI, *state, weight_ih, weight_hh, bias, recurrent_mask
            )
        return outputs, (outputs[-1], c)
