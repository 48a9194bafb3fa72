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
from netwright.files import replace_whole
from netwright.nn.optimizers import Optimizer


@dataclass(frozen=True)
class Checkpoint:
    """One file: weights, what the optimizer knows of each, the state of the random numbers, what every epoch gave."""

    path: Path

    def save(
        self,
        network: nn.Module,
        optimizer: Optimizer,
        generator: torch.Generator,
        history: dict[str, list[float]],
    ) -> None:
        """Replace the file as a whole: it is that of this epoch or of the one before.

        `RunError` where the disk is full.
        """
        tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
        for name, weight in network.named_parameters():
            known = optimizer.state[weight]
            tensors |= {f"optimizer.{key}.{name}": value for key, value in known.items()}
        tensors["generator"] = generator.get_state()
        # Safetensors knows no memory formats: everything is laid out plainly.
        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        replace_whole(self.path, save_tensors(plain, metadata={"history": json.dumps(history)}))

    def restore(
        self, network: nn.Module, optimizer: Optimizer, generator: torch.Generator
    ) -> dict[str, list[float]] | None:
        """Put everything back where it was and return what the epochs gave; None where there is no file yet."""
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                history: dict[str, list[float]] = json.loads(file.metadata()["history"])
            tensors = load_file(self.path)
            network.load_state_dict(_below("network.", tensors))
            known = _below("optimizer.", tensors)
            generator.set_state(tensors["generator"])
        except (OSError, SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{self.path} is no checkpoint of this training ({error}); remove it to train from the start"
            ) from error
        weights = dict(network.named_parameters())
        for path, value in known.items():
            key, name = path.split(".", 1)
            # Velocities and moments lie in memory as the weight does; Adam's count of steps is a plain number.
            like_weight = value.shape == weights[name].shape
            placed = torch.empty_like(weights[name]).copy_(value) if like_weight else value
            optimizer.state[weights[name]][key] = placed
        return history


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
