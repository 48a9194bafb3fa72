"""From the name of a network to its module: reference networks, and what a user's function makes."""

import inspect

import torch
from torch import nn

from netwright.architectures.named import OwnNetwork, ReferenceNetwork
from netwright.errors import ConfigError, unknown
from netwright.reference.catalog import NETWORKS
from netwright.spaces.named_functions import stored_function


def build_reference(network: ReferenceNetwork, num_classes: int, in_channels: int, size: tuple[int, int]) -> nn.Module:
    """Build the network; `ConfigError` if there is none of this name, or if the images are too small for it."""
    if network.name not in NETWORKS:
        raise ConfigError(unknown("reference network", network.name, NETWORKS))
    return NETWORKS[network.name](num_classes, in_channels, size)


def build_own(
    network: OwnNetwork, num_classes: int, in_channels: int, size: tuple[int, int], *, trust_code: bool = False
) -> nn.Module:
    """Call the user's function, and check what it returns.

    Args:
        network: Names the function.
        num_classes: The number of logits.
        in_channels: Channels of the images.
        size: Their (height, width) in pixels.
        trust_code: As in `stored_function`.

    Raises:
        ConfigError: The function is not trusted, cannot be called, or makes no module that classifies such images.
    """
    function = stored_function(network.function, trust_code=trust_code)
    arguments = (num_classes, in_channels, size)
    try:
        inspect.signature(function).bind(*arguments)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{network.function} cannot be called with (num_classes, in_channels, image_size), here {arguments}: "
            f"{error}; write a function of these three that returns the network"
        ) from None
    module = function(*arguments)
    if not isinstance(module, nn.Module):
        raise ConfigError(
            f"{network.function} returned {type(module).__name__}; expected the network, a torch.nn.Module"
        )
    _check_output(network.function, module, arguments)
    return module


def _check_output(name: str, module: nn.Module, arguments: tuple[int, int, tuple[int, int]]) -> None:
    num_classes, in_channels, (height, width) = arguments
    was_training = module.training
    device = next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
    images = torch.zeros(2, in_channels, height, width, device=device)
    try:
        with torch.no_grad():
            logits = module.eval()(images)
    except Exception as error:  # a user's module may raise anything
        raise ConfigError(
            f"the network of {name} cannot read images {list(images.shape)}: {type(error).__name__}: {error}"
        ) from error
    finally:
        module.train(was_training)
    shape = list(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
    if shape != [2, num_classes]:
        raise ConfigError(
            f"the network of {name} returns {shape} for images {list(images.shape)}; expected logits "
            f"{[2, num_classes]}, one for each class"
        )
