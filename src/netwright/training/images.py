"""The loop that trains a child on images: plain, visible, one epoch after the other."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.errors import ChildError
from netwright.nn.optimizers import SGD
from netwright.seeds import derive_seed
from netwright.tasks.images.data import ImageSplit
from netwright.training.checkpoints import Checkpoint
from netwright.training.pixels import evaluation_view, training_view
from netwright.training.speed import Speed

LearningRateSchedule = Literal["constant", "step", "cosine"]


def learning_rate_at(
    progress: float, *, peak: float, schedule: LearningRateSchedule, decay_at: float | None = None
) -> float:
    """The learning rate after the fraction `progress` of training, in 0..1.

    "step" divides by 10 at 1/2 and again at 3/4 (DenseNet, whose settings the paper takes over), "cosine" falls to 0.
    `decay_at` is another fraction where the fall begins: of the first step, with the second one halfway from there to
    the end, or of the cosine.
    """
    if schedule == "step":
        first = 0.5 if decay_at is None else decay_at
        return peak * (1.0 if progress < first else 0.1 if progress < (first + 1) / 2 else 0.01)
    if schedule == "cosine":
        start = 0.0 if decay_at is None else decay_at
        return peak * 0.5 * (1 + math.cos(math.pi * max(0.0, progress - start) / (1 - start)))
    return peak


def train_classifier(
    network: nn.Module,
    split: ImageSplit,
    *,
    seed: int,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    schedule: LearningRateSchedule,
    momentum: float,
    weight_decay: float,
    upsample: int | None,
    flips: bool,
    speed: Speed,
    decay_at: float | None = None,
    label_smoothing: float = 0.0,
    checkpoint: Checkpoint | None = None,
    on_epoch: Callable[[int, float | None], None] = lambda epoch, accuracy: None,
) -> dict[str, Any]:
    """Train `network` in place with Nesterov momentum and measure it on the validation images after every epoch.

    Returns `validation_accuracies` (0..1; empty where the split has no validation images) and `training_losses` (nats
    per image), one entry per epoch. All chance comes from `seed`. With a `checkpoint`, training goes on after the last
    epoch that it holds, to the same weights. Raises `ChildError` when the loss is no number any more.
    """
    device = speed.torch_device
    network.to(device, memory_format=speed.memory_format)  # type: ignore[call-overload]
    images, labels = split.train_images.to(device), split.train_labels.to(device)
    optimizer = SGD(network.parameters(), learning_rate=learning_rate, momentum=momentum, weight_decay=weight_decay)
    generator = torch.Generator().manual_seed(seed)
    history: dict[str, list[float]] = {"validation_accuracies": [], "training_losses": []}
    if checkpoint is not None:
        history = checkpoint.restore(network, optimizer, generator) or history
    for epoch in range(len(history["training_losses"]), epochs):
        network.train()
        batches = mini_batches(torch.randperm(len(images), generator=generator).to(device), batch_size)
        summed_loss = torch.zeros((), device=device)
        with _seeded_rng(derive_seed(seed, "dropout", epoch), device):
            for step, picked in enumerate(batches):
                progress = (epoch + step / len(batches)) / epochs
                optimizer.learning_rate = learning_rate_at(
                    progress, peak=learning_rate, schedule=schedule, decay_at=decay_at
                )
                batch = training_view(images[picked], upsample=upsample, flips=flips, generator=generator)
                with speed.arithmetic():
                    logits = network(batch.contiguous(memory_format=speed.memory_format))
                loss = functional.cross_entropy(logits.float(), labels[picked], label_smoothing=label_smoothing)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                summed_loss += loss.detach() * len(picked)
        mean_loss = float(summed_loss) / len(images)  # the one synchronisation with a GPU in an epoch
        if not math.isfinite(mean_loss):
            raise ChildError(f"the training loss is {mean_loss} in epoch {epoch + 1}")
        history["training_losses"].append(mean_loss)
        accuracy = None
        if len(split.validation_images):
            accuracy = measure_accuracy(
                network, split.validation_images, split.validation_labels, upsample=upsample, speed=speed
            )
            history["validation_accuracies"].append(accuracy)
        if checkpoint is not None:
            checkpoint.save(network, optimizer, generator, history)
        on_epoch(epoch, accuracy)
    return dict(history)


def mini_batches(order: Tensor, batch_size: int) -> list[Tensor]:
    """`order` cut into parts of `batch_size`, the last one as short as it comes out.

    Only a last part of one image joins the part before it: batch normalisation refuses a single image whose maps have
    shrunk to 1x1, since one number has no deviation.
    """
    batches = list(order.split(batch_size))
    if len(batches) > 1 and len(order) % batch_size == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


@contextmanager
def _seeded_rng(seed: int, device: torch.device) -> Iterator[None]:
    """Inside, torch's own generators, from which `nn.Dropout` draws, begin with `seed`; outside nothing changes."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


@torch.no_grad()
def measure_accuracy(
    network: nn.Module, images: Tensor, labels: Tensor, *, upsample: int | None, speed: Speed, batch_size: int = 500
) -> float:
    """The fraction of uint8 `images` [N, C, H, W] that the network classifies correctly, without augmentation."""
    network.eval()
    correct = 0
    for batch, expected in zip(images.split(batch_size), labels.split(batch_size), strict=True):
        pixels = evaluation_view(batch.to(speed.torch_device), upsample=upsample)
        with speed.arithmetic():
            logits = network(pixels.contiguous(memory_format=speed.memory_format))
        correct += int((logits.argmax(dim=1).cpu() == expected).sum())
    return correct / len(images)
