"""Networks that are known by their names: reference networks and what a user's function makes."""

from pathlib import Path

import pytest
import torch

from netwright.architectures.costs import ImageShape, costs_of
from netwright.architectures.named import OwnNetwork, ReferenceNetwork
from netwright.children.building import build, build_with_weights, num_parameters
from netwright.errors import ConfigError
from netwright.spaces.named_functions import named_function

SOURCE = """
from torch import nn

def make_network(num_classes, in_channels, image_size):
    return nn.Sequential(nn.Flatten(), nn.Linear(in_channels * image_size[0] * image_size[1], num_classes))

def too_many(num_classes, in_channels, image_size):
    return nn.Sequential(nn.Flatten(), nn.Linear(in_channels * image_size[0] * image_size[1], 1000))

def fails(num_classes, in_channels, image_size):
    return nn.Linear(7, num_classes)

def no_module(num_classes, in_channels, image_size):
    return [num_classes]

def no_arguments():
    return nn.Linear(1, 1)
"""


@pytest.fixture
def own(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / f"own_{abs(hash(request.node.name))}.py"
    path.write_text(SOURCE)
    return path


def named(own: Path, function: str) -> OwnNetwork:
    return OwnNetwork(named_function(f"{own}:{function}")[0])


def test_the_first_weights_derive_from_the_seed_alone(own: Path) -> None:
    for network in (ReferenceNetwork("resnet-20"), named(own, "make_network")):
        first, again, other = (build_with_weights(network, 10, 3, (8, 8), seed=seed).state_dict() for seed in (1, 1, 2))
        assert all(torch.equal(first[name], again[name]) for name in first)
        assert any(not torch.equal(first[name], other[name]) for name in first)
    before = torch.random.get_rng_state()
    build_with_weights(ReferenceNetwork("resnet-20"), 10, 3, (8, 8), seed=1)
    assert torch.equal(torch.random.get_rng_state(), before), "the global generator is the user's"


def test_what_a_function_makes_fits_the_data(own: Path) -> None:
    network = named(own, "make_network")
    assert num_parameters(build(network, 7, 1, image_size=(4, 5))) == 1 * 4 * 5 * 7 + 7


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("too_many", r"returns \[2, 1000\] for images \[2, 3, 8, 8\]; expected logits \[2, 10\]"),
        ("fails", r"cannot read images \[2, 3, 8, 8\]"),
        ("no_module", "returned list; expected the network"),
        ("no_arguments", "num_classes, in_channels, image_size"),
    ],
)
def test_a_function_that_makes_no_such_network_is_refused(own: Path, function: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build(named(own, function), 10, 3, image_size=(8, 8))


def test_an_unknown_network_and_small_images_are_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'resnet-110'"):
        build(ReferenceNetwork("resnet-111"))
    with pytest.raises(ConfigError, match="pixels"):
        build(ReferenceNetwork("densenet-40-12"), image_size=(2, 2))


def test_their_costs_are_not_counted_from_a_description() -> None:
    assert costs_of(ReferenceNetwork("resnet-20"), ImageShape(3, 32, 32, 10)) is None
