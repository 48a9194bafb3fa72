"""DenseNet (Huang et al. 2016, arXiv 1608.06993): each layer reads the outputs of all earlier layers of its block.

    x_l = conv3x3(a(concatenation of x_0, ..., x_{l-1}))       a(x) = relu(norm(x)), each with weights of its own

with k ("growth") filters. There are three dense blocks, and between them transitions: a, a 1x1 convolution, and the
mean of 2x2 pixels. DenseNet-BC has a bottleneck in each layer, conv3x3(a(conv1x1(a(...)))) with 4 k inner channels, and
compression: its transitions halve the number of channels.

The first convolution has 16 filters as in the paper (the released code has 2 k), and 2 k in a DenseNet-BC.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from netwright.errors import check_image_size
from netwright.reference.shared import num_blocks, sample_he_weights

SMALLEST = 4
"""Pixels of the shortest side: two transitions leave one."""


def convolution(in_channels: int, filters: int, size: int) -> nn.Sequential:
    """Return batch normalisation, ReLU and a convolution that keeps the size of the maps."""
    return nn.Sequential(
        nn.BatchNorm2d(in_channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(in_channels, filters, size, padding=size // 2, bias=False),
    )


class DenseLayer(nn.Module):
    """Joins its input and `growth` new maps.

    Args:
        in_channels: Channels of the input.
        growth: The number of new maps.
        bottleneck: Whether a 1x1 convolution first reduces the input to 4 * `growth` channels.
    """

    def __init__(self, in_channels: int, growth: int, *, bottleneck: bool) -> None:
        super().__init__()
        self.new_maps = (
            nn.Sequential(convolution(in_channels, 4 * growth, 1), convolution(4 * growth, growth, 3))
            if bottleneck
            else convolution(in_channels, growth, 3)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Maps [N, in_channels, H, W] -> maps [N, in_channels + growth, H, W]."""
        return torch.cat([images, self.new_maps(images)], dim=1)


class DenseNet(nn.Module):
    """A DenseNet for small images; 1,019,722 parameters at depth 40 and growth 12 for CIFAR-10.

    Args:
        depth: Layers with weights, 3 n + 4, or 6 n + 4 with bottlenecks.
        growth: k, the filters of each layer.
        num_classes: The number of logits.
        in_channels: Channels of the images.
        compressed: Whether it is a DenseNet-BC, with bottlenecks and transitions that halve the channels.

    Raises:
        ConfigError: There is no such depth.
    """

    def __init__(
        self, depth: int, growth: int, num_classes: int, in_channels: int, *, compressed: bool = False
    ) -> None:
        super().__init__()
        per_block = num_blocks("a DenseNet", depth, convolutions=6 if compressed else 3, others=4)
        channels = 2 * growth if compressed else 16
        layers: list[nn.Module] = [nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)]
        for block in range(3):
            if block > 0:
                kept = channels // 2 if compressed else channels
                layers += [convolution(channels, kept, 1), nn.AvgPool2d(2)]
                channels = kept
            for _ in range(per_block):
                layers.append(DenseLayer(channels, growth, bottleneck=compressed))
                channels += growth
        self.layers = nn.Sequential(*layers, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
        self.classifier = nn.Linear(channels, num_classes)
        sample_he_weights(self)

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, in_channels, H, W] -> logits [N, num_classes]."""
        logits: Tensor = self.classifier(self.layers(images).mean(dim=(2, 3)))
        return logits


def _densenet(
    num_classes: int, in_channels: int, image_size: tuple[int, int], depth: int, growth: int, compressed: bool = False
) -> nn.Module:
    check_image_size("a DenseNet", image_size, SMALLEST)
    return DenseNet(depth, growth, num_classes, in_channels, compressed=compressed)


NETWORKS: dict[str, Callable[[int, int, tuple[int, int]], nn.Module]] = {
    **{
        f"densenet-{depth}-{growth}": partial(_densenet, depth=depth, growth=growth)
        for depth, growth in ((22, 12), (40, 12), (100, 12), (100, 24))
    },
    "densenet-bc-190-40": partial(_densenet, depth=190, growth=40, compressed=True),
}
