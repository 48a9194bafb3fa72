"""The time that training a child would take, extrapolated from a few of its mini-batches."""

import time
from dataclasses import dataclass, field

import torch
from torch import nn

from netwright.architectures.costs import ImageShape
from netwright.architectures.values import JsonObject
from netwright.children.building import build_with_weights
from netwright.tasks.images.data import ImageSplit
from netwright.training.images import measure_accuracy, train_classifier
from netwright.training.speed import Speed
from netwright.trials import Job, Measurement

MOST_STEPS = 200
EVALUATED, SLOW_SECONDS = 500, 0.2
"""This many images are measured at once; a mini-batch of them where training on one takes longer than this."""


@dataclass(frozen=True)
class Probe:
    """An `Evaluate` on random pixels that times mini-batches of training, and the measuring of images.

    The first mini-batch does not count: during it a process chooses how to compute layers of each shape, and later
    children of the process find that done.

    Args:
        images: The shape of the images.
        num_train: Training images of a child.
        num_validation: Images on which a child is measured after every epoch.
        training: That of `ImageChild`.
        speed: That of `ImageChild`.
        seconds: The approximate time to spend on mini-batches.
    """

    images: ImageShape
    num_train: int
    num_validation: int
    training: JsonObject
    speed: Speed = field(default_factory=Speed)
    seconds: float = 1.0

    def __call__(self, job: Job) -> Measurement:
        """Time the job's architecture.

        Returns:
            `child_seconds`, the time that the whole training would take here and now, and `first_seconds`, by how much
            the first mini-batch took longer than the others.
        """
        shape = self.images
        size = shape.height, shape.width
        network = build_with_weights(job.architecture, shape.num_classes, shape.channels, size, seed=job.seed)
        first = self._steps(network, 1, job.seed)
        once = step = self._steps(network, 1, job.seed)
        num_steps = min(MOST_STEPS, int(self.seconds / once))
        if num_steps > 1:
            many = self._steps(network, num_steps, job.seed)
            # The difference leaves out what a training does once, such as recording its step on a GPU.
            step = (many - once) / (num_steps - 1) if many > once else many / num_steps
        epochs, batch_size = self.training["epochs"], self.training["batch_size"]
        num_evaluated = min(self.num_validation, EVALUATED if step < SLOW_SECONDS else batch_size)
        evaluation = self._evaluation(network, num_evaluated, job.seed)
        epoch = step * self.num_train / batch_size + evaluation * self.num_validation
        seconds = epochs * epoch + max(0.0, once - step)
        return Measurement({"child_seconds": seconds, "first_seconds": max(0.0, first - once)})

    def _steps(self, network: nn.Module, num_steps: int, seed: int) -> float:
        """Return the seconds of `num_steps` mini-batches; measuring the one validation image hardly counts."""
        split = self._random(num_steps * self.training["batch_size"], seed)
        begun = time.perf_counter()
        train_classifier(network, split, seed=seed, speed=self.speed, **{**self.training, "epochs": 1})
        return time.perf_counter() - begun

    def _evaluation(self, network: nn.Module, num_images: int, seed: int) -> float:
        """Return the seconds to measure one image as one of `num_images`."""
        split = self._random(num_images, seed)
        upsample = self.training["upsample"]
        begun = time.perf_counter()
        measure_accuracy(network, split.train_images, split.train_labels, upsample=upsample, speed=self.speed)
        return (time.perf_counter() - begun) / len(split.train_images)

    def _random(self, num_images: int, seed: int) -> ImageSplit:
        shape, generator = self.images, torch.Generator().manual_seed(seed)
        sizes = (num_images, shape.channels, shape.height, shape.width)
        images = torch.randint(256, sizes, dtype=torch.uint8, generator=generator)
        labels = torch.randint(shape.num_classes, (num_images,), generator=generator)
        return ImageSplit(images, labels, images[:1], labels[:1], shape.num_classes)
