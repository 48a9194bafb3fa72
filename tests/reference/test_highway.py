import pytest
import torch
from torch import nn
from torch.nn import functional

from netwright.errors import ConfigError
from netwright.reference.highway import SMALLEST, ConvolutionalHighway, HighwayLayer


@pytest.mark.parametrize(("classes", "channels"), [(10, 3), (100, 1)])
def test_number_of_parameters(classes, channels):
    with torch.device("meta"):
        network = ConvolutionalHighway(classes, channels, (32, 32))

    def conv(inputs, filters, area=9):
        return inputs * area * filters + filters

    plain = conv(channels, 32) + conv(32, 80) + conv(80, 128) + conv(128, 100, 1)
    highway = 2 * (4 * conv(32, 32) + 5 * conv(80, 80) + 5 * conv(128, 128))
    expected = plain + highway + 101 * classes
    assert sum(weight.numel() for weight in network.parameters()) == expected
    assert (classes, channels) != (10, 3) or expected == 2_256_838


def test_it_has_19_layers():
    network = ConvolutionalHighway(10, 3, (32, 32))
    gates = sum(isinstance(part, HighwayLayer) for part in network.modules())
    weighted = sum(isinstance(part, nn.Conv2d | nn.Linear) for part in network.modules())
    assert weighted - gates == 19  # the gate of a layer is no layer of its own


@pytest.mark.parametrize("size", [(32, 32), (28, 17), (SMALLEST, SMALLEST)])
def test_images_of_other_sizes(size):
    assert ConvolutionalHighway(7, 2, size)(torch.rand(2, 2, *size)).shape == (2, 7)


def test_too_small_images_are_refused():
    with pytest.raises(ConfigError, match=r"images of 3x3 pixels are too small for highway.*at least 4x4"):
        ConvolutionalHighway(10, 3, (3, 3))


def test_a_layer_computes_the_papers_equation():
    torch.manual_seed(0)
    layer, maps = HighwayLayer(5), torch.randn(2, 5, 6, 7)
    nn.init.normal_(layer.gate.weight)
    gate = 1 / (1 + torch.exp(-functional.conv2d(maps, layer.gate.weight, layer.gate.bias, padding=1)))
    transform = functional.conv2d(maps, layer.transform.weight, layer.transform.bias, padding=1).clamp(min=0)
    assert torch.allclose(layer(maps), transform * gate + maps * (1 - gate), atol=1e-5)


def test_closed_gates_pass_the_input_on_and_open_ones_the_transform():
    layer, maps = HighwayLayer(3), torch.randn(2, 3, 4, 4)
    nn.init.constant_(layer.gate.bias, -200.0)
    assert torch.equal(layer(maps), maps)
    nn.init.constant_(layer.gate.bias, 200.0)
    assert torch.equal(layer(maps), layer.transform(maps).relu())


def test_gates_start_nearly_closed():
    network = ConvolutionalHighway(10, 3, (32, 32))
    gates = [part.gate for part in network.modules() if isinstance(part, HighwayLayer)]
    assert {value for gate in gates for value in gate.bias.tolist()} == {-2.0}


def test_weights_and_dropout_follow_from_the_global_seed():
    logits = []
    for _ in range(2):
        torch.manual_seed(3)
        network = ConvolutionalHighway(10, 3, (8, 8))
        logits.append(network(torch.ones(4, 3, 8, 8)))
    assert torch.equal(*logits)
