"""Costs counted from a description are those of the module: its parameters, and multiply-adds seen by hooks."""

import random
from typing import Any

import pytest
import torch
from torch import nn

from netwright.architectures.convolutional import ConvLayer, ConvNet
from netwright.architectures.costs import Costs, ImageShape, costs_of
from netwright.architectures.published import nas_cnn_15
from netwright.children.building import build, num_parameters
from netwright.spaces.convolutional import convolutional
from netwright.spaces.exploring import sample

VARIANTS: dict[str, dict[str, Any]] = {
    "stride 1": {},
    "strides": {"strides": (1, 2, 3)},
    "one fixed stride": {"strides": (2,), "num_layers": 3},
    "a chain": {"skip_connections": False},
    "may end": {"may_end": True, "anchors": "after_filters"},
    "pooling": {"pool_after": (1, 3)},
    "blocks with pooling": {"num_layers": 3, "block_size": 3, "pool_after": (3, 7), "more_filters": 5},
    "strides and pooling": {"strides": (1, 2, 3), "pool_after": (2, 4)},
}


def multiply_adds_by_hooks(network: nn.Module, images: ImageShape) -> int:
    """Every output value of a convolution or linear layer takes one multiply-add for each weight that it sees."""
    total = 0

    def count(module: nn.Module, _: Any, output: torch.Tensor) -> None:
        nonlocal total
        total += output[0].numel() * module.weight[0].numel()

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(count)
    with torch.no_grad():
        network.eval()(torch.zeros(1, images.channels, images.height, images.width, device="meta"))
    return total


@pytest.mark.parametrize("variant", VARIANTS)
def test_costs_are_those_of_the_module(variant: str) -> None:
    rng = random.Random(variant)
    space = convolutional(**{"num_layers": 5, "num_filters": (3, 5, 8), **VARIANTS[variant]})
    for _ in range(200):
        network = sample(space, rng).architecture
        images = ImageShape(rng.choice((1, 3)), rng.randint(1, 17), rng.randint(1, 17), rng.randint(2, 12))
        with torch.device("meta"):  # sizes without numbers
            module = build(network, images.num_classes, images.channels)
        expected = Costs(num_parameters(module), multiply_adds_by_hooks(module, images))
        assert costs_of(network, images) == expected, (network, images)


def test_the_published_network_has_its_published_size() -> None:
    costs = costs_of(nas_cnn_15(), ImageShape(3, 32, 32, 10))
    assert costs.num_parameters == 4_201_630
    # Without strides and poolings every weight of a convolution is used once at each of 32 x 32 places.
    assert costs.multiply_adds == 4_199_868 * 1024 + (costs.num_parameters - 4_199_868 - 2 * 636 - 10)


def test_one_layer_by_hand() -> None:
    network = ConvNet((ConvLayer(filter_height=3, filter_width=1, num_filters=4, stride_width=2, pool=2),))
    costs = costs_of(network, ImageShape(channels=2, height=5, width=7, num_classes=3))
    weights = 3 * 1 * 2 * 4
    assert costs == Costs(weights + 8 + 4 * 3 + 3, weights * 5 * 4 + 4 * 3)
