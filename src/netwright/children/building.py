"""`nw.build`: networks for images as modules; first weights, parameters and multiply-adds of any module."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from netwright.architectures.families import entry_of
from netwright.architectures.named import OwnNetwork, ReferenceNetwork
from netwright.children.convolutional import ConvNetModule
from netwright.children.named import build_own, build_reference
from netwright.children.plain import PlainNetModule
from netwright.errors import ConfigError

MODULES: dict[str, Callable[[Any, int, int, float, tuple[int, int]], nn.Module]] = {
    "ConvNet": lambda network, num_classes, in_channels, epsilon, image_size: ConvNetModule(
        network, num_classes, in_channels, epsilon
    ),
    "PlainNet": lambda network, num_classes, in_channels, epsilon, image_size: PlainNetModule(
        network, num_classes, in_channels, image_size
    ),
    "ReferenceNetwork": lambda network, num_classes, in_channels, epsilon, image_size: build_reference(
        network, num_classes, in_channels, image_size
    ),
    "OwnNetwork": lambda network, num_classes, in_channels, epsilon, image_size: build_own(
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
        architecture: A `ConvNet`, for images of any size, a `PlainNet`, a `ReferenceNetwork` or an `OwnNetwork`.
        num_classes: The number of logits.
        in_channels: Channels of the images.
        epsilon: What the batch normalisation of a `ConvNet` adds to the variance.
        image_size: (height, width) of the images in pixels; all but a `ConvNet` may depend on it.

    Raises:
        ConfigError: netwright cannot build this kind of architecture, or the images are too small for it.
    """
    make = entry_of(MODULES, architecture)
    if make is None:
        raise ConfigError(
            f"cannot build a {type(architecture).__name__}; expected a ConvNet, a PlainNet or a ReferenceNetwork. A "
            "space with architectures of its own needs an `evaluate` function of its own"
        )
    return make(architecture, num_classes, in_channels, epsilon, image_size)


def build_with_weights(
    architecture: object,
    num_classes: int,
    in_channels: int,
    image_size: tuple[int, int],
    *,
    seed: int,
    epsilon: float = 1e-5,
) -> nn.Module:
    """Build a module as `build` does, with first weights that derive from `seed`.

    A `ReferenceNetwork` and an `OwnNetwork` sample their own; the others' are those of `initialise`.
    """
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        network = build(architecture, num_classes, in_channels, epsilon, image_size)
    if not isinstance(architecture, ReferenceNetwork | OwnNetwork):
        initialise(network, seed)
    return network


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
