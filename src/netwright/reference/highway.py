"""The convolutional highway network of 19 layers for CIFAR-10 (Srivastava et al. 2015, arXiv 1507.06228).

A highway layer computes y = H(x) T(x) + x (1 - T(x)) with the transform H(x) = relu(conv(x)) and the transform gate
T(x) = sigmoid(conv(x)), element by element. The gate's bias starts at -2, so that a layer passes most of x on at first.

The paper gives depth and number of parameters (2.3M) and derives the network from FitNet 4; layers, widths, dropout and
first weights are those of the authors' released settings: three stages of a plain convolution that changes the number
of channels and of highway layers (32 x 4, 80 x 5, 128 x 5), a convolution of 1x1, mean over the image, a linear layer.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.errors import check_image_size

STAGES = ((32, 4), (80, 5), (128, 5))
"""Channels and number of highway layers of each stage."""
GATE_BIAS = -2.0
DROPOUT = 0.2
SMALLEST = 4
"""Pixels of the shortest side: two poolings halve it."""


class HighwayLayer(nn.Module):
    """A layer that computes y = H(x) T(x) + x (1 - T(x)).

    Args:
        channels: Channels of input and output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.transform = _convolution(channels, channels)
        self.gate = _convolution(channels, channels)
        nn.init.constant_(self.gate.bias, GATE_BIAS)  # type: ignore[arg-type]

    def forward(self, maps: Tensor) -> Tensor:
        """Maps [N, channels, H, W] -> maps of the same shape."""
        gate = torch.sigmoid(self.gate(maps))
        return functional.relu(self.transform(maps)) * gate + maps * (1 - gate)


class ConvolutionalHighway(nn.Module):
    """The highway network of 19 layers; 2,256,838 parameters for CIFAR-10.

    Args:
        num_classes: The number of logits.
        in_channels: Channels of the images.
        image_size: (height, width) of the images in pixels.

    Raises:
        ConfigError: The images are too small.
    """

    def __init__(self, num_classes: int, in_channels: int, image_size: tuple[int, int]) -> None:
        super().__init__()
        check_image_size("highway", image_size, SMALLEST)
        self.layers = nn.Sequential(nn.Dropout(DROPOUT))
        inputs = in_channels
        for stage, (channels, depth) in enumerate(STAGES):
            if stage > 0:
                self.layers.extend([nn.MaxPool2d(2), nn.Dropout(DROPOUT)])
            self.layers.extend([_convolution(inputs, channels), nn.ReLU(inplace=True)])
            self.layers.extend(HighwayLayer(channels) for _ in range(depth))
            inputs = channels
        self.layers.extend([_convolution(inputs, 100, size=1), nn.ReLU(inplace=True)])
        self.dropout = nn.Dropout(DROPOUT)
        self.classifier = nn.Linear(100, num_classes)
        nn.init.normal_(self.classifier.weight, std=0.05)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, in_channels, H, W] -> logits [N, num_classes]."""
        features = self.dropout(self.layers(images).mean(dim=(2, 3)))
        logits: Tensor = self.classifier(features)
        return logits


def _convolution(inputs: int, filters: int, size: int = 3) -> nn.Conv2d:
    """Return a convolution with weights as in the authors' framework: U(+-sqrt(3 / inputs of a filter)), biases 0."""
    made = nn.Conv2d(inputs, filters, size, padding=size // 2)
    nn.init.kaiming_uniform_(made.weight, nonlinearity="linear")
    nn.init.zeros_(made.bias)  # type: ignore[arg-type]
    return made


NETWORKS: dict[str, Callable[[int, int, tuple[int, int]], nn.Module]] = {"highway": ConvolutionalHighway}
