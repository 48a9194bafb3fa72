"""From a PlainNet to a torch module: layer by layer, as in MetaQNN (Baker et al. 2017, arXiv 1611.02167).

Convolutions and fully connected layers have a bias and ReLU, nothing is normalised, and the i-th of n dropouts, one
after every two layers, drops with probability i / (2n).

Deviation: global average pooling is of the last maps, with one linear layer after it. Baker's code has a convolution
with a filter for each class and ReLU before it too.
"""

from torch import Tensor, nn

from netwright.architectures.plain import Convolution, PlainLayer, PlainNet, Pooling


class PlainNetModule(nn.Module):
    """The module of a PlainNet.

    Args:
        architecture: The network.
        num_classes: The number of logits.
        in_channels: Channels of the images.
        image_size: (height, width) of the images in pixels, the only size that the module reads.
    """

    def __init__(
        self,
        architecture: PlainNet,
        num_classes: int = 10,
        in_channels: int = 3,
        image_size: tuple[int, int] = (32, 32),
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.layers = nn.Sequential()
        channels, (height, width) = in_channels, image_size
        num_dropouts = len(architecture.layers) // 2
        for index, size in enumerate(architecture.map_sizes(height, width)):
            layer = architecture.layers[index]
            self.layers.extend(_modules(layer, channels, channels * height * width))
            channels, (height, width) = _channels(layer, channels), size
            if index % 2 == 1:
                self.layers.append(nn.Dropout((index + 1) / (4 * num_dropouts)))
        if architecture.ending == "softmax":
            self.classifier = nn.Linear(channels * height * width, num_classes)
        else:
            self.layers.append(nn.AdaptiveAvgPool2d(1))
            self.classifier = nn.Linear(channels, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, in_channels, height, width] -> logits [N, num_classes]."""
        logits: Tensor = self.classifier(self.layers(images).flatten(1))
        return logits


def _modules(layer: PlainLayer, in_channels: int, in_features: int) -> list[nn.Module]:
    if isinstance(layer, Convolution):
        return [nn.Conv2d(in_channels, layer.num_filters, layer.size, padding=layer.size // 2), nn.ReLU(inplace=True)]
    if isinstance(layer, Pooling):
        return [nn.MaxPool2d(layer.size, layer.stride)]
    return [nn.Flatten(), nn.Linear(in_features, layer.num_units), nn.ReLU(inplace=True)]


def _channels(layer: PlainLayer, in_channels: int) -> int:
    if isinstance(layer, Convolution):
        return layer.num_filters
    return in_channels if isinstance(layer, Pooling) else layer.num_units
