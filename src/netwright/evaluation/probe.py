"""How long a child would take, from a few of its mini-batches: a stand-in for training that estimates call."""

import time
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from netwright.architectures.costs import ImageShape
from netwright.children.building import build, initialise
from netwright.tasks.images.data import ImageSplit
from netwright.training.images import measure_accuracy, train_classifier
from netwright.training.speed import Speed
from netwright.trials import Job, Measurement

MOST_STEPS = 200
EVALUATED, SLOW_SECONDS = 500, 0.2
"""So many images are measured at once; fewer where a mini-batch takes longer than this."""


@dataclass(frozen=True)
class Probe:
    """An `Evaluate` on random pixels: times mini-batches, and the measuring of images.


    A child trains on `num_train` images and is measured on `num_validation` in every epoch; `training` is what
    `ImageChild` has. About `seconds` are spent on mini-batches, after a first one that does not count:
    with it a process chooses how to compute layers of each shape, and later children find that done.
    """

    images: ImageShape
    num_train: int
    num_validation: int
    training: dict[str, Any]
    speed: Speed = field(default_factory=Speed)
    seconds: float = 1.0

    def __call__(self, job: Job) -> Measurement:
        """`child_seconds`: what training the job's architecture from start to end would take here and now.

        `first_seconds` is what the first mini-batch took longer than others.
        """
        shape = self.images
        network = build(job.architecture, shape.num_classes, shape.channels, image_size=(shape.height, shape.width))
        initialise(network, job.seed)
        first = self._steps(network, 1, job.seed)
        step = self._steps(network, 1, job.seed)
        num_steps = min(MOST_STEPS, int(self.seconds / step))
        if num_steps > 1:
            step = self._steps(network, num_steps, job.seed) / num_steps
        epochs, batch_size = self.training["epochs"], self.training["batch_size"]
        num_evaluated = min(self.num_validation, EVALUATED if step < SLOW_SECONDS else batch_size)
        evaluation = self._evaluation(network, num_evaluated, job.seed)
        epoch = step * self.num_train / batch_size + evaluation * self.num_validation
        return Measurement({"child_seconds": epochs * epoch, "first_seconds": max(0.0, first - step)})

    def _steps(self, network: nn.Module, num_steps: int, seed: int) -> float:
        """Seconds for so many mini-batches; measuring one image, as `train_classifier` must, is hardly any of them."""
        split = self._random(num_steps * self.training["batch_size"], seed)
        begun = time.perf_counter()
        train_classifier(network, split, seed=seed, speed=self.speed, **{**self.training, "epochs": 1})
        return time.perf_counter() - begun

    def _evaluation(self, network: nn.Module, num_images: int, seed: int) -> float:
        """Seconds to measure one image, as one of many."""
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
