"""Checkpoints: the state of a training on disk after every epoch, so that a killed training can continue.

train_classifier(network, split, ..., checkpoint=Checkpoint(path))     # again after a crash: same weights
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from netwright.errors import DataError
from netwright.files import LARGEST_WEIGHTS, check_readable, replace_whole
from netwright.nn.optimizers import Optimizer


@dataclass(frozen=True)
class Checkpoint:
    """One file with the weights, the optimiser's state, the generator's state and the history of all epochs.

    A training that keeps the best epoch stores that epoch's weights too.
    """

    path: Path

    def save(
        self,
        network: nn.Module,
        optimizer: Optimizer,
        generator: torch.Generator,
        history: dict[str, list[float]],
        best: Mapping[str, Tensor] = MappingProxyType({}),
    ) -> None:
        """Replace the file atomically: at any time it is complete, of this epoch or of the one before.

        Args:
            network: the network after the epoch.
            optimizer: its optimiser.
            generator: the generator of the training's random numbers.
            history: the measurements of all epochs so far.
            best: the weights of the best epoch, if the training keeps them.

        Raises:
            RunError: the file cannot be written, for example because the disk is full.
        """
        tensors = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
        for name, weight in network.named_parameters():
            known = optimizer.state[weight]
            tensors |= {f"optimizer.{key}.{name}": value for key, value in known.items()}
        tensors |= {f"best.{name}": tensor for name, tensor in best.items()}
        tensors["generator"] = generator.get_state()
        # Safetensors stores contiguous tensors only.
        plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
        replace_whole(self.path, save_tensors(plain, metadata={"history": json.dumps(history)}))

    def restore(
        self,
        network: nn.Module,
        optimizer: Optimizer,
        generator: torch.Generator,
        best: dict[str, Tensor] | None = None,
    ) -> dict[str, list[float]] | None:
        """Restore the arguments in place to the end of the last stored epoch; `best` gets the best epoch's weights.

        Returns:
            The history of the stored epochs; None if there is no file yet.

        Raises:
            DataError: the file is damaged or belongs to another training.
        """
        if not self.path.exists():
            return None
        try:
            check_readable(self.path, LARGEST_WEIGHTS)
            with safe_open(self.path, framework="pt") as file:
                history: dict[str, list[float]] = json.loads(file.metadata()["history"])
            tensors = load_file(self.path)
            network.load_state_dict(_below("network.", tensors))
            known = _below("optimizer.", tensors)
            generator.set_state(tensors["generator"])
            if best is not None:
                best |= _below("best.", tensors)
        except (OSError, SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{self.path} is no checkpoint of this training ({error}); remove it to train from the start"
            ) from error
        weights = dict(network.named_parameters())
        for path, value in known.items():
            key, name = path.split(".", 1)
            # Velocities and moments have the weight's device and memory format; Adam's step count is a scalar.
            like_weight = value.shape == weights[name].shape
            restored = torch.empty_like(weights[name]).copy_(value) if like_weight else value
            optimizer.state[weights[name]][key] = restored
        return history


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
