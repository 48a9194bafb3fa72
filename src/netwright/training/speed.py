"""The choices that make a child fast and leave its mathematics alone: device, precision, memory format."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

import torch

Precision = Literal["auto", "float32", "bfloat16"]
Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True)
class Speed:
    """How to compute. "auto" uses a GPU and bfloat16 arithmetic where the machine has them.

    bfloat16 applies to convolutions and products only; weights, their updates and the statistics of batch normalisation
    stay in float32. `channels_last` stores images as [N, H, W, C], which convolutions prefer.

    Deviation: the paper's children were computed in float32, as far as is known.
    """

    device: Device = "auto"
    precision: Precision = "auto"
    channels_last: bool = True

    @property
    def torch_device(self) -> torch.device:
        """The device that "auto" stands for on this machine."""
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        return torch.device(self.device)

    @property
    def bfloat16(self) -> bool:
        """Whether arithmetic is in bfloat16."""
        return has_fast_bfloat16(self.torch_device) if self.precision == "auto" else self.precision == "bfloat16"

    @property
    def memory_format(self) -> torch.memory_format:
        """The layout of images and convolution weights."""
        return torch.channels_last if self.channels_last else torch.contiguous_format

    def arithmetic(self) -> AbstractContextManager[object]:
        """The context in which a forward pass runs."""
        if not self.bfloat16:
            return nullcontext()
        return torch.autocast(self.torch_device.type, dtype=torch.bfloat16)


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 itself; imitating it is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return any(bool(capabilities.get(name)) for name in ("avx512_bf16", "amx_bf16", "arm_bf16"))
