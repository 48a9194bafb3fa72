"""The evaluation of one architecture on images: build, train, measure. This is what workers call."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import nn

from netwright.children.building import build, initialise
from netwright.tasks.catalog import open_images
from netwright.tasks.images.data import ImageSplit, split_images
from netwright.training.images import train_classifier
from netwright.training.speed import Speed
from netwright.trials import Job, Measurement


@dataclass(frozen=True)
class ImageChild:
    """An `Evaluate`: call it with a job. Opens its data at the first call, in the process where that happens.

    `training` holds the keyword arguments of `train_classifier` beside network, split, seed and speed.
    """

    task: str
    folder: Path | None
    num_train: int | None
    num_validation: int | float
    split_seed: int
    training: dict[str, Any]
    speed: Speed = field(default_factory=Speed)

    @cached_property
    def split(self) -> ImageSplit:
        """The images, divided into training and validation."""
        data = open_images(self.task, self.folder, verify=False)
        return split_images(data, num_validation=self.num_validation, num_train=self.num_train, seed=self.split_seed)

    def __call__(self, job: Job) -> Measurement:
        """Train the job's architecture from its seed; a function of both alone."""
        return self.trained(job)

    def trained(self, job: Job, *, epsilon: float = 1e-5, **changes: Any) -> Measurement:
        """The same with some of the keyword arguments in `training` replaced; `epsilon` is batch normalisation's."""
        return self.trained_network(job, epsilon=epsilon, **changes)[1]

    def trained_network(self, job: Job, *, epsilon: float = 1e-5, **changes: Any) -> tuple[nn.Module, Measurement]:
        """What `trained` measures, and the network itself, for whoever measures more."""
        channels, height, width = self.split.train_images.shape[1:]
        network = build(job.architecture, self.split.num_classes, channels, epsilon, (height, width))
        initialise(network, job.seed)
        settings = {**self.training, **changes}
        metrics = train_classifier(network, self.split, seed=job.seed, speed=self.speed, **settings)
        return network, Measurement(metrics)


@dataclass(frozen=True)
class Candidates:
    """An `Evaluate` for jobs that differ in their settings: job n is trained with `settings[n]` (see `trained`)."""

    child: ImageChild
    settings: tuple[Mapping[str, Any], ...]

    def __call__(self, job: Job) -> Measurement:
        """Train the job's architecture with the settings of its number."""
        return self.child.trained(job, **self.settings[job.number])
