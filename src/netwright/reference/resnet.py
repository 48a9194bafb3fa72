"""Residual networks for CIFAR (He et al. 2015, arXiv 1512.03385, section 4.2), also with stochastic depth.

A convolution, three stages of (depth - 2) / 6 blocks with 16, 32 and 64 filters, the mean of each map, a linear layer.
A block is

    y = relu(shortcut(x) + norm(conv(relu(norm(conv(x))))))

The first block of stages 2 and 3 has stride 2. Shortcuts have no parameters (option A): they take every second pixel,
and the new channels are zeros.

Stochastic depth (Huang et al. 2016, arXiv 1603.09382) removes whole blocks in training. Block l of L survives with
probability 1 - (l / L) (1 - p_L), the same for all images of a mini-batch; in evaluation its sum is multiplied by it:

    y = relu(shortcut(x) + probability * norm(conv(relu(norm(conv(x))))))
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.reference.shared import num_blocks, sample_he_weights


def option_a(images: Tensor, filters: int, stride: int) -> Tensor:
    """Return every `stride`-th pixel of images [N, C, H, W], with channels of zeros up to `filters`."""
    return functional.pad(images[:, :, ::stride, ::stride], [0, 0, 0, 0, 0, filters - images.shape[1]])


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut.

    Args:
        in_channels: Channels of the input, at most `filters`.
        filters: Channels of the output.
        stride: Stride of the first convolution.
        survival: The probability with which the convolutions are computed in training.
    """

    def __init__(self, in_channels: int, filters: int, stride: int, survival: float) -> None:
        super().__init__()
        self.filters, self.stride, self.survival = filters, stride, survival
        self.residual = nn.Sequential(
            nn.Conv2d(in_channels, filters, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(filters),
            nn.ReLU(inplace=True),
            nn.Conv2d(filters, filters, 3, padding=1, bias=False),
            nn.BatchNorm2d(filters),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Maps [N, in_channels, H, W], none negative -> maps [N, filters, H / stride, W / stride]."""
        shortcut = option_a(images, self.filters, self.stride)
        if not self.training:
            return functional.relu(shortcut + self.survival * self.residual(images))
        if self.survival < 1 and torch.rand(()) >= self.survival:
            return shortcut
        return functional.relu(shortcut + self.residual(images))


class ResNet(nn.Module):
    """A ResNet for small images of any size; 1,727,962 parameters at depth 110 for CIFAR-10.

    Args:
        depth: Layers with weights, 6 n + 2.
        num_classes: The number of logits.
        in_channels: Channels of the images.
        last_survival: p_L, the probability with which the last block survives in training; 1 is the ordinary ResNet.

    Raises:
        ConfigError: There is no such depth.
    """

    def __init__(self, depth: int, num_classes: int, in_channels: int, last_survival: float = 1.0) -> None:
        super().__init__()
        per_stage = num_blocks("a ResNet", depth, convolutions=6, others=2)
        layers: list[nn.Module] = [
            nn.Conv2d(in_channels, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(inplace=True),
        ]
        channels = 16
        for index in range(3 * per_stage):
            stage, position = divmod(index, per_stage)
            stride = 2 if stage > 0 and position == 0 else 1
            survival = 1 - (index + 1) / (3 * per_stage) * (1 - last_survival)
            layers.append(ResidualBlock(channels, 16 * 2**stage, stride, survival))
            channels = 16 * 2**stage
        self.layers = nn.Sequential(*layers)
        self.classifier = nn.Linear(channels, num_classes)
        sample_he_weights(self)

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, in_channels, H, W] -> logits [N, num_classes]."""
        logits: Tensor = self.classifier(self.layers(images).mean(dim=(2, 3)))
        return logits


def _resnet(
    num_classes: int, in_channels: int, image_size: tuple[int, int], depth: int, last_survival: float = 1.0
) -> nn.Module:
    return ResNet(depth, num_classes, in_channels, last_survival)


NETWORKS: dict[str, Callable[[int, int, tuple[int, int]], nn.Module]] = {
    **{f"resnet-{depth}": partial(_resnet, depth=depth) for depth in (20, 32, 44, 56, 110)},
    "resnet-110-stochastic-depth": partial(_resnet, depth=110, last_survival=0.5),
}
