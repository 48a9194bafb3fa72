"""What made a result: the command, the time, the versions, the hardware."""

import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version

import torch

from netwright.architectures.values import JsonObject


def provenance() -> JsonObject:
    """Return what made the results of this process, for the documents of runs and models."""
    return {
        "command": sys.argv,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {name: version(name) for name in ("netwright", "torch", "numpy")}
        | {"python": platform.python_version()},
        "hardware": hardware(),
    }


def hardware() -> str:
    """Describe the processor and the GPU."""
    capability = torch.backends.cpu.get_cpu_capability()
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    name = torch.cpu.get_capabilities().get("cpu_name", platform.processor())
    return f"{name} ({capability}, {os.cpu_count()} cores){gpu}"
