"""`nw.build`: any architecture that netwright knows as a module."""

from typing import Any

from torch import nn

from netwright.architectures.convolutional import ConvNet
from netwright.architectures.plain import PlainNet
from netwright.children.convolutional import ConvNetModule
from netwright.children.plain import PlainNetModule
from netwright.errors import ConfigError


def build(
    architecture: Any,
    num_classes: int = 10,
    in_channels: int = 3,
    epsilon: float = 1e-5,
    image_size: tuple[int, int] = (32, 32),
) -> nn.Module:
    """A fresh, untrained module of `architecture`; `ConfigError` for a type that netwright cannot build.

    It takes images [N, in_channels, H, W] and gives logits [N, num_classes]. A ConvNet takes images of any size, and
    `epsilon` is that of its batch normalisation; a PlainNet takes those of `image_size`, (height, width).
    """
    if isinstance(architecture, ConvNet):
        return ConvNetModule(architecture, num_classes, in_channels, epsilon)
    if isinstance(architecture, PlainNet):
        return PlainNetModule(architecture, num_classes, in_channels, image_size)
    raise ConfigError(
        f"cannot build a {type(architecture).__name__}; expected a ConvNet or a PlainNet. A space with architectures "
        "of its own needs an `evaluate` function of its own"
    )
