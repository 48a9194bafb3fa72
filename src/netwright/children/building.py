"""`nw.build`: networks for images as modules; first weights and parameter counts of any module."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from netwright.architectures.families import entry_of
from netwright.children.convolutional import ConvNetModule
from netwright.children.plain import PlainNetModule
from netwright.errors import ConfigError

MODULES: dict[str, Callable[[Any, int, int, float, tuple[int, int]], nn.Module]] = {
    "ConvNet": lambda network, num_classes, in_channels, epsilon, image_size: ConvNetModule(
        network, num_classes, in_channels, epsilon
    ),
    "PlainNet": lambda network, num_classes, in_channels, epsilon, image_size: PlainNetModule(
        network, num_classes, in_channels, image_size
    ),
}
"""How a network of each family that is trained on images is built; the arguments are those of `build`."""


def build(
    architecture: object,
    num_classes: int = 10,
    in_channels: int = 3,
    epsilon: float = 1e-5,
    image_size: tuple[int, int] = (32, 32),
) -> nn.Module:
    """Build a fresh, untrained module that maps images [N, in_channels, H, W] to logits [N, num_classes].

    Args:
        architecture: A `ConvNet`, for images of any size, or a `PlainNet`.
        num_classes: The number of logits.
        in_channels: Channels of the images.
        epsilon: What the batch normalisation of a `ConvNet` adds to the variance.
        image_size: (height, width) of the images that a `PlainNet` reads, in pixels.

    Raises:
        ConfigError: netwright cannot build this kind of architecture, or the images are too small for it.
    """
    make = entry_of(MODULES, architecture)
    if make is None:
        raise ConfigError(
            f"cannot build a {type(architecture).__name__}; expected a ConvNet or a PlainNet. A space with "
            "architectures of its own needs an `evaluate` function of its own"
        )
    return make(architecture, num_classes, in_channels, epsilon, image_size)


def initialise(module: nn.Module, seed: int) -> None:
    """Sample every weight anew: He et al. 2015 for convolutions, U(+-1/sqrt(inputs)) for linear layers.

    The convolutions' standard deviation is sqrt(2 / (kernel area * filters)), as in DenseNet, whose training the
    paper follows.

    Args:
        module: A network of convolutions, linear layers and batch normalisation.
        seed: All randomness derives from it.
    """
    generator = torch.Generator().manual_seed(seed)
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu", generator=generator)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        elif isinstance(part, nn.Linear):
            bound = part.in_features**-0.5
            nn.init.uniform_(part.weight, -bound, bound, generator=generator)
            nn.init.zeros_(part.bias)
        elif isinstance(part, nn.BatchNorm2d):
            part.reset_parameters()


def num_parameters(module: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
