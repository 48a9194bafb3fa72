"""Settings of speed that do not change what a child computes: device, precision, memory format."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

import torch

Precision = Literal["auto", "float32", "bfloat16"]
Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True)
class Speed:
    """Device, precision and memory format of a training or measurement.

    bfloat16 applies to convolutions and matrix products only; weights, their updates and the statistics of batch
    normalisation are float32.

    Deviation: as far as is known, the paper's children were trained in float32.

    Args:
        device: "auto" is a GPU if the machine has one.
        precision: "auto" is bfloat16 if the device supports it in hardware.
        channels_last: whether images are stored as [N, H, W, C], which makes convolutions faster.
    """

    device: Device = "auto"
    precision: Precision = "auto"
    channels_last: bool = True

    @property
    def torch_device(self) -> torch.device:
        """The device, with "auto" resolved for this machine."""
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
        """Return the context manager of a forward pass: autocast for bfloat16, otherwise none."""
        if not self.bfloat16:
            return nullcontext()
        return torch.autocast(self.torch_device.type, dtype=torch.bfloat16)


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether the device supports bfloat16 in hardware; emulation is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return any(bool(capabilities.get(name)) for name in ("avx512_bf16", "amx_bf16", "arm_bf16"))
