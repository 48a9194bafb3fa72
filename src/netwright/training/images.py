"""The training loop of an image classifier, and the measurement of its accuracy.

history = train_classifier(network, split, seed=0, epochs=50, batch_size=64, ...)
history["validation_accuracies"][-1]
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Literal, Required, TypedDict, Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.architectures.values import JsonObject
from netwright.errors import ChildError
from netwright.nn.optimizers import SGD
from netwright.seeds import derive_seed
from netwright.tasks.images.data import ImageSplit
from netwright.training.checkpoints import Checkpoint
from netwright.training.classification import (
    accuracy_of,
    balanced_accuracy_of,
    balanced_weights,
    confusion_matrix,
    macro_f1_of,
)
from netwright.training.pixels import evaluation_view, mini_batches, training_view
from netwright.training.recorded_steps import RecordedSteps, View, can_record
from netwright.training.speed import Speed, at_its_speed
from netwright.trials import never

LearningRateSchedule = Literal["constant", "step", "cosine"]
ClassWeights = Literal["none", "balanced"]
MEASURES: dict[str, Callable[[Tensor], float]] = {
    "validation_accuracies": accuracy_of,
    "validation_balanced_accuracies": balanced_accuracy_of,
    "validation_macro_f1s": macro_f1_of,
}
"""What is measured after every epoch, from the confusion matrix of the validation images, by its name in a history."""


class ScheduleOptions(TypedDict, total=False):
    """The arguments of `learning_rate_at` but for the progress and the peak."""

    schedule: Required[LearningRateSchedule]
    milestones: tuple[float, ...]
    decay: float
    warm_up: float
    decay_at: float | None


def learning_rate_at(
    progress: float,
    *,
    peak: float,
    schedule: LearningRateSchedule,
    milestones: tuple[float, ...] = (0.5, 0.75),
    decay: float = 10.0,
    warm_up: float = 0.0,
    decay_at: float | None = None,
) -> float:
    """Return the learning rate after a fraction of training.

    Args:
        progress: completed fraction of training, in 0..1.
        peak: learning rate at the start of the schedule.
        schedule: "step" divides by `decay` at each of the `milestones`; "cosine" decreases to 0; "constant" does not
            change.
        milestones: fractions of training. The defaults are DenseNet's, whose settings the paper adopts.
        decay: what "step" divides by.
        warm_up: fraction of training during which the rate is a tenth of that of the schedule.
        decay_at: fraction of training at which the decrease starts. With "step" the later milestones keep their places
            between the first one and the end. Default the first milestone for "step" and 0 for "cosine".
    """
    rate = peak * (0.1 if progress < warm_up else 1.0)
    if schedule == "step":
        first = min(milestones)
        later = 0.0 if decay_at is None else (decay_at - first) / (1 - first)
        return rate * decay ** -sum(progress >= milestone + (1 - milestone) * later for milestone in milestones)
    if schedule == "cosine":
        start = 0.0 if decay_at is None else decay_at
        return rate * 0.5 * (1 + math.cos(math.pi * max(0.0, progress - start) / (1 - start)))
    return rate


class LoopedSteps:
    """The epochs of a training, whose operations the processor starts one after the other.

    The arguments are those of `RecordedSteps`, and `seed`, from which the randomness of dropout derives.
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
        seed: int,
    ) -> None:
        self._network, self._update, self._generator, self._view = network, update, generator, view
        self._batch_size, self._learning_rate_in, self._loss_of = batch_size, learning_rate_in, loss_of
        self._speed, self._seed, self._device = speed, seed, speed.torch_device
        self._images, self._labels = split.train_images.to(self._device), split.train_labels.to(self._device)

    def epoch(self, number: int) -> Tensor:
        """Train for one epoch, and return the sum of all images' losses, []."""
        order = torch.randperm(len(self._images), generator=self._generator).to(self._device)
        batches, summed_loss = mini_batches(order, self._batch_size), torch.zeros((), device=self._device)
        with _seeded_rng(derive_seed(self._seed, "dropout", number), self._device):
            for step, indices in enumerate(batches):
                self._update.learning_rate = self._learning_rate_in(number, step, len(batches))
                batch = training_view(self._images[indices], **self._view._asdict(), generator=self._generator)
                with self._speed.arithmetic():
                    logits = self._network(batch.contiguous(memory_format=self._speed.memory_format))
                loss = self._loss_of(logits.float(), self._labels[indices])
                self._update.zero_grad()
                loss.backward()
                self._update.step()
                summed_loss += loss.detach() * len(indices)
        return summed_loss


@at_its_speed
def train_classifier(
    network: nn.Module,
    split: ImageSplit,
    *,
    seed: int,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    momentum: float,
    weight_decay: float,
    upsample: int | None,
    flips: bool,
    speed: Speed,
    nesterov: bool = True,
    padding: int | None = None,
    label_smoothing: float = 0.0,
    class_weights: ClassWeights = "none",
    checkpoint: Checkpoint | None = None,
    on_epoch: Callable[[int, float | None], None] = lambda epoch, accuracy: None,
    is_over: Callable[[JsonObject], bool] = never,
    **options: Unpack[ScheduleOptions],
) -> dict[str, list[float]]:
    """Train `network` in place by SGD with momentum and measure its validation accuracy after every epoch.

    `network` maps images [B, C, H, W] to logits [B, classes]. All randomness derives from `seed`. `label_smoothing`
    is the share of a label's probability that is spread over all classes; with balanced `class_weights` the loss of a
    mini-batch is the mean that is weighted by `balanced_weights` of the training images. The training is stored in
    `checkpoint` after every epoch and continues from it to the same weights. `on_epoch` is called with the number of
    every epoch, from 0, and its accuracy; `is_over` with the history so far, where True ends the training. The other
    arguments are settings of `ImageSettings`, and `options` those of `learning_rate_at`.

    Returns the lists in `MEASURES` (0..1; empty without validation images) and `training_losses` (mean nats per image).
    Raises `ChildError` if the training loss is not finite.
    """
    network.to(device := speed.torch_device, memory_format=speed.memory_format)  # type: ignore[call-overload]
    labels = split.train_labels.to(device)
    update = SGD(network.parameters(), learning_rate, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay)
    generator = torch.Generator().manual_seed(seed)
    history = checkpoint.restore(network, update, generator) if checkpoint else None
    history = history or {name: [] for name in (*MEASURES, "training_losses")}
    weights = balanced_weights(labels, split.num_classes) if class_weights == "balanced" else None
    loss_of = partial(functional.cross_entropy, weight=weights, label_smoothing=label_smoothing)

    def learning_rate_in(epoch: int, step: int, steps: int) -> float:
        return learning_rate_at((epoch + step / steps) / epochs, peak=learning_rate, **options)

    view = View(upsample, padding, flips)
    make: Callable[..., RecordedSteps | LoopedSteps] = partial(LoopedSteps, seed=seed)
    if can_record(network, split.train_images, view, device):
        make = RecordedSteps
    steps = make(
        network, split, update, generator, batch_size=batch_size, view=view, learning_rate_in=learning_rate_in,
        loss_of=loss_of, speed=speed,
    )  # fmt: skip
    for epoch in range(len(history["training_losses"]), epochs):
        network.train()
        summed_loss = steps.epoch(epoch)
        history["training_losses"].append(_finite_mean(summed_loss, len(split.train_images), epoch))
        measured = _validated(network, split, upsample, speed)
        for name, value in measured.items():
            history[name].append(value)
        if checkpoint is not None:
            checkpoint.save(network, update, generator, history)
        on_epoch(epoch, measured.get("validation_accuracies"))
        if is_over(history):
            break
    return dict(history)


def _finite_mean(summed_loss: Tensor, num_images: int, epoch: int) -> float:
    mean = float(summed_loss) / num_images  # the only synchronisation with a GPU in an epoch
    if not math.isfinite(mean):
        raise ChildError(f"the training loss is {mean} in epoch {epoch + 1}")
    return mean


def _validated(network: nn.Module, split: ImageSplit, upsample: int | None, speed: Speed) -> dict[str, float]:
    """Return what `MEASURES` gives for the validation images; empty without any."""
    if not len(split.validation_images):
        return {}
    logits = logits_of(network, split.validation_images, upsample=upsample, speed=speed)
    confusion = confusion_matrix(split.validation_labels, logits.argmax(dim=1), split.num_classes)
    return {name: measure(confusion) for name, measure in MEASURES.items()}


@contextmanager
def _seeded_rng(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's global generators, which `nn.Dropout` uses, inside the context and restore them after it."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def measure_accuracy(
    network: nn.Module, images: Tensor, labels: Tensor, *, upsample: int | None, speed: Speed, batch_size: int = 500
) -> float:
    """Return the fraction of images classified correctly, in 0..1; `labels` is int64 [N], the rest as `logits_of`."""
    logits = logits_of(network, images, upsample=upsample, speed=speed, batch_size=batch_size)
    return int((logits.argmax(dim=1) == labels).sum()) / len(images)


@at_its_speed
@torch.no_grad()
def logits_of(
    network: nn.Module, images: Tensor, *, upsample: int | None, speed: Speed, batch_size: int = 500
) -> Tensor:
    """Compute the logits of a network, without augmentation.

    Args:
        network: maps images [B, C, H, W] to logits [B, classes]; it is set to evaluation mode.
        images: uint8 [N, C, H, W].
        upsample: as in training.
        speed: device, precision and memory format.
        batch_size: images of one forward pass.

    Returns:
        float32 [N, classes], on the CPU.
    """
    network.eval()
    found = []
    for batch in images.split(batch_size):
        pixels = evaluation_view(batch.to(speed.torch_device), upsample=upsample)
        with speed.arithmetic():
            logits = network(pixels.contiguous(memory_format=speed.memory_format))
        found.append(logits.float().cpu())
    return torch.cat(found)
