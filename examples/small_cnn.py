"""A small network without a search: three convolutions, to compare a found network with on your own pictures.

netwright train examples/small_cnn.py:small_cnn --task images --data FOLDER --minutes 20
"""

from torch import nn

WIDTHS = (32, 64, 128)


def small_cnn(num_classes: int, in_channels: int, image_size: tuple[int, int]) -> nn.Module:
    """Return three blocks of convolution, batch normalisation, ReLU and pooling, then one linear layer.

    Args:
        num_classes: Number of logits.
        in_channels: 3 for colour, 1 for grey.
        image_size: Height and width; the mean over all positions at the end makes any size possible.
    """
    layers: list[nn.Module] = []
    for width in WIDTHS:
        layers += [
            nn.Conv2d(in_channels, width, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.MaxPool2d(2, ceil_mode=True),
        ]
        in_channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(in_channels, num_classes))
