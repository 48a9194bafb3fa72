"""`nw.build`: any architecture that netwright knows as a module."""

from typing import Any

from torch import nn

from netwright.architectures.convolutional import ConvNet
from netwright.children.convolutional import ConvNetModule
from netwright.errors import ConfigError


def build(architecture: Any, num_classes: int = 10, in_channels: int = 3, epsilon: float = 1e-5) -> nn.Module:
    """A fresh, untrained module of `architecture`; `ConfigError` for a type that netwright cannot build.

    A ConvNet takes images [N, in_channels, H, W] of any size and gives logits [N, num_classes]; `epsilon` is that of
    its batch normalisation.
    """
    if isinstance(architecture, ConvNet):
        return ConvNetModule(architecture, num_classes, in_channels, epsilon)
    raise ConfigError(
        f"cannot build a {type(architecture).__name__}; expected a ConvNet. A space with architectures of its own "
        "needs an `evaluate` function of its own"
    )
