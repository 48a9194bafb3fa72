"""A training on disk after its last epoch, so that one of many hours survives being killed."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from netwright.errors import DataError
from netwright.writing import replace_whole

BUFFER = "momentum_buffer"
"""The name by which SGD keeps a weight's velocity."""


@dataclass(frozen=True)
class Checkpoint:
    """One file; it holds weights, velocities, the state of the random numbers, and what every epoch gave."""

    path: Path

    def save(
        self,
        network: nn.Module,
        optimizer: torch.optim.SGD,
        generator: torch.Generator,
        history: dict[str, list[float]],
    ) -> None:
        """Replace the file as a whole: it is that of this epoch or of the one before.

        `RunError` where the disk is full.
        """
        tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
        for name, weight in network.named_parameters():
            if optimizer.state[weight].get(BUFFER) is not None:
                tensors[f"velocity.{name}"] = optimizer.state[weight][BUFFER]
        tensors["generator"] = generator.get_state()
        # Safetensors knows no memory formats: everything is laid out plainly.
        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        replace_whole(self.path, save_tensors(plain, metadata={"history": json.dumps(history)}))

    def restore(
        self, network: nn.Module, optimizer: torch.optim.SGD, generator: torch.Generator
    ) -> dict[str, list[float]] | None:
        """Put everything back where it was and return what the epochs gave; None where there is no file yet."""
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                history: dict[str, list[float]] = json.loads(file.metadata()["history"])
            tensors = load_file(self.path)
            network.load_state_dict(_below("network.", tensors))
            velocities = _below("velocity.", tensors)
            generator.set_state(tensors["generator"])
        except (OSError, SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{self.path} is no checkpoint of this training ({error}); remove it to train from the start"
            ) from error
        for name, weight in network.named_parameters():
            if name in velocities:
                # Copied into a tensor like the weight, for its memory format and device.
                optimizer.state[weight][BUFFER] = torch.empty_like(weight).copy_(velocities[name])
        return history


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
