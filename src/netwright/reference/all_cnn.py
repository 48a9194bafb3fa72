"""All-CNN-C: convolutions with stride 2 in place of pooling (Springenberg et al. 2014, arXiv 1412.6806).

Nine convolutions with ReLU between them; the means of the last maps are the logits. The seventh has no padding, which
gives the 6x6 maps of the paper. Dropout: 0.2 of the image, 0.5 after each convolution with stride 2.

The paper leaves the first weights open; they are those of He et al. 2015 here, with biases of 0.

Deviation: no ReLU follows the last layer. With it all logits can become 0 in the first steps and then have no gradient.
"""

from collections.abc import Callable

from torch import Tensor, nn

from netwright.errors import check_image_size

SMALLEST = 9
"""Pixels of the shortest side: two halvings leave 3, which the convolution without padding reads."""


class AllCnn(nn.Module):
    """All-CNN-C; 1,369,738 parameters for CIFAR-10.

    Args:
        num_classes: The number of logits.
        in_channels: Channels of the images.
        image_size: (height, width) of the images in pixels.

    Raises:
        ConfigError: The images are too small.
    """

    def __init__(self, num_classes: int, in_channels: int, image_size: tuple[int, int]) -> None:
        super().__init__()
        check_image_size("all-cnn", image_size, SMALLEST)
        self.layers = nn.Sequential(
            nn.Dropout(0.2),
            *_convolution(in_channels, 96),
            *_convolution(96, 96),
            *_convolution(96, 96, stride=2),
            nn.Dropout(0.5),
            *_convolution(96, 192),
            *_convolution(192, 192),
            *_convolution(192, 192, stride=2),
            nn.Dropout(0.5),
            *_convolution(192, 192, padding=0),
            *_convolution(192, 192, size=1, padding=0),
            nn.Conv2d(192, num_classes, 1),
        )
        for part in self.layers:
            if isinstance(part, nn.Conv2d) and part.bias is not None:
                nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
                nn.init.zeros_(part.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, in_channels, H, W] -> logits [N, num_classes]."""
        maps: Tensor = self.layers(images)
        return maps.mean(dim=(2, 3))


def _convolution(inputs: int, filters: int, size: int = 3, stride: int = 1, padding: int = 1) -> list[nn.Module]:
    return [nn.Conv2d(inputs, filters, size, stride=stride, padding=padding), nn.ReLU(inplace=True)]


NETWORKS: dict[str, Callable[[int, int, tuple[int, int]], nn.Module]] = {"all-cnn": AllCnn}
