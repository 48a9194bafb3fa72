"""What a user's code may change in the process that runs it: the working directory and torch's defaults.

Importing this module does not import torch.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def surroundings_restored() -> Iterator[None]:
    """Restore the working directory and torch's defaults at the end of the block, so that each child finds the same.

    The global random generators are not restored: children that sample from them would all get the same numbers.
    """
    folder = _working_directory()
    with defaults_restored():
        try:
            yield
        finally:
            if folder is not None and _working_directory() != folder:
                with contextlib.suppress(OSError):  # the folder was removed
                    os.chdir(folder)


def _working_directory() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109
    except OSError:  # it was removed
        return None


@contextmanager
def defaults_restored() -> Iterator[None]:
    """Restore torch's default data type, default device and gradient mode at the end of the block."""
    torch = sys.modules.get("torch")
    before = (torch.get_default_dtype(), torch.get_default_device(), torch.is_grad_enabled()) if torch else None
    try:
        yield
    finally:
        if torch := sys.modules.get("torch"):
            dtype, device, gradients = before or (torch.float32, torch.device("cpu"), True)
            torch.set_default_dtype(dtype)
            torch.set_grad_enabled(gradients)
            if torch.get_default_device() != device:
                torch.set_default_device(None if device == torch.device("cpu") else device)


@contextmanager
def standard_defaults() -> Iterator[None]:
    """Run the block with torch's standard defaults (float32, CPU, gradients), and restore the caller's at its end.

    The strategies run in this block, so that a user's defaults change no trial.
    """
    import torch  # takes seconds, and `--help` imports this module

    with defaults_restored(), torch.inference_mode(False), torch.enable_grad():
        torch.set_default_dtype(torch.float32)
        if torch.get_default_device() == torch.device("cpu"):
            yield
        else:  # a device as a context slows every call of torch down
            with torch.device("cpu"):
                yield
