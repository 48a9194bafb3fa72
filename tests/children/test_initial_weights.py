"""The initial weights of a child: from its seed alone, and as wide as they should be."""

import copy
import math

import pytest
import torch
from torch import Tensor, nn

from netwright.architectures.convolutional import ConvLayer, ConvNet
from netwright.children.building import build, initialise

NETWORK = ConvNet(
    (
        ConvLayer(filter_height=3, filter_width=5, num_filters=64),
        ConvLayer(filter_height=1, filter_width=7, num_filters=48, inputs=(0,)),
        ConvLayer(filter_height=5, filter_width=5, num_filters=24, inputs=(0, 1)),
    )
)


def initialised(seed: int, network: nn.Module | None = None) -> dict[str, Tensor]:
    network = build(NETWORK) if network is None else network
    initialise(network, seed)
    return network.state_dict()


def test_the_seed_alone_decides() -> None:
    torch.manual_seed(1)
    first = initialised(7)
    torch.manual_seed(2)
    again = initialised(7)
    assert first.keys() == again.keys()
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_another_seed_gives_other_weights() -> None:
    first, other = initialised(7), initialised(8)
    drawn = [name for name in first if name.endswith("weight") and "normalisation" not in name]
    assert len(drawn) == 4
    assert all(not torch.equal(first[name], other[name]) for name in drawn)


def test_the_global_generator_is_left_alone() -> None:
    network = build(NETWORK)
    before = torch.random.get_rng_state()
    initialise(network, 7)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_what_was_learned_is_forgotten() -> None:
    network = build(NETWORK)
    fresh = copy.deepcopy(initialised(7, network))
    network.train()
    network(torch.randn(4, 3, 8, 8) * 5 + 1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.5)
    changed = copy.deepcopy(network.state_dict())
    assert not any(torch.equal(changed[name], fresh[name]) for name in fresh)
    again = initialised(7, network)
    assert all(torch.equal(again[name], fresh[name]) for name in fresh)


def test_convolutions_are_normal_with_the_deviation_of_densenet() -> None:
    """sqrt(2 / (kernel area * filters)), PAPER.md J.3, within four standard errors."""
    for part in initialised_modules(nn.Conv2d):
        weight = part.weight.detach().double()
        expected = math.sqrt(2 / (part.kernel_size[0] * part.kernel_size[1] * part.out_channels))  # type: ignore[index, operator]
        number = weight.numel()
        assert float(weight.std()) == pytest.approx(expected, rel=4 / math.sqrt(2 * number))
        assert abs(float(weight.mean())) < 4 * expected / math.sqrt(number)
        # The fraction within one deviation tells a normal distribution (0.683) from a uniform one (0.577).
        assert float((weight.abs() < expected).double().mean()) == pytest.approx(0.683, abs=0.04)


def test_the_classifier_is_uniform_without_bias() -> None:
    (classifier,) = initialised_modules(nn.Linear)
    bound = 1 / math.sqrt(24)
    assert float(classifier.weight.detach().abs().max()) == pytest.approx(bound, rel=0.05)  # type: ignore[operator]
    assert float(classifier.weight.detach().abs().max()) <= bound  # type: ignore[operator]
    assert float(classifier.weight.detach().std()) == pytest.approx(bound / math.sqrt(3), rel=0.1)  # type: ignore[operator]
    assert not classifier.bias.detach().any()  # type: ignore[operator]


def test_normalisation_begins_as_identity() -> None:
    for part in initialised_modules(nn.BatchNorm2d):
        assert isinstance(part, nn.BatchNorm2d)
        assert torch.equal(part.weight, torch.ones_like(part.weight))
        assert not part.bias.any()
        assert part.running_mean is not None
        assert not part.running_mean.any()


def initialised_modules(kind: type[nn.Module]) -> list[nn.Module]:
    network = build(NETWORK)
    initialise(network, 3)
    found = [part for part in network.modules() if isinstance(part, kind)]
    assert found
    return found
