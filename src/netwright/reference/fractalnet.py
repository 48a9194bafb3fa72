"""FractalNet: deep networks without residuals (Larsson et al. 2016, arXiv 1605.07648).

A block of C columns is defined by recursion; "join" is the element-wise mean:

    f_1(x) = conv(x)
    f_C(x) = join(conv(x), f_(C-1)(f_(C-1)(x)))

Joins that follow each other directly are one join, so that the last join of a block is the mean of all its C columns.
The columns have 1, 2, 4, ... convolutions. The network for CIFAR-10 has 5 blocks of 3 columns, hence 20 convolutions on
its longest path, and a maximum pooling after each block.

Drop-path removes inputs of joins in training. A mini-batch is sampled in one of two ways, each with probability 1/2:

- local: every join drops each input with probability 0.15 and keeps at least one;
- global: the whole network is one column, the same in all blocks.

The network has 33,724,618 parameters. The 38.6M of the paper's table do not follow from its description: with four
columns there would be 76.1M.

What the paper leaves open: convolutions have no bias; dropout (0, 0.1, ..., 0.4 in blocks 1 to 5, only together with
drop-path) is between convolution and batch normalisation; the sampling is for a whole mini-batch; images of more or
fewer than 32 pixels are averaged before the classifier or pooled to 1x1 earlier.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

NUM_COLUMNS = 3
FILTERS = (64, 128, 256, 512, 512)
DROPOUTS = (0.0, 0.1, 0.2, 0.3, 0.4)
LOCAL_DROP_RATE = 0.15
GLOBAL_SHARE = 0.5
"""The share of mini-batches whose network is a single column."""

Join = Callable[[list[Tensor]], Tensor]


def mean(paths: list[Tensor]) -> Tensor:
    """Join `paths`, maps of equal shapes, by their element-wise mean."""
    return torch.stack(paths).mean(dim=0) if len(paths) > 1 else paths[0]


def mean_of_kept(paths: list[Tensor]) -> Tensor:
    """Join like `mean`, each path dropped with probability `LOCAL_DROP_RATE`; one at random stays if all would go."""
    kept = torch.rand(len(paths)) >= LOCAL_DROP_RATE
    if not kept.any():
        kept[torch.randint(len(paths), ())] = True
    return mean([path for path, keep in zip(paths, kept.tolist(), strict=True) if keep])


class FractalBlock(nn.Module):
    """The block f_C.

    Args:
        num_columns: C.
        in_channels: Channels of the input.
        filters: Channels of the output.
        dropout: The probability with which an output of a convolution is set to 0 in training.
    """

    def __init__(self, num_columns: int, in_channels: int, filters: int, dropout: float) -> None:
        super().__init__()
        self.convolution = nn.Sequential(
            nn.Conv2d(in_channels, filters, 3, padding=1, bias=False),
            nn.Dropout(dropout),
            nn.BatchNorm2d(filters),
            nn.ReLU(inplace=True),
        )
        self.deeper = nn.ModuleList()
        if num_columns > 1:
            self.deeper.append(FractalBlock(num_columns - 1, in_channels, filters, dropout))
            self.deeper.append(FractalBlock(num_columns - 1, filters, filters, dropout))

    def forward(self, maps: Tensor, join: Join = mean) -> Tensor:
        """Maps [N, in_channels, H, W] -> maps [N, filters, H, W], with `join` at every join."""
        return join(self.paths(maps, join))

    def paths(self, maps: Tensor, join: Join) -> list[Tensor]:
        """Return the inputs of the block's last join, the shortest column first."""
        if not self.deeper:
            return [self.convolution(maps)]
        first, second = self.deeper
        return [self.convolution(maps), *second.paths(first(maps, join), join)]  # type: ignore[operator]

    def column(self, maps: Tensor, index: int) -> Tensor:
        """Compute one column only, the one with 2**index convolutions; shapes as in `forward`."""
        if index == 0:
            output: Tensor = self.convolution(maps)
            return output
        for half in self.deeper:
            maps = half.column(maps, index - 1)  # type: ignore[operator]
        return maps


class FractalNet(nn.Module):
    """FractalNet with 20 convolutions on its longest path.

    Args:
        num_classes: The number of logits.
        in_channels: Channels of the images.
        image_size: (height, width) of the images; any size will do.
        drop_path: Whether training drops paths, and activations of convolutions.
        filters: Channels of the output of each block.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        image_size: tuple[int, int],
        *,
        drop_path: bool = False,
        filters: tuple[int, ...] = FILTERS,
    ) -> None:
        super().__init__()
        self.drop_path = drop_path
        self.blocks = nn.ModuleList()
        inputs = in_channels
        for outputs, dropout in zip(filters, DROPOUTS, strict=True):
            self.blocks.append(FractalBlock(NUM_COLUMNS, inputs, outputs, dropout if drop_path else 0.0))
            inputs = outputs
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.classifier = nn.Linear(inputs, num_classes)
        for part in self.modules():
            if isinstance(part, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(part.weight)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Images [N, in_channels, H, W] -> logits [N, num_classes]."""
        apply = self._sampled() if self.training and self.drop_path else FractalBlock.forward
        maps = images
        for block in self.blocks:
            assert isinstance(block, FractalBlock)
            maps = self.pool(apply(block, maps))
        logits: Tensor = self.classifier(maps.mean(dim=(2, 3)))
        return logits

    def _sampled(self) -> Callable[[FractalBlock, Tensor], Tensor]:
        """Sample how all blocks are computed for one mini-batch."""
        if torch.rand(()) < GLOBAL_SHARE:
            return partial(FractalBlock.column, index=int(torch.randint(NUM_COLUMNS, ())))
        return partial(FractalBlock.forward, join=mean_of_kept)


NETWORKS: dict[str, Callable[[int, int, tuple[int, int]], nn.Module]] = {
    "fractalnet": FractalNet,
    "fractalnet-drop-path": partial(FractalNet, drop_path=True),
}
