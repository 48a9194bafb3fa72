"""What made a result: the command, the time, the versions, the hardware."""

import os
import platform
import sys
from collections import Counter
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
    """Describe the processor and the GPUs."""
    capability = torch.backends.cpu.get_cpu_capability()
    gpus = Counter(torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count()))
    in_words = "".join(f", {count} x {name}" if count > 1 else f", {name}" for name, count in gpus.items())
    name = torch.cpu.get_capabilities().get("cpu_name", platform.processor())
    return f"{name} ({capability}, {os.cpu_count()} cores){in_words}"
