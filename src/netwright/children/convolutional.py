"""A ConvNet as a torch module, by the rules of the paper's section 3.3.

1. The outputs that a layer reads are concatenated on channels (they are not added).
2. A layer that reads no other layer reads the image.
3. All outputs that no layer reads are concatenated and given to the classifier.
4. Where spatial sizes differ, the smaller ones are padded with zeros to the largest.

Deviation: the paper leaves open the order within a layer (here convolution without bias, batch normalisation, ReLU),
which sides are padded (bottom and right), and the classifier's form (global average pooling and one linear layer, the
only form that gives the published 4.2M parameters).

Deviation: nor does it say how a skip connection crosses a pooling layer. Here a pooling shrinks every map that later
layers read, the image included. If it shrank one layer's output alone, the first skip past it would bring the full size
back by rule 4.
"""

from torch import Tensor, nn

from netwright.architectures.convolutional import IMAGE, ConvNet
from netwright.children.layers import construction_of, joined, padded_and_joined, pooled


class ConvNetModule(nn.Module):
    """The module of a ConvNet.

    Args:
        architecture: The network.
        num_classes: The number of logits.
        in_channels: Channels of the images.
        epsilon: What batch normalisation adds to the variance.
    """

    def __init__(
        self, architecture: ConvNet, num_classes: int = 10, in_channels: int = 3, epsilon: float = 1e-5
    ) -> None:
        super().__init__()
        self.architecture, self.steps = architecture, architecture.steps
        self.blocks = nn.ModuleList()
        for layer, inputs in zip(architecture.layers, architecture.in_channels(in_channels), strict=True):
            kind, arguments = construction_of(layer)
            self.blocks.append(kind(inputs, layer.num_filters, **arguments, epsilon=epsilon))
        self.join = padded_and_joined if architecture.has_strides else joined
        self.classifier = nn.Linear(architecture.num_features, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, in_channels, H, W] of any size -> logits [N, num_classes]."""
        maps = {IMAGE: images}
        for index, (step, block) in enumerate(zip(self.steps, self.blocks, strict=True)):
            output = block(self._joined(maps, step.reads))
            maps = {read: pooled(maps[read], step.pool) for read in step.kept}
            maps[index] = output
        logits: Tensor = self.classifier(self._joined(maps, self.architecture.outputs).mean(dim=(2, 3)))
        return logits

    def _joined(self, maps: dict[int, Tensor], reads: tuple[int, ...]) -> Tensor:
        return maps[reads[0]] if len(reads) == 1 else self.join(*(maps[read] for read in reads))
