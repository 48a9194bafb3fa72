"""Wide residual networks (Zagoruyko & Komodakis 2016, arXiv 1605.07146): WRN-16-8 and WRN-28-10.

Pre-activation blocks of two 3x3 convolutions, with optional dropout between them:

    residual(x) = conv(dropout(a(conv(a(x)))))       a(x) = relu(norm(x)), each with weights of its own
    y = x + residual(x)

or, in the first block of a stage, y = conv1x1(a(x)) + residual(x) with the same a(x) in both. There are three stages of
(depth - 4) / 6 blocks with 16 k, 32 k and 64 k channels; stages 2 and 3 begin with stride 2.
"""

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

from netwright.reference.shared import num_blocks, sample_he_weights


class WideBlock(nn.Module):
    """Two 3x3 convolutions with pre-activation.

    Args:
        in_channels: Channels of the input.
        filters: Channels of the output.
        stride: Stride of the first convolution.
        dropout: The probability with which an input of the second convolution is set to 0 in training.
    """

    def __init__(self, in_channels: int, filters: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.activation = nn.Sequential(nn.BatchNorm2d(in_channels), nn.ReLU(inplace=True))
        self.residual = nn.Sequential(
            nn.Conv2d(in_channels, filters, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(filters),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Conv2d(filters, filters, 3, padding=1, bias=False),
        )
        self.projection = (
            None if in_channels == filters else nn.Conv2d(in_channels, filters, 1, stride=stride, bias=False)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Maps [N, in_channels, H, W] -> maps [N, filters, H / stride, W / stride]."""
        active = self.activation(images)
        shortcut = images if self.projection is None else self.projection(active)
        maps: Tensor = shortcut + self.residual(active)
        return maps


class WideResNet(nn.Module):
    """A wide ResNet for small images of any size; 36,479,194 parameters as WRN-28-10 for CIFAR-10.

    Args:
        depth: Layers with weights, 6 n + 4, without the 1x1 convolutions of shortcuts.
        width: k, above 1.
        num_classes: The number of logits.
        in_channels: Channels of the images.
        dropout: That of each block.

    Raises:
        ConfigError: There is no such depth.
    """

    def __init__(self, depth: int, width: int, num_classes: int, in_channels: int, dropout: float = 0.0) -> None:
        super().__init__()
        per_stage = num_blocks("a wide ResNet", depth, convolutions=6, others=4)
        layers: list[nn.Module] = [nn.Conv2d(in_channels, 16, 3, padding=1, bias=False)]
        channels = 16
        for filters, stride in ((16 * width, 1), (32 * width, 2), (64 * width, 2)):
            for position in range(per_stage):
                layers.append(WideBlock(channels, filters, stride if position == 0 else 1, dropout))
                channels = filters
        self.layers = nn.Sequential(*layers, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
        self.classifier = nn.Linear(channels, num_classes)
        sample_he_weights(self)

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, in_channels, H, W] -> logits [N, num_classes]."""
        logits: Tensor = self.classifier(self.layers(images).mean(dim=(2, 3)))
        return logits


def _wide_resnet(num_classes: int, in_channels: int, image_size: tuple[int, int], depth: int, width: int) -> nn.Module:
    return WideResNet(depth, width, num_classes, in_channels)


NETWORKS: dict[str, Callable[[int, int, tuple[int, int]], nn.Module]] = {
    f"wide-resnet-{depth}-{width}": partial(_wide_resnet, depth=depth, width=width)
    for depth, width in ((16, 8), (28, 10))
}
