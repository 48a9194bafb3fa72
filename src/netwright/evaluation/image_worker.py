"""The worker's side of image children: build, train and measure one architecture."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from torch import nn

from netwright.architectures.values import JsonObject
from netwright.children.building import build_with_weights
from netwright.tasks.catalog import open_images
from netwright.tasks.images.data import ImageSplit, split_images
from netwright.training.classification import fitted_temperature, largest_class_of
from netwright.training.images import logits_of, train_classifier
from netwright.training.speed import Speed
from netwright.trials import Job, Measurement


@dataclass(frozen=True)
class ImageChild:
    """An `Evaluate`: call it with a job. The data is opened at the first call, in the process of that call.

    Args:
        task: The name of the task that has the images.
        folder: The folder of its files.
        num_train: Training images; None is all that validation leaves.
        num_validation: Validation images, or below 1 that share of every class.
        split_seed: Of the division into training and validation.
        training: The keyword arguments of `train_classifier` except network, split, seed and speed.
        speed: Device, precision and memory format.
        image_size: The largest side of a user's own images in pixels; None is the task's.
    """

    task: str
    folder: Path | None
    num_train: int | None
    num_validation: int | float
    split_seed: int
    training: JsonObject
    speed: Speed = field(default_factory=Speed)
    image_size: int | None = None

    @cached_property
    def split(self) -> ImageSplit:
        """The images, divided into training and validation; read at the first use."""
        data = open_images(self.task, self.folder, verify=False, image_size=self.image_size)
        return split_images(data, num_validation=self.num_validation, num_train=self.num_train, seed=self.split_seed)

    def __call__(self, job: Job) -> Measurement:
        """Train the job's architecture; the result depends on the architecture and the seed alone."""
        return self.trained_network(job)[1]

    def trained_network(
        self, job: Job, changes: Mapping[str, object] = MappingProxyType({})
    ) -> tuple[nn.Module, Measurement]:
        """Train the job's architecture, and return the network too.

        Args:
            job: The architecture and the seed.
            changes: Replaces some of the keyword arguments in `training`; `epsilon` is batch normalisation's.
        """
        settings: JsonObject = {"epsilon": 1e-5, **self.training, **job.changes, **changes}
        channels, height, width = self.split.train_images.shape[1:]
        network = build_with_weights(
            job.architecture, self.split.num_classes, channels, (height, width), seed=job.seed,
            epsilon=settings.pop("epsilon"),
        )  # fmt: skip
        metrics = train_classifier(
            network, self.split, seed=job.seed, speed=self.speed, is_over=job.is_over, **settings
        )
        labels = self.split.validation_labels
        share = largest_class_of(labels)[1]
        return network, Measurement({**metrics, "largest_class_share": share, "num_validation_images": len(labels)})


@dataclass(frozen=True)
class Candidates:
    """An `Evaluate` for jobs that differ in their settings: job n is trained with `settings[n]` changed."""

    child: ImageChild
    settings: tuple[Mapping[str, object], ...]

    def __call__(self, job: Job) -> Measurement:
        """Train the job's architecture with the settings of its number, and fit a temperature on validation."""
        network, measurement = self.child.trained_network(job, self.settings[job.number])
        split, upsample = self.child.split, self.child.training["upsample"]
        logits = logits_of(network, split.validation_images, upsample=upsample, speed=self.child.speed)
        temperature = fitted_temperature(logits, split.validation_labels)
        return Measurement({**measurement.metrics, "temperature": temperature})
