"""The training of an image child on a GPU as one recorded step: the processor only starts a graph for each mini-batch.

What is done once moves out of the step. Pixels are whitened, enlarged and padded once and stay on the device, for all
children on the same images. The random numbers and learning rates of an epoch are drawn in the order of the loop in
`images` and sent at once; a counter on the device says which step it is. So a step reads and writes memory of the
device alone, and can be recorded as a CUDA graph. On a CPU, where nothing can be recorded, the same step computes what
the loop computes.

Shapes: N images, S steps of an epoch, B images of a step, C channels, U x V pixels as enlarged, H x W of a crop.
"""

import math
import warnings
from collections.abc import Callable
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from netwright.children.convolutional import ConvNetModule
from netwright.nn.optimizers import SGD
from netwright.tasks.images.data import ImageSplit
from netwright.training.pixels import enlarged, mini_batches, random_windows
from netwright.training.speed import Speed

MOST_BYTES = 2**32
"""Of the enlarged pixels of all training images that are kept on a GPU."""
WARM_UP_STEPS = 2
"""Steps before the recording, in which libraries allocate what they keep."""


class View(NamedTuple):
    """How images are prepared for training; see `training_view`."""

    upsample: int | None
    padding: int | None
    flips: bool

    @property
    def crops(self) -> bool:
        """Whether a window of every image is chosen at random."""
        return self.upsample is not None or self.padding is not None or self.flips


def can_record(network: nn.Module, images: Tensor, view: View, device: torch.device) -> bool:
    """Whether the steps of a training can be recorded on `device`.

    The same operations must follow each other in every step, which is certain of a `ConvNetModule`: a network with
    dropout draws random numbers, and one with stochastic depth leaves layers out.
    """
    height, width = images.shape[2:]
    scale = 1.0 if view.upsample is None else view.upsample / max(height, width)
    sides = (math.ceil(side * scale) + 2 * (view.padding or 0) for side in (height, width))
    num_bytes = 4 * len(images) * images.shape[1] * math.prod(sides)
    return device.type == "cuda" and isinstance(network, ConvNetModule) and num_bytes <= MOST_BYTES


_KEPT: WeakKeyDictionary[ImageSplit, tuple[object, Tensor]] = WeakKeyDictionary()


def pixels_of(split: ImageSplit, view: View, device: torch.device) -> Tensor:
    """Return the enlarged training images [N, U, V, C] on `device`, kept as long as `split` lives."""
    key = (view.upsample, view.padding, device)
    if split not in _KEPT or _KEPT[split][0] != key:
        parts = (part.to(device) for part in split.train_images.split(2048))
        prepared = [enlarged(part, upsample=view.upsample, padding=view.padding) for part in parts]
        _KEPT[split] = key, torch.cat([part.permute(0, 2, 3, 1).contiguous() for part in prepared])
    return _KEPT[split][1]


class RecordedSteps:
    """The epochs of a training; the first one records the step.

    Args:
        network: is on the device of `speed` and is trained in place.
        split: the images.
        update: the optimiser of all weights of the network.
        generator: the source of randomness.
        batch_size: images of a step.
        view: how images are prepared.
        learning_rate_in: (epoch, step, steps of an epoch) -> learning rate.
        loss_of: (logits in float32, labels) -> mean loss.
        speed: device, precision and memory format.
    """

    def __init__(
        self,
        network: nn.Module,
        split: ImageSplit,
        update: SGD,
        generator: torch.Generator,
        *,
        batch_size: int,
        view: View,
        learning_rate_in: Callable[[int, int, int], float],
        loss_of: Callable[[Tensor, Tensor], Tensor],
        speed: Speed,
    ) -> None:
        device = speed.torch_device
        self._network, self._update, self._generator, self._view = network, update, generator, view
        self._batch_size, self._learning_rate_in = batch_size, learning_rate_in
        self._loss_of, self._speed = loss_of, speed
        self._pixels, self._labels = pixels_of(split, view, device), split.train_labels.to(device)
        self._crop = (split.train_images.shape[2], split.train_images.shape[3])
        sizes = [len(batch) for batch in mini_batches(split.train_labels, batch_size)]
        steps, largest = len(sizes), max(sizes)
        self._indices_SB = torch.zeros(steps, largest, dtype=torch.int64, device=device)
        self._rows_SBH, self._columns_SBW = (
            torch.zeros(steps, largest, side, dtype=torch.int64, device=device) for side in self._crop
        )
        self._learning_rates_S = torch.zeros(steps, device=device)
        self._step = torch.zeros(1, dtype=torch.int64, device=device)
        self._summed_loss = torch.zeros((), device=device)
        self._graph: torch.cuda.CUDAGraph | None = None
        self._is_recorded = device.type != "cuda"

    def epoch(self, number: int) -> Tensor:
        """Train for one epoch, and return the sum of all images' losses, []."""
        sizes = self._prepare(number)
        if not self._is_recorded:
            self._record()
            self._is_recorded = True
        for size in sizes:
            if self._graph is not None and size == self._batch_size:
                self._graph.replay()
            else:
                self._one_step(size)
        return self._summed_loss.clone()

    def _prepare(self, epoch: int) -> list[int]:
        """Send the random numbers and learning rates of an epoch; return the number of images of each step."""
        batches = mini_batches(torch.randperm(len(self._labels), generator=self._generator), self._batch_size)
        (height, width), shape = self._crop, (self._pixels.shape[1], self._pixels.shape[2])
        indices, rows, columns = (
            torch.zeros(table.shape, dtype=torch.int64)
            for table in (self._indices_SB, self._rows_SBH, self._columns_SBW)
        )
        for step, batch in enumerate(batches):
            count = len(batch)
            indices[step, :count] = batch
            if self._view.crops:
                rows[step, :count], columns[step, :count] = random_windows(
                    count, shape, height, width, flips=self._view.flips, generator=self._generator
                )
            else:
                rows[step], columns[step] = torch.arange(height), torch.arange(width)
        self._indices_SB.copy_(indices)
        self._rows_SBH.copy_(rows)
        self._columns_SBW.copy_(columns)
        rates = [self._learning_rate_in(epoch, step, len(batches)) for step in range(len(batches))]
        self._learning_rates_S.copy_(torch.tensor(rates))
        self._step.zero_()
        self._summed_loss.zero_()
        return [len(batch) for batch in batches]

    def _one_step(self, count: int) -> None:
        """Train on the `count` images of the present step, and go on to the next one."""
        indices, rows, columns = (
            table.index_select(0, self._step)[0, :count]
            for table in (self._indices_SB, self._rows_SBH, self._columns_SBW)
        )
        batch = self._pixels[indices[:, None, None], rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
        with self._speed.arithmetic():
            logits = self._network(batch.contiguous(memory_format=self._speed.memory_format))
        loss = self._loss_of(logits.float(), self._labels[indices])
        self._update.zero_grad()
        loss.backward()
        self._update.fused_step(self._learning_rates_S.index_select(0, self._step)[0])
        with torch.no_grad():
            self._summed_loss += loss.detach() * count
            self._step.add_(1)

    def _record(self) -> None:
        """Record a full step as a graph, without any other effect; if that fails, say why and go on without one."""
        state = [*self._network.state_dict().values(), *self._update.velocities(), self._step, self._summed_loss]
        before = [tensor.clone() for tensor in state]
        try:
            self._graph = self._recorded()
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            warnings.warn(
                f"the training step cannot be recorded as a CUDA graph, so that training is slower: {error}",
                RuntimeWarning,
                stacklevel=2,
            )
        with torch.no_grad():
            for tensor, value in zip(state, before, strict=True):
                tensor.copy_(value)

    def _recorded(self) -> torch.cuda.CUDAGraph:
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP_STEPS):
                self._step.zero_()
                self._one_step(self._batch_size)
        torch.cuda.current_stream().wait_stream(side)
        self._step.zero_()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            self._one_step(self._batch_size)
        return graph
