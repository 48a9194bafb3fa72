"""Inception-v4 in its form for ImageNet, 299x299 pixels (Szegedy et al. 2016, arXiv 1602.07261).

The figures of the paper as data: a block is a list of branches whose outputs are concatenated, and a branch is a list
of layers. Every convolution has no bias and is followed by batch normalisation (epsilon 0.001) and ReLU.

What the paper leaves open: first weights are those of He et al. 2015; a mean pooling does not count its padding.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netwright.errors import check_image_size

SMALLEST = 75
"""Pixels of the shortest side that leave one pixel after all layers without padding."""


@dataclass(frozen=True)
class Conv:
    """A convolution, batch normalisation and ReLU.

    Args:
        filters: Channels of the output.
        size: Height and width of the filters.
        stride: Step of the filters in both directions.
        padded: Whether padding keeps the size of the maps; "V" in the paper's figures marks those without.
    """

    filters: int
    size: tuple[int, int] = (1, 1)
    stride: int = 1
    padded: bool = True


@dataclass(frozen=True)
class Split:
    """Convolutions that read the same maps; their outputs are concatenated."""

    convolutions: tuple[Conv, ...]


class MaxPool:
    """Maximum of 3x3 with stride 2, without padding."""


class MeanPool:
    """Mean of 3x3 with stride 1, padded."""


Layer = Conv | Split | MaxPool | MeanPool
Block = list[list[Layer]]

CROSS = Split((Conv(256, (1, 3)), Conv(256, (3, 1))))

STEM: list[Block] = [  # figure 3
    [[Conv(32, (3, 3), 2, padded=False), Conv(32, (3, 3), padded=False), Conv(64, (3, 3))]],
    [[MaxPool()], [Conv(96, (3, 3), 2, padded=False)]],
    [
        [Conv(64), Conv(96, (3, 3), padded=False)],
        [Conv(64), Conv(64, (1, 7)), Conv(64, (7, 1)), Conv(96, (3, 3), padded=False)],
    ],
    [[Conv(192, (3, 3), 2, padded=False)], [MaxPool()]],
]
INCEPTION_A: Block = [  # figure 4
    [Conv(96)],
    [Conv(64), Conv(96, (3, 3))],
    [Conv(64), Conv(96, (3, 3)), Conv(96, (3, 3))],
    [MeanPool(), Conv(96)],
]
REDUCTION_A: Block = [  # figure 7 with the widths of table 1
    [Conv(384, (3, 3), 2, padded=False)],
    [Conv(192), Conv(224, (3, 3)), Conv(256, (3, 3), 2, padded=False)],
    [MaxPool()],
]
INCEPTION_B: Block = [  # figure 5
    [Conv(384)],
    [Conv(192), Conv(224, (1, 7)), Conv(256, (7, 1))],
    [Conv(192), Conv(192, (7, 1)), Conv(224, (1, 7)), Conv(224, (7, 1)), Conv(256, (1, 7))],
    [MeanPool(), Conv(128)],
]
REDUCTION_B: Block = [  # figure 8
    [Conv(192), Conv(192, (3, 3), 2, padded=False)],
    [Conv(256), Conv(256, (1, 7)), Conv(320, (7, 1)), Conv(320, (3, 3), 2, padded=False)],
    [MaxPool()],
]
INCEPTION_C: Block = [  # figure 6
    [Conv(256)],
    [Conv(384), CROSS],
    [Conv(384), Conv(448, (3, 1)), Conv(512, (1, 3)), CROSS],
    [MeanPool(), Conv(256)],
]
BLOCKS = [*STEM, *[INCEPTION_A] * 4, REDUCTION_A, *[INCEPTION_B] * 7, REDUCTION_B, *[INCEPTION_C] * 3]


class Concatenated(nn.Module):
    """Branches that read the same maps and whose outputs are concatenated.

    Args:
        branches: Modules that map [N, C, H, W] to maps of one height and width.
    """

    def __init__(self, branches: Sequence[nn.Module]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, maps: Tensor) -> Tensor:
        """Maps [N, C, H, W] -> the outputs of all branches, concatenated on channels."""
        return torch.cat([branch(maps) for branch in self.branches], dim=1)


class InceptionV4(nn.Module):
    """Inception-v4; 42,679,816 parameters with 1,000 classes.

    Args:
        num_classes: The number of logits.
        in_channels: Channels of the images.
        image_size: (height, width) of the images in pixels; 299x299 in the paper.

    Raises:
        ConfigError: The images are too small.
    """

    def __init__(self, num_classes: int, in_channels: int, image_size: tuple[int, int]) -> None:
        super().__init__()
        check_image_size("inception-v4", image_size, SMALLEST)
        self.blocks, channels = nn.Sequential(), in_channels
        for block in BLOCKS:
            branches, outputs = zip(*(_branch(layers, channels) for layers in block), strict=True)
            self.blocks.append(Concatenated(branches))
            channels = sum(outputs)
        self.dropout = nn.Dropout(0.2)
        self.classifier = nn.Linear(channels, num_classes)
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, in_channels, H, W] -> logits [N, num_classes]."""
        logits: Tensor = self.classifier(self.dropout(self.blocks(images).mean(dim=(2, 3))))
        return logits


def _branch(layers: Sequence[Layer], channels: int) -> tuple[nn.Module, int]:
    """Build layers in a row that read `channels` channels; return the module and the channels of its output."""
    modules = nn.Sequential()
    for layer in layers:
        match layer:
            case Conv():
                modules.append(_convolution(layer, channels))
                channels = layer.filters
            case Split(convolutions):
                modules.append(Concatenated([_convolution(each, channels) for each in convolutions]))
                channels = sum(each.filters for each in convolutions)
            case MaxPool():
                modules.append(nn.MaxPool2d(3, stride=2))
            case MeanPool():
                modules.append(nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False))
    return modules, channels


def _convolution(layer: Conv, channels: int) -> nn.Module:
    height, width = layer.size
    padding = (height // 2, width // 2) if layer.padded else (0, 0)
    return nn.Sequential(
        nn.Conv2d(channels, layer.filters, layer.size, stride=layer.stride, padding=padding, bias=False),
        nn.BatchNorm2d(layer.filters, eps=0.001),
        nn.ReLU(inplace=True),
    )


NETWORKS: dict[str, Callable[[int, int, tuple[int, int]], nn.Module]] = {"inception-v4": InceptionV4}
