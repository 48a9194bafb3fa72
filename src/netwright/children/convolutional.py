"""A ConvNet as a torch module, by the rules of the paper's section 3.3.

1. The outputs that a layer reads are concatenated on channels (they are not added).
2. A layer that reads no other layer reads the image.
3. All outputs that no layer reads go, concatenated, to the classifier.
4. Where spatial sizes differ, the smaller ones are padded with zeros to the largest.

Deviation: the paper leaves open the order within a layer (here convolution without bias, batch normalisation, ReLU),
which sides are padded (bottom and right), and the classifier's form (global average pooling and one linear layer, the
only form that gives the published 4.2M parameters).

Deviation: nor does it say how a skip connection crosses a pooling layer. Here a pooling shrinks every map that later
layers read, the image included. If it shrank one layer's output alone, the first skip past it would bring the full size
back by rule 4.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.architectures.convolutional import ConvLayer, ConvNet

IMAGE = -1
"""Stands among the layers' indices for the image."""


class ConvBlock(nn.Module):
    """One layer: convolution, batch normalisation, ReLU and, where the layer says so, max-pooling."""

    def __init__(self, layer: ConvLayer, in_channels: int, epsilon: float) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(
            in_channels,
            layer.num_filters,
            (layer.filter_height, layer.filter_width),
            stride=(layer.stride_height, layer.stride_width),
            padding=(layer.filter_height // 2, layer.filter_width // 2),
            bias=False,
        )
        self.normalisation = nn.BatchNorm2d(layer.num_filters, eps=epsilon)
        self.pool = layer.pool

    def forward(self, inputs: Tensor) -> Tensor:
        """[N, in_channels, H, W] -> [N, num_filters, H', W']."""
        # Pooling before ReLU gives the same numbers from a quarter of the work, since ReLU keeps the order of values.
        return torch.relu_(_pooled(self.normalisation(self.convolution(inputs)), self.pool))


def _pooled(maps: Tensor, size: int) -> Tensor:
    """Max-pooling with windows of size x size, side by side; a map of one pixel stays one pixel."""
    return functional.max_pool2d(maps, size, ceil_mode=True) if size > 1 else maps


class ConvNetModule(nn.Module):
    """The network of `architecture`; forward takes images [N, in_channels, H, W] and gives logits [N, num_classes].

    `epsilon` is what batch normalisation adds to the variance.
    """

    def __init__(
        self, architecture: ConvNet, num_classes: int = 10, in_channels: int = 3, epsilon: float = 1e-5
    ) -> None:
        super().__init__()
        self.architecture = architecture
        channels = [layer.num_filters for layer in architecture.layers]
        self.blocks = nn.ModuleList(
            ConvBlock(layer, sum(channels[index] for index in layer.inputs) or in_channels, epsilon)
            for layer in architecture.layers
        )
        self.last_readers = _last_readers(architecture)
        self.classifier = nn.Linear(sum(channels[index] for index in architecture.outputs), num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [N, num_classes]."""
        maps: dict[int, Tensor] = {IMAGE: images}
        for index, (layer, block) in enumerate(zip(self.architecture.layers, self.blocks, strict=True)):
            output = block(_joined([maps[read] for read in layer.inputs or (IMAGE,)]))
            maps = {read: _pooled(kept, layer.pool) for read, kept in maps.items() if self.last_readers[read] > index}
            maps[index] = output
        logits: Tensor = self.classifier(_joined([maps[read] for read in self.architecture.outputs]).mean(dim=(2, 3)))
        return logits


def _last_readers(architecture: ConvNet) -> dict[int, int]:
    """For every layer's output and the image, the last layer that reads it; the classifier counts as one more layer."""
    readers = {IMAGE: 0}
    for index, layer in enumerate(architecture.layers):
        readers.update(dict.fromkeys(layer.inputs or (IMAGE,), index))
    return readers | dict.fromkeys(architecture.outputs, len(architecture.layers))


def _joined(maps: Sequence[Tensor]) -> Tensor:
    """Feature maps concatenated on channels, smaller ones padded with zeros at the bottom and right."""
    if len(maps) == 1:
        return maps[0]
    height, width = max(m.shape[2] for m in maps), max(m.shape[3] for m in maps)
    padded = [functional.pad(m, (0, width - m.shape[3], 0, height - m.shape[2])) for m in maps]
    return torch.cat(padded, dim=1)


def initialise(module: nn.Module, seed: int) -> None:
    """Draw every weight anew from `seed` alone: He et al. 2015 for convolutions, U(+-1/sqrt(inputs)) for linear layers.

    The convolutions' standard deviation is sqrt(2 / (kernel area * filters)), as in DenseNet, whose training the
    paper follows.
    """
    generator = torch.Generator().manual_seed(seed)
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu", generator=generator)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        elif isinstance(part, nn.Linear):
            bound = part.in_features**-0.5
            nn.init.uniform_(part.weight, -bound, bound, generator=generator)
            nn.init.zeros_(part.bias)
        elif isinstance(part, nn.BatchNorm2d):
            part.reset_parameters()


def num_parameters(module: nn.Module) -> int:
    """The number of trainable parameters."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
