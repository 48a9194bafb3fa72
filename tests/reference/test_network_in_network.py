import pytest
import torch

from netwright.errors import ConfigError
from netwright.reference.network_in_network import SMALLEST, NetworkInNetwork


def conv(inputs: int, filters: int, area: int) -> int:
    return inputs * area * filters + filters


@pytest.mark.parametrize(("classes", "channels"), [(10, 3), (100, 1)])
def test_number_of_parameters(classes, channels):
    with torch.device("meta"):
        network = NetworkInNetwork(classes, channels, (32, 32))
    expected = conv(channels, 192, 25) + conv(192, 160, 1) + conv(160, 96, 1)
    expected += conv(96, 192, 25) + 2 * conv(192, 192, 1)
    expected += conv(192, 192, 9) + conv(192, 192, 1) + conv(192, classes, 1)
    assert sum(weight.numel() for weight in network.parameters()) == expected
    assert (classes, channels) != (10, 3) or expected == 966_986


@pytest.mark.parametrize("size", [(32, 32), (28, 17), (SMALLEST, SMALLEST)])
def test_images_of_other_sizes(size):
    assert NetworkInNetwork(7, 2, size)(torch.rand(2, 2, *size)).shape == (2, 7)


def test_too_small_images_are_refused():
    with pytest.raises(ConfigError, match=r"images of 3x9 pixels are too small for network-in-network.*at least 4x4"):
        NetworkInNetwork(10, 3, (3, 9))


def test_the_maps_halve_twice_and_the_logits_are_the_means_of_the_last_maps():
    network = NetworkInNetwork(10, 3, (32, 32)).eval()
    images = torch.rand(2, 3, 32, 32)
    maps = network.layers(images)
    assert maps.shape == (2, 10, 8, 8)
    assert (maps < 0).any()  # no ReLU after the last layer
    assert torch.allclose(network(images), maps.flatten(2).mean(dim=2))


def test_the_first_weights_are_those_of_the_authors():
    torch.manual_seed(0)
    first = NetworkInNetwork(10, 3, (32, 32))
    torch.manual_seed(0)
    again = NetworkInNetwork(10, 3, (32, 32))
    for weight, other in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(weight, other)
    assert first.layers[8].weight.std().item() == pytest.approx(0.05, rel=0.01)
    assert not first.layers[8].bias.any()
