"""The layers of a ConvNet in plain torch. An exported file contains the source of these definitions.

Nothing here may use more than `torch`, `Tensor`, `nn`, `functional` and the other exported definitions; in a layer
`epsilon`, the constant of batch normalisation, is the last parameter of the constructor.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.architectures.convolutional import ConvLayer


class Layer(nn.Module):
    """A convolution that keeps the size (at stride 1), batch normalisation, max-pooling above pool 1, ReLU."""

    def __init__(
        self, inputs: int, filters: int, size: tuple[int, int], stride: tuple[int, int], pool: int, epsilon: float
    ) -> None:
        super().__init__()
        padding = (size[0] // 2, size[1] // 2)
        self.convolution = nn.Conv2d(inputs, filters, size, stride=stride, padding=padding, bias=False)
        self.normalisation = nn.BatchNorm2d(filters, eps=epsilon)
        self.pool = pool

    def forward(self, maps: Tensor) -> Tensor:
        """[N, inputs, H, W] -> [N, filters, H', W']."""
        # Pooling before ReLU gives the same numbers from a quarter of the work, since ReLU keeps the order of values.
        return torch.relu_(pooled(self.normalisation(self.convolution(maps)), self.pool))


def pooled(maps: Tensor, size: int) -> Tensor:
    """Max-pooling with windows of size x size, side by side; a map of one pixel stays one pixel."""
    return functional.max_pool2d(maps, size, ceil_mode=True) if size > 1 else maps


def joined(*maps: Tensor) -> Tensor:
    """Concatenate feature maps of the same size on channels."""
    return torch.cat(maps, dim=1)


def padded_and_joined(*maps: Tensor) -> Tensor:
    """Concatenate feature maps on channels, smaller ones padded with zeros at the bottom and right."""
    height, width = max(m.shape[2] for m in maps), max(m.shape[3] for m in maps)
    return torch.cat([functional.pad(m, (0, width - m.shape[3], 0, height - m.shape[2])) for m in maps], dim=1)


def construction_of(layer: ConvLayer) -> tuple[type[nn.Module], dict[str, object]]:
    """Return the class that implements a layer, and its keyword arguments after the numbers of inputs and filters."""
    size, stride = (layer.filter_height, layer.filter_width), (layer.stride_height, layer.stride_width)
    return Layer, {"size": size, "stride": stride, "pool": layer.pool}
