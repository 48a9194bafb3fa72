"""Random networks of every variant of the convolutional space, with weights that leave no part of them idle."""

import random

import torch
from torch import nn

from netwright.architectures.convolutional import ConvNet
from netwright.children.building import build, initialise
from netwright.spaces.convolutional import convolutional
from netwright.spaces.exploring import sample
from netwright.spaces.programs import Space

VARIANTS: dict[str, Space] = {
    "skips": convolutional(5, filter_sizes=(1, 3, 5), num_filters=(3, 4, 6)),
    "chain": convolutional(4, filter_sizes=(1, 3), num_filters=(3, 5), skip_connections=False),
    "strides": convolutional(5, filter_sizes=(1, 3, 5), num_filters=(3, 4), strides=(1, 2, 3)),
    "pools": convolutional(6, filter_sizes=(1, 3), num_filters=(3, 4), pool_after=(1, 3, 4)),
    "blocks": convolutional(3, filter_sizes=(1, 3), num_filters=(2, 3), block_size=3, pool_after=(3, 5)),
    "everything": convolutional(4, num_filters=(2, 3), strides=(1, 2), block_size=2, pool_after=(2, 7), may_end=True),
}


def random_network(variant: str, seed: int) -> ConvNet:
    """A network of the space, drawn with `seed`."""
    network = sample(VARIANTS[variant], random.Random(seed)).architecture
    assert isinstance(network, ConvNet)
    return network


def random_module(architecture: ConvNet, *, num_classes: int, channels: int, epsilon: float, seed: int) -> nn.Module:
    """Its module, with the statistics of batch normalisation of a network that has been trained."""
    module = build(architecture, num_classes, channels, epsilon)
    initialise(module, seed)
    generator = torch.Generator().manual_seed(seed)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            for tensor in (part.weight.data, part.bias.data, part.running_mean, part.running_var):
                assert tensor is not None
                tensor.uniform_(0.1, 1.5, generator=generator)
    return module.eval()
