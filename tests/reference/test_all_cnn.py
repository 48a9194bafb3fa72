import pytest
import torch

from netwright.errors import ConfigError
from netwright.reference.all_cnn import SMALLEST, AllCnn


@pytest.mark.parametrize(("classes", "channels"), [(10, 3), (100, 1)])
def test_number_of_parameters(classes, channels):
    with torch.device("meta"):
        network = AllCnn(classes, channels, (32, 32))
    widths, areas = (channels, 96, 96, 96, 192, 192, 192, 192, 192, classes), (9,) * 7 + (1, 1)
    expected = sum((widths[layer] * areas[layer] + 1) * widths[layer + 1] for layer in range(9))
    assert sum(weight.numel() for weight in network.parameters()) == expected
    assert (classes, channels) != (10, 3) or expected == 1_369_738


@pytest.mark.parametrize("size", [(32, 32), (28, 17), (SMALLEST, SMALLEST)])
def test_images_of_other_sizes(size):
    assert AllCnn(7, 2, size)(torch.rand(2, 2, *size)).shape == (2, 7)


def test_too_small_images_are_refused():
    with pytest.raises(ConfigError, match=r"images of 20x8 pixels are too small for all-cnn.*at least 9x9"):
        AllCnn(10, 3, (20, 8))


def test_the_last_maps_have_6x6_pixels_as_in_the_paper():
    network = AllCnn(10, 3, (32, 32)).eval()
    images = torch.rand(2, 3, 32, 32)
    maps = network.layers(images)
    assert maps.shape == (2, 10, 6, 6)
    assert (maps < 0).any()  # no ReLU after the last layer
    assert torch.allclose(network(images), maps.flatten(2).mean(dim=2))


def test_dropout_is_of_the_image_and_after_each_stride():
    rates = [
        (index, part.p)
        for index, part in enumerate(AllCnn(10, 3, (32, 32)).layers)
        if isinstance(part, torch.nn.Dropout)
    ]
    assert rates == [(0, 0.2), (7, 0.5), (14, 0.5)]


def test_weights_follow_from_the_global_seed():
    networks = []
    for _ in range(2):
        torch.manual_seed(3)
        networks.append(AllCnn(10, 3, (32, 32)))
    assert all(torch.equal(a, b) for a, b in zip(*(network.parameters() for network in networks), strict=True))
