"""Parameters, multiply-adds and shapes of the reference networks, counted on the meta device."""

from math import prod

import pytest
import torch
from torch import Tensor, nn

from netwright.recipes.reference_networks import REFERENCE_NETWORKS
from netwright.reference.catalog import NETWORKS

PARAMETERS = {  # computed independently of this code
    "resnet-110": 1_727_962,
    "resnet-110-stochastic-depth": 1_727_962,
    "preact-resnet-164": 1_703_258,
    "preact-resnet-1001": 10_327_706,
    "wide-resnet-16-8": 10_961_370,
    "wide-resnet-28-10": 36_479_194,
    "densenet-40-12": 1_019_722,
    "densenet-100-12": 6_979_642,
    "densenet-100-24": 27_249_082,
    "densenet-bc-190-40": 25_624_430,
    "network-in-network": 966_986,
    "all-cnn": 1_369_738,
    "highway": 2_256_838,
    "fractalnet": 33_724_618,
    "fractalnet-drop-path": 33_724_618,
    "inception-v4": 42_679_816,
}
MILLIONS = {"resnet-20": 0.27, "resnet-32": 0.46, "resnet-44": 0.66, "resnet-56": 0.85}  # He et al. 2015, table 6
PUBLISHED_FOR = {"inception-v4": (1000, (299, 299))}
"""Number of classes and size of the images, where these are not CIFAR-10's."""


def multiply_adds(network: nn.Module, images: Tensor) -> int:
    """Every output of a convolution or linear layer takes as many as one of its filters has weights."""
    counts: list[int] = []

    def count(part: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        counts.append(output[0].numel() * prod(part.get_parameter("weight").shape[1:]))

    for part in network.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            part.register_forward_hook(count)
    network(images)
    return sum(counts)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_size_of_a_network(name: str) -> None:
    published = REFERENCE_NETWORKS[name]()
    with torch.device("meta"):
        classes, size = PUBLISHED_FOR.get(name, (10, (32, 32)))
        network = NETWORKS[name](classes, 3, size).eval()
        counted = multiply_adds(network, torch.empty(1, 3, *size))
    num_parameters = sum(parameter.numel() for parameter in network.parameters())
    assert (num_parameters, counted) == (published.num_parameters, published.multiply_adds)
    if name in PARAMETERS:
        assert num_parameters == PARAMETERS[name]
    if name in MILLIONS:
        assert num_parameters == pytest.approx(MILLIONS[name] * 1e6, abs=5_001)


def test_every_published_size_is_tested() -> None:
    assert {*PARAMETERS, *MILLIONS, "densenet-22-12"} == set(NETWORKS) == set(REFERENCE_NETWORKS)


@pytest.mark.parametrize("name", NETWORKS)
def test_other_images_and_classes(name: str) -> None:
    with torch.device("meta"):
        size = (90, 75) if name == "inception-v4" else (41, 20)
        network = NETWORKS[name](7, 1, size).eval()
        assert network(torch.empty(3, 1, *size)).shape == (3, 7)


def test_resnet_20_by_hand() -> None:
    """Convolutions 432 + 6 * 2304 + 4608 + 5 * 9216 + 18432 + 5 * 36864, norms 2 * (7 * 16 + 6 * 32 + 6 * 64), 650."""
    weights = 432 + 6 * 2304 + 4608 + 5 * 9216 + 18432 + 5 * 36864
    assert REFERENCE_NETWORKS["resnet-20"]().num_parameters == weights + 2 * (7 * 16 + 6 * 32 + 6 * 64) + 650
