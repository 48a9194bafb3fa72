"""The LSTM as it is computed on a GPU: in the type that was asked for, and fast with a recurrent dropout mask."""

import torch
from torch import Tensor

from netwright.nn import triton_steps
from netwright.nn.interface import State
from netwright.nn.lstm import LSTMLayer
from netwright.nn.products import product_dtype


class GpuLSTMLayer(LSTMLayer):
    """`LSTMLayer`, which is computed otherwise on a GPU in two cases; on a CPU it is the same.

    - Under autocast the steps are computed in its type. Torch's LSTM would take float16, whichever type autocast was
      given, and large values would overflow.
    - Steps with a recurrent mask, which cuDNN's LSTM does not support, are computed by generated kernels.

    It is a separate class because exported code includes the source of `LSTMLayer`, which must need torch only.
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

    def _fused(self, x_TBI: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compute all steps by torch's LSTM, in the type of autocast on a GPU."""
        if not is_autocast_for_gpu(x_TBI.device.type):
            return super()._fused(x_TBI, h, c)
        weights = (*self._weights(), self.lstm.get_buffer("bias_hh_l0"))
        dtype = product_dtype(weights[0])
        # One after the other in memory, as cuDNN needs them.
        flat = torch.cat([weight.flatten() for weight in weights]).to(dtype)
        parts = [
            part.view_as(weight)
            for part, weight in zip(flat.split([weight.numel() for weight in weights]), weights, strict=True)
        ]
        state = (h[None].to(dtype), c[None].to(dtype))
        with torch.autocast(x_TBI.device.type, enabled=False):
            output, h, c = torch.lstm(x_TBI.to(dtype), state, parts, True, 1, 0.0, self.training, False, False)
        return output, h, c


def is_autocast_for_gpu(device: str) -> bool:
    """Return whether autocast is on for `device`, "cuda" for example, and this is no CPU."""
    return device != "cpu" and torch.is_autocast_enabled(device)
