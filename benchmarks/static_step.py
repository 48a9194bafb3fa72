"""A training step of an image child with nothing for the processor to do, so that a GPU can record it as a graph.

It computes what `train_classifier` computes. What is done once moves out of the step: the pixels are whitened and
enlarged once and stay on the device; the random numbers and learning rates of an epoch are drawn in the order of
`train_classifier` and sent at once; a counter on the device says which step it is.
"""

import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.training.images import learning_rate_at, mini_batches
from netwright.training.pixels import upsampled, whiten

WARM_UP_STEPS = 2
"""Steps before the recording, in which libraries allocate what they keep."""
MOMENTUM = 0.9
TABLES = ("picked", "tops", "lefts", "flipped")


@dataclass(frozen=True)
class Training:
    """Settings that the loop and the static step share."""

    batch_size: int
    epochs: int
    seed: int = 0
    learning_rate: float = 0.1
    schedule: Literal["constant", "step", "cosine"] = "step"
    weight_decay: float = 1e-4
    upsample: int = 40


def enlarged(images: Tensor, size: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """uint8 [N, C, H, W] -> whitened and enlarged [N, U, U, C] on the device, once for all children."""
    parts = [
        upsampled(whiten(part.to(device)), size).permute(0, 2, 3, 1).to(dtype).contiguous()
        for part in images.split(2048)
    ]
    return torch.cat(parts)


class StaticChild:
    """A child's training, step by step or as a recorded graph.

    Args:
        network: is trained in place.
        pixels: [N, U, U, C], see `enlarged`; their type is that of the arithmetic.
        labels: int64 [N].
        training: the settings.
        edge: pixels of a side of the crops.
    """

    def __init__(
        self, network: nn.Module, pixels: Tensor, labels: Tensor, training: Training, *, edge: int = 32
    ) -> None:
        device = pixels.device
        self.network = network.to(device, memory_format=torch.channels_last)
        self.pixels, self.labels, self.training = pixels, labels.to(device), training
        self.parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self.velocities = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.generator = torch.Generator().manual_seed(training.seed)
        sizes = [len(batch) for batch in mini_batches(labels, training.batch_size)]
        steps, self.largest = len(sizes), max(sizes)
        self.step_number = torch.zeros(1, dtype=torch.int64, device=device)
        self.summed_loss = torch.zeros((), device=device)
        self.learning_rates = torch.zeros(steps, device=device)
        self.tables = {name: torch.zeros(steps, self.largest, dtype=torch.int64, device=device) for name in TABLES}
        self.offsets = torch.arange(edge, device=device)
        self.graph: torch.cuda.CUDAGraph | None = None

    def prepare(self, epoch: int) -> list[int]:
        """Send the random numbers and learning rates of an epoch; return the number of images of each step."""
        training = self.training
        batches = mini_batches(torch.randperm(len(self.labels), generator=self.generator), training.batch_size)
        places = self.pixels.shape[1] - len(self.offsets) + 1
        rows: dict[str, list[Tensor]] = {name: [] for name in TABLES}
        for picked in batches:
            count = len(picked)
            tops, lefts = (torch.randint(places, (count, 1), generator=self.generator) for _ in range(2))
            flipped = torch.rand(count, 1, generator=self.generator) < 0.5
            for name, row in zip(TABLES, (picked, tops, lefts, flipped), strict=True):
                rows[name].append(functional.pad(row.view(count), (0, self.largest - count)))
        for name, table in self.tables.items():
            table.copy_(torch.stack(rows[name]), non_blocking=True)
        progress = [(epoch + step / len(batches)) / training.epochs for step in range(len(batches))]
        rates = [learning_rate_at(each, peak=training.learning_rate, schedule=training.schedule) for each in progress]
        self.learning_rates.copy_(torch.tensor(rates), non_blocking=True)
        self.step_number.zero_()
        self.summed_loss.zero_()
        return [len(batch) for batch in batches]

    def step(self, count: int) -> None:
        """Train on the `count` images of the present step; only memory of the device is read and written."""
        picked, tops, lefts, flipped = (
            self.tables[name].index_select(0, self.step_number)[0, :count, None] for name in TABLES
        )
        rows = tops + self.offsets
        columns = lefts + torch.where(flipped > 0, self.offsets.flip(0), self.offsets)
        batch = self.pixels[picked[:, :, None], rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
        reduced = self.pixels.dtype != torch.float32
        with torch.autocast(self.pixels.device.type, self.pixels.dtype) if reduced else nullcontext():
            logits = self.network(batch)
        loss = functional.cross_entropy(logits.float(), self.labels[picked[:, 0]])
        for parameter in self.parameters:
            parameter.grad = None
        loss.backward()
        with torch.no_grad():
            torch._fused_sgd_(
                self.parameters,
                [_laid_out_as(parameter) for parameter in self.parameters],
                self.velocities,
                weight_decay=self.training.weight_decay,
                momentum=MOMENTUM,
                lr=self.learning_rates.index_select(0, self.step_number)[0],
                dampening=0.0,
                nesterov=True,
                maximize=False,
                is_first_step=False,
            )
            self.summed_loss += loss.detach() * count
            self.step_number.add_(1)

    def record(self) -> float:
        """Record a step of `batch_size` images; nothing has changed afterwards. Return the seconds that it took.

        On a CPU nothing is recorded.
        """
        if not self.pixels.is_cuda:
            return 0.0
        begun = time.perf_counter()
        state = [*self.network.state_dict().values(), *self.velocities, self.step_number, self.summed_loss]
        before = [tensor.clone() for tensor in state]
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP_STEPS):
                self.step_number.zero_()
                self.step(self.training.batch_size)
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, capture_error_mode="thread_local"):
            self.step(self.training.batch_size)
        with torch.no_grad():
            for tensor, value in zip(state, before, strict=True):
                tensor.copy_(value)
        torch.cuda.synchronize()
        return time.perf_counter() - begun

    def run(self, count: int) -> None:
        """Train on the images of the present step, by the recorded graph if there is one and the step is full."""
        if self.graph is None or count != self.training.batch_size:
            self.step(count)
        else:
            self.graph.replay()

    def epoch(self, number: int) -> float:
        """Train for one epoch; return the mean loss, which is the only wait for the device."""
        for count in self.prepare(number):
            self.run(count)
        return float(self.summed_loss) / len(self.labels)


def _laid_out_as(parameter: Tensor) -> Tensor:
    """Return its gradient with its strides; those of a 1x1 filter may differ along sides of one, which SGD refuses."""
    grad = parameter.grad
    assert grad is not None
    return grad if grad.stride() == parameter.stride() else grad.as_strided(parameter.shape, parameter.stride())
