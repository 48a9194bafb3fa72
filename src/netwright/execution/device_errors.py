"""Errors of a device that do not tell what they are by their class: exhausted memory, and a broken CUDA context.

Importing this module does not import torch.
"""

import sys

from netwright.trials import Failure, FailureKind

OUT_OF_MEMORY = (
    "can't allocate memory",  # DefaultCPUAllocator
    "CUDA out of memory",
    "CUDA error: out of memory",
    "ALLOC_FAILED",  # CUDNN_STATUS_ALLOC_FAILED, CUBLAS_STATUS_ALLOC_FAILED
    "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED",
)
"""What torch, cuDNN and cuBLAS say in a RuntimeError when memory is exhausted."""
BROKEN_CONTEXT = (
    "an illegal memory access was encountered",
    "an illegal instruction was encountered",
    "context is destroyed",
    "device-side assert triggered",
    "hardware stack error",
    "invalid program counter",
    "misaligned address",
    "operation not supported on global/shared address space",
    "the launch timed out and was terminated",
    "uncorrectable ECC error encountered",
    "uncorrectable NVLink error",
    "unspecified launch failure",
)
"""What CUDA says of errors after which every later call of the process fails, too."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether memory was exhausted, of the machine or of a GPU.

    Torch has a class for its own allocator on a GPU, and raises a plain RuntimeError (or its AcceleratorError, which is
    one) elsewhere.
    """
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and any(spelling in text_of(error) for spelling in OUT_OF_MEMORY))
    )


def is_out_of_gpu_memory(failure: Failure) -> bool:
    """Return whether a child failed because a GPU's memory was exhausted."""
    libraries = ("cuda", "cudnn", "cublas")
    return failure.kind is FailureKind.OUT_OF_MEMORY and any(each in failure.message.lower() for each in libraries)


def is_broken_context(error: BaseException) -> bool:
    """Return whether this process can no longer use its GPU: by what `error` says, or else by asking the GPU.

    CUDA reports such an error at any later call, so an earlier child may have caused it. Libraries report it in words
    of their own, so the GPU is asked, too.
    """
    text = text_of(error) if isinstance(error, RuntimeError) else ""
    return ("CUDA" in text and any(spelling in text for spelling in BROKEN_CONTEXT)) or _gpu_answers_no_more()


def _gpu_answers_no_more() -> bool:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return False
    try:
        torch.cuda.synchronize()
    except RuntimeError as error:
        return not is_out_of_memory(error)
    return False


def empty_gpu_cache() -> None:
    """Return the memory that torch keeps for reuse to the GPU, whose other processes may need it."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def text_of(error: BaseException) -> str:
    """Return the text of an exception of any class, whose `__str__` may raise, too."""
    try:
        return str(error)
    except Exception as another:
        return f"<its text cannot be made: {type(another).__name__}>"
