"""The compile rules (PAPER.md B.6, K.7) against a computation of small networks in numpy, in double precision."""

import random
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from netwright.architectures.convolutional import ConvLayer, ConvNet
from netwright.architectures.published import nas_cnn_15
from netwright.children.building import build, initialise
from netwright.spaces.convolutional import convolutional
from netwright.spaces.exploring import sample

Map = NDArray[np.float64]
"""[images, channels, height, width]."""


# The other computation ------------------------------------------------------------------------------------------------


def convolved(image: Map, weight: Map, strides: tuple[int, int]) -> Map:
    """Cross-correlation with half a filter of zeros around the image, written out per output pixel."""
    height, width = weight.shape[2:]
    padded = np.pad(image, ((0, 0), (0, 0), (height // 2,) * 2, (width // 2,) * 2))
    rows = range(0, padded.shape[2] - height + 1, strides[0])
    columns = range(0, padded.shape[3] - width + 1, strides[1])
    output = np.empty((len(image), len(weight), len(rows), len(columns)))
    for y, top in enumerate(rows):
        for x, left in enumerate(columns):
            window = padded[:, :, top : top + height, left : left + width]
            output[:, :, y, x] = np.einsum("nchw,fchw->nf", window, weight)
    return output


def pooled(image: Map, edge: int) -> Map:
    """The largest value of every edge x edge tile; tiles at the bottom and right may be cut off."""
    rows, columns = range(0, image.shape[2], edge), range(0, image.shape[3], edge)
    tiles = [[image[:, :, y : y + edge, x : x + edge].max(axis=(2, 3)) for x in columns] for y in rows]
    return np.array(tiles).transpose(2, 3, 0, 1)


def joined(maps: list[Map]) -> Map:
    """Concatenated on channels in the given order; zeros at the bottom and right of the smaller ones."""
    height, width = max(m.shape[2] for m in maps), max(m.shape[3] for m in maps)
    output = np.zeros((len(maps[0]), sum(m.shape[1] for m in maps), height, width))
    channel = 0
    for m in maps:
        output[:, channel : channel + m.shape[1], : m.shape[2], : m.shape[3]] = m
        channel += m.shape[1]
    return output


def normalised(m: Map, part: nn.BatchNorm2d) -> Map:
    numbers = (part.running_mean, part.running_var, part.weight, part.bias)
    mean, variance, scale, shift = (n.detach().double().numpy()[:, None, None] for n in numbers if n is not None)
    return (m - mean) / np.sqrt(variance + part.eps) * scale + shift


def logits_of(network: Any, image: Map) -> Map:
    """What the module `network` gives for `image`, from its weights and the rules alone.

    A pooling shrinks every map that was made before it, the image included.
    """
    maps: list[Map] = []
    for layer, block in zip(network.architecture.layers, network.blocks, strict=True):
        read = joined([maps[index] for index in layer.inputs]) if layer.inputs else image
        weight = block.convolution.weight.detach().double().numpy()
        output = convolved(read, weight, (layer.stride_height, layer.stride_width))
        maps.append(np.maximum(normalised(output, block.normalisation), 0))
        if layer.pool > 1:
            maps, image = [pooled(m, layer.pool) for m in maps], pooled(image, layer.pool)
    consumed = {index for layer in network.architecture.layers for index in layer.inputs}
    unread = [m for index, m in enumerate(maps) if index not in consumed]
    features = joined(unread).mean(axis=(2, 3))
    matrix = network.classifier.weight.detach().double().numpy()
    return features @ matrix.T + network.classifier.bias.detach().double().numpy()


# Comparing ------------------------------------------------------------------------------------------------------------


def network_of(architecture: ConvNet, seed: int = 0) -> nn.Module:
    """A module in which no number is 0 or 1 by default."""
    network = build(architecture, num_classes=4, in_channels=2).eval()
    initialise(network, seed)
    generator = torch.Generator().manual_seed(seed)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            assert part.running_mean is not None
            assert part.running_var is not None
            part.running_mean.uniform_(-0.5, 0.5, generator=generator)
            part.running_var.uniform_(0.5, 2, generator=generator)
            nn.init.uniform_(part.weight, 0.5, 1.5, generator=generator)
            nn.init.uniform_(part.bias, -0.5, 0.5, generator=generator)
        if isinstance(part, nn.Linear):
            nn.init.uniform_(part.bias, -1, 1, generator=generator)
    return network


def compare(architecture: ConvNet, size: tuple[int, int], seed: int = 0) -> None:
    network = network_of(architecture, seed)
    image = np.random.default_rng(seed).normal(size=(2, 2, *size))
    with torch.no_grad():
        ours = network(torch.from_numpy(image).float()).numpy()
    np.testing.assert_allclose(ours, logits_of(network, image), atol=1e-5, rtol=1e-5, err_msg=str(architecture))


def layer(*inputs: int, height: int = 3, width: int = 3, filters: int = 3, **changes: int) -> ConvLayer:
    return ConvLayer(filter_height=height, filter_width=width, num_filters=filters, inputs=inputs, **changes)


BY_HAND = {
    "one layer": [layer()],
    "a chain": [layer(), layer(0), layer(1)],
    "several inputs, in their order": [layer(filters=2), layer(0, filters=4), layer(0, 1, filters=5)],
    "no input is the image": [layer(), layer(filters=4), layer(0), layer(1, 2)],
    "unread outputs go to the classifier": [layer(filters=2), layer(filters=3), layer(0, filters=4), layer(filters=5)],
    "nothing is read at all": [layer(filters=2), layer(filters=3), layer(filters=4)],
    "rectangular filters": [layer(height=1, width=7), layer(0, height=5, width=3)],
    "strides in both directions": [layer(stride_height=2, stride_width=3), layer(0, stride_height=3)],
    "a small and a large map": [layer(), layer(0, stride_height=2, stride_width=2), layer(0, 1)],
    "tall beside wide": [layer(stride_height=3), layer(stride_width=3), layer(0, 1)],
    "sizes differ at the classifier": [layer(), layer(stride_height=2), layer(stride_width=3)],
    "a pooling": [layer(pool=2), layer(0)],
    "a pooling of three": [layer(), layer(0, pool=3), layer(1)],
    "a skip over a pooling": [layer(), layer(0, pool=2), layer(0, 1)],
    "the image behind a pooling": [layer(), layer(0, pool=2), layer(), layer(1, 2)],
    "an unread layer before a pooling": [layer(), layer(), layer(0, pool=2), layer(2)],
    "two poolings and a stride": [layer(pool=2), layer(0, stride_width=2), layer(0, 1, pool=2), layer(0, 1, 2)],
}


@pytest.mark.parametrize("size", [(7, 6), (8, 5)])
@pytest.mark.parametrize("layers", BY_HAND.values(), ids=BY_HAND)
def test_networks_by_hand(layers: list[ConvLayer], size: tuple[int, int]) -> None:
    compare(ConvNet(tuple(layers)), size)


@pytest.mark.parametrize("layers", BY_HAND.values(), ids=BY_HAND)
def test_a_map_of_one_pixel_survives(layers: list[ConvLayer]) -> None:
    compare(ConvNet(tuple(layers)), (1, 1))


def random_network(number: int) -> ConvNet:
    parameters: list[dict[str, Any]] = [
        {"strides": (1, 2, 3)},
        {"pool_after": (2, 4)},
        {"strides": (1, 2), "pool_after": (1, 3, 4), "block_size": 2},
        {"skip_connections": False, "strides": (1, 3), "pool_after": (3,)},
    ]
    space = convolutional(5, filter_sizes=(1, 3, 5), num_filters=(1, 2, 3), **parameters[number % len(parameters)])
    architecture = sample(space, random.Random(number)).architecture
    assert isinstance(architecture, ConvNet)
    return architecture


@pytest.mark.parametrize("number", range(24))
def test_networks_at_random(number: int) -> None:
    compare(random_network(number), (9, 7), seed=1)


@pytest.mark.parametrize("strides", [(1, 1), (2, 3), (3, 1)])
def test_filters_keep_the_size_and_strides_divide_it(strides: tuple[int, int]) -> None:
    for edge in (1, 3, 5, 7):
        architecture = ConvNet((layer(height=edge, width=edge, stride_height=strides[0], stride_width=strides[1]),))
        block: Any = network_of(architecture).get_submodule("blocks.0")
        for size in range(1, 12):
            shape = block(torch.zeros(1, 2, size, size)).shape
            assert tuple(shape[2:]) == (-(-size // strides[0]), -(-size // strides[1]))


@pytest.mark.parametrize("architecture", [nas_cnn_15(), ConvNet(tuple(BY_HAND["two poolings and a stride"]))])
def test_channels_last_gives_the_same(architecture: ConvNet) -> None:
    network = build(architecture).eval()
    initialise(network, 0)
    images = torch.randn(2, 3, 13, 10, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        plain = network(images)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        other = network(images.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(plain, other, atol=1e-5, rtol=1e-5)


def test_gradients_flow_to_every_weight() -> None:
    network = network_of(ConvNet(tuple(BY_HAND["unread outputs go to the classifier"]))).train()
    network(torch.randn(4, 2, 6, 6, generator=torch.Generator().manual_seed(0))).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_the_image_is_left_as_it_was() -> None:
    """In-place arithmetic must not reach what others read."""
    network = network_of(ConvNet(tuple(BY_HAND["no input is the image"])))
    images = torch.randn(2, 2, 6, 6, generator=torch.Generator().manual_seed(0))
    before = images.clone()
    network(images)
    assert torch.equal(images, before)
