"""Settings of speed that do not change what a child computes: device, precision, memory format."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import wraps
from typing import Literal, ParamSpec, TypeVar

import torch

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Precision = Literal["auto", "float32", "bfloat16"]
Device = Literal["auto", "cpu", "cuda"]
CUBLAS_WORKSPACE = ("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
"""An environment variable, read when a process first multiplies matrices on a GPU, and a value with which cuBLAS is
deterministic."""


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
        deterministic: whether cuDNN and cuBLAS are limited to algorithms that give the same bits every time.
    """

    device: Device = "auto"
    precision: Precision = "auto"
    channels_last: bool = True
    deterministic: bool = True

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

    @contextmanager
    def backends(self) -> Iterator[None]:
        """Set torch's switches for a GPU in the block, and restore them after it; on a CPU it does nothing.

        A deterministic training always takes the same algorithms. Where arithmetic is in float32, TF32 is off, which
        keeps 10 of the 23 bits of a factor's fraction, and with which torch computes convolutions by default.
        """
        if self.torch_device.type != "cuda":
            yield
            return
        cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
        wanted: list[tuple[object, str]] = []
        if self.deterministic:
            os.environ.setdefault(*CUBLAS_WORKSPACE)
            wanted += [(cudnn, "benchmark")]
        if not self.bfloat16:
            wanted += [(cudnn, "allow_tf32"), (matmul, "allow_tf32")]
        before = [(backend, name, getattr(backend, name)) for backend, name in [*wanted, (cudnn, "deterministic")]]
        for backend, name in wanted:
            setattr(backend, name, False)
        cudnn.deterministic = self.deterministic
        try:
            yield
        finally:
            for backend, name, value in before:
                setattr(backend, name, value)


def at_its_speed(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Decorate a function with a keyword argument `speed`, so that it runs with the `backends` of that speed."""

    @wraps(function)
    def at_speed(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        speed = kwargs["speed"]
        assert isinstance(speed, Speed)
        with speed.backends():
            return function(*args, **kwargs)

    return at_speed


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether the device supports bfloat16 in hardware; emulation is slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return any(bool(capabilities.get(name)) for name in ("avx512_bf16", "amx_bf16", "arm_bf16"))
