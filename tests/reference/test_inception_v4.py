import pytest
import torch

from netwright.errors import ConfigError
from netwright.reference.inception_v4 import SMALLEST, InceptionV4


def conv(inputs: int, *layers: tuple[int, int]) -> int:
    """Weights of convolutions in a row, each (filters, area), with scale and shift per filter."""
    total = 0
    for filters, area in layers:
        total += inputs * filters * area + 2 * filters
        inputs = filters
    return total


def expected_parameters(classes: int, channels: int) -> int:
    """The figures of the paper, branch by branch."""
    stem = conv(channels, (32, 9), (32, 9), (64, 9)) + conv(64, (96, 9))
    stem += conv(160, (64, 1), (96, 9)) + conv(160, (64, 1), (64, 7), (64, 7), (96, 9)) + conv(192, (192, 9))
    a = 2 * conv(384, (96, 1)) + conv(384, (64, 1), (96, 9)) + conv(384, (64, 1), (96, 9), (96, 9))
    reduction_a = conv(384, (384, 9)) + conv(384, (192, 1), (224, 9), (256, 9))
    b = conv(1024, (384, 1)) + conv(1024, (128, 1)) + conv(1024, (192, 1), (224, 7), (256, 7))
    b += conv(1024, (192, 1), (192, 7), (224, 7), (224, 7), (256, 7))
    reduction_b = conv(1024, (192, 1), (192, 9)) + conv(1024, (256, 1), (256, 7), (320, 7), (320, 9))
    c = 2 * conv(1536, (256, 1)) + conv(1536, (384, 1)) + 2 * conv(384, (256, 3))
    c += conv(1536, (384, 1), (448, 3), (512, 3)) + 2 * conv(512, (256, 3))
    return stem + 4 * a + reduction_a + 7 * b + reduction_b + 3 * c + 1537 * classes


@pytest.mark.parametrize(("classes", "channels"), [(1000, 3), (10, 1)])
def test_number_of_parameters(classes, channels):
    with torch.device("meta"):
        network = InceptionV4(classes, channels, (299, 299))
    expected = expected_parameters(classes, channels)
    assert sum(weight.numel() for weight in network.parameters()) == expected
    assert (classes, channels) != (1000, 3) or expected == 42_679_816


def test_sizes_of_the_maps_are_those_of_the_papers_figure_9():
    with torch.device("meta"):
        network, maps = InceptionV4(1000, 3, (299, 299)).eval(), torch.empty(1, 3, 299, 299)
        shapes = []
        for block in network.blocks:
            maps = block(maps)
            shapes.append(tuple(maps.shape[1:]))
    assert shapes[:4] == [(64, 147, 147), (160, 73, 73), (192, 71, 71), (384, 35, 35)]
    assert shapes[4:] == [(384, 35, 35)] * 4 + [(1024, 17, 17)] * 8 + [(1536, 8, 8)] * 4


def test_one_forward_pass():
    torch.manual_seed(0)
    network = InceptionV4(1000, 3, (299, 299)).eval()
    with torch.no_grad():
        logits = network(torch.randn(1, 3, 299, 299))
        smallest = network(torch.randn(2, 3, SMALLEST, SMALLEST))
    assert logits.shape == (1, 1000)
    assert logits.isfinite().all()
    assert logits.std() > 0
    assert smallest.shape == (2, 1000)


def test_too_small_images_are_refused():
    with pytest.raises(ConfigError, match=r"images of 74x299 pixels are too small for inception-v4.*at least 75x75"):
        InceptionV4(10, 3, (74, 299))
