"""The published network as a module has the numbers of PAPER.md K.1."""

import pytest
import torch
from torch import nn

from netwright.architectures.convolutional import ConvLayer, ConvNet
from netwright.architectures.published import nas_cnn_15
from netwright.children.building import build, num_parameters
from netwright.errors import ConfigError


def convolutions(module: nn.Module) -> list[nn.Conv2d]:
    return [part for part in module.modules() if isinstance(part, nn.Conv2d)]


def num_convolution_weights(architecture: ConvNet) -> int:
    return sum(part.weight.numel() for part in convolutions(build(architecture)))


def test_the_published_network_has_4_2_million_parameters() -> None:
    network = build(nas_cnn_15())
    assert num_parameters(network) == 4_201_630
    assert num_convolution_weights(nas_cnn_15()) == 4_199_868
    assert len(convolutions(network)) == 15
    assert nas_cnn_15().num_connections == 65


def test_its_layers_have_the_weights_of_figure_7() -> None:
    published = [972, 15_552, 27_216, 108_000, 72_576, 395_136, 508_032, 99_792, 42_336, 571_536, 423_360, 564_480]
    published += [604_800, 302_400, 463_680]
    assert [part.weight.numel() for part in convolutions(build(nas_cnn_15()))] == published
    channels = [3, 36, 84, 120, 72, 168, 216, 132, 168, 324, 336, 240, 360, 180, 276]
    assert [part.in_channels for part in convolutions(build(nas_cnn_15()))] == channels


def test_its_variants_have_the_weights_of_the_ablations() -> None:
    assert num_convolution_weights(nas_cnn_15().densely_connected()) == 6_629_148
    assert num_convolution_weights(nas_cnn_15().chained()) == 807_372


def test_it_classifies_images_of_cifar10() -> None:
    network = build(nas_cnn_15()).eval()
    with torch.no_grad():
        assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_other_classes_and_channels() -> None:
    tiny = ConvNet((ConvLayer(filter_height=3, filter_width=1, num_filters=4),))
    network = build(tiny, num_classes=7, in_channels=1)
    assert network(torch.zeros(2, 1, 5, 6)).shape == (2, 7)
    assert num_parameters(network) == 4 * 3 + 2 * 4 + 4 * 7 + 7


def test_frozen_parameters_do_not_count() -> None:
    network = build(nas_cnn_15())
    for part in convolutions(network):
        part.weight.requires_grad_(False)
    assert num_parameters(network) == 1_272 + 490


def test_an_architecture_of_a_user_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"cannot build a dict; expected a ConvNet.*`evaluate` function of its own"):
        build({"layers": []})
