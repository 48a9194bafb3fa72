"""Residual networks with pre-activation (He et al. 2016, arXiv 1603.05027): ResNet-164 and ResNet-1001.

Batch normalisation and ReLU stand before each convolution, and nothing follows the sum. A block is a bottleneck,

    residual(x) = conv1x1(a(conv3x3(a(conv1x1(a(x))))))        a(x) = relu(norm(x)), each with weights of its own
    y = x + residual(x)

or, where the number of channels changes (the first block of a stage),

    y = conv1x1(a(x)) + residual(x)                            with the same a(x) in both

There are three stages of (depth - 2) / 9 blocks with 64, 128 and 256 channels; stages 2 and 3 begin with stride 2.

ResNet-1001 has 10,327,706 parameters for CIFAR-10. The 10.2M of the paper's table do not follow from its description.
"""

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

from netwright.reference.shared import num_blocks, sample_he_weights


def activation(channels: int) -> nn.Sequential:
    """Return batch normalisation and ReLU."""
    return nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True))


class PreactivationBottleneck(nn.Module):
    """A bottleneck with pre-activation.

    Args:
        in_channels: Channels of the input.
        filters: Channels of the output; the inner convolutions have a quarter.
        stride: Stride of the first convolution.
    """

    def __init__(self, in_channels: int, filters: int, stride: int) -> None:
        super().__init__()
        inner = filters // 4
        self.activation = activation(in_channels)
        self.residual = nn.Sequential(
            nn.Conv2d(in_channels, inner, 1, stride=stride, bias=False),
            activation(inner),
            nn.Conv2d(inner, inner, 3, padding=1, bias=False),
            activation(inner),
            nn.Conv2d(inner, filters, 1, bias=False),
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


class PreactivationResNet(nn.Module):
    """A pre-activation ResNet for small images of any size; 1,703,258 parameters at depth 164 for CIFAR-10.

    Args:
        depth: Layers with weights, 9 n + 2.
        num_classes: The number of logits.
        in_channels: Channels of the images.

    Raises:
        ConfigError: There is no such depth.
    """

    def __init__(self, depth: int, num_classes: int, in_channels: int) -> None:
        super().__init__()
        per_stage = num_blocks("a ResNet with pre-activation", depth, convolutions=9, others=2)
        layers: list[nn.Module] = [nn.Conv2d(in_channels, 16, 3, padding=1, bias=False)]
        channels = 16
        for filters, stride in ((64, 1), (128, 2), (256, 2)):
            for position in range(per_stage):
                layers.append(PreactivationBottleneck(channels, filters, stride if position == 0 else 1))
                channels = filters
        self.layers = nn.Sequential(*layers, activation(channels))
        self.classifier = nn.Linear(channels, num_classes)
        sample_he_weights(self)

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, in_channels, H, W] -> logits [N, num_classes]."""
        logits: Tensor = self.classifier(self.layers(images).mean(dim=(2, 3)))
        return logits


def _preact_resnet(num_classes: int, in_channels: int, image_size: tuple[int, int], depth: int) -> nn.Module:
    return PreactivationResNet(depth, num_classes, in_channels)


NETWORKS: dict[str, Callable[[int, int, tuple[int, int]], nn.Module]] = {
    f"preact-resnet-{depth}": partial(_preact_resnet, depth=depth) for depth in (164, 1001)
}
