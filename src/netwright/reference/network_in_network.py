"""Network in Network: small fully connected networks in place of filters (Lin et al. 2013, arXiv 1312.4400).

An mlpconv block is a convolution and two convolutions of 1x1, each with ReLU: a two-layer perceptron that slides over
the maps. The last block has one map per class, whose means are the logits.

The paper gives the blocks and the dropout; filter sizes, pooling and first weights are those of the authors' settings
for CIFAR-10 (recalled): 5x5, 5x5 and 3x3; maximum and then mean of 3x3 with stride 2; standard deviation 0.05 and
biases of 0.

Deviation: no ReLU follows the last layer. With it and one learning rate for all layers (the authors train the last one
at a tenth of the rate, recalled) all logits can become 0 in the first steps and then have no gradient.
"""

from collections.abc import Callable

from torch import Tensor, nn

from netwright.errors import check_image_size

SMALLEST = 4
"""Pixels of the shortest side."""


class NetworkInNetwork(nn.Module):
    """Three mlpconv blocks; 966,986 parameters for CIFAR-10.

    Args:
        num_classes: The number of logits.
        in_channels: Channels of the images.
        image_size: (height, width) of the images in pixels.

    Raises:
        ConfigError: The images are too small.
    """

    def __init__(self, num_classes: int, in_channels: int, image_size: tuple[int, int]) -> None:
        super().__init__()
        check_image_size("network-in-network", image_size, SMALLEST)
        self.layers = nn.Sequential(
            *_mlpconv(in_channels, 5, (192, 160, 96)),
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            nn.Dropout(0.5),
            *_mlpconv(96, 5, (192, 192, 192)),
            nn.AvgPool2d(3, stride=2, ceil_mode=True),
            nn.Dropout(0.5),
            *_mlpconv(192, 3, (192, 192, num_classes))[:-1],
        )
        for part in self.layers:
            if isinstance(part, nn.Conv2d) and part.bias is not None:
                nn.init.normal_(part.weight, std=0.05)
                nn.init.zeros_(part.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, in_channels, H, W] -> logits [N, num_classes]."""
        maps: Tensor = self.layers(images)
        return maps.mean(dim=(2, 3))


def _mlpconv(in_channels: int, size: int, widths: tuple[int, int, int]) -> list[nn.Module]:
    first, second, third = widths
    return [
        nn.Conv2d(in_channels, first, size, padding=size // 2),
        nn.ReLU(inplace=True),
        nn.Conv2d(first, second, 1),
        nn.ReLU(inplace=True),
        nn.Conv2d(second, third, 1),
        nn.ReLU(inplace=True),
    ]


NETWORKS: dict[str, Callable[[int, int, tuple[int, int]], nn.Module]] = {"network-in-network": NetworkInNetwork}
