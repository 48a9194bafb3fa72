"""Children on labelled images: convolutional networks (paper, section 4.1)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from netwright.architectures.costs import ImageShape, costs_of
from netwright.architectures.families import reads_images
from netwright.architectures.values import JsonObject
from netwright.config import FinalSettings, ImageSettings
from netwright.evaluation.interface import DatasetInfo, Evaluation, grid_lines
from netwright.evaluation.model_tests import image_test_lines, num_tests_of
from netwright.evaluation.rewards import AccuracyReward, Reward

if TYPE_CHECKING:
    from netwright.evaluation.image_worker import ImageChild
    from netwright.evaluation.probe import Probe

PICTURES_PER_CLASS, MOST_PICTURES = 8, 120
"""Of a user's images in the report."""
SPEED_SETTINGS = {"device", "precision", "channels_last", "deterministic"}
NOT_OF_THE_LOOP = {
    "kind", "task", "num_train", "num_validation", "split_seed", "image_size", "score", "last_epochs", "exponent",
}  # fmt: skip
"""All other settings but those of speed are keyword arguments of `train_classifier`."""


@dataclass(frozen=True)
class ImageEvaluation(Evaluation):
    """Implements `Evaluation` for images."""

    settings: ImageSettings

    final_settings: ClassVar = FinalSettings

    @property
    def reward(self) -> Reward:
        """A power of the best late validation accuracy, or of the measure that `score` names."""
        return AccuracyReward(self.settings.last_epochs, self.settings.exponent, self.settings.score)

    def open(self, path: Path | None, *, verify: bool) -> DatasetInfo:
        """Find and read the images of the task."""
        from netwright.evaluation.imbalance import notes_on_imbalance
        from netwright.tasks.catalog import open_images, prepare_task
        from netwright.tasks.images.thumbnails import thumbnails

        folder = prepare_task(self.settings.task, path, verify=verify)
        data = open_images(self.settings.task, folder, verify=False, image_size=self.settings.image_size)
        notes = (*data.notes, *notes_on_imbalance(data, self.settings))
        for_report = None
        if data.understood is not None:
            pictures = thumbnails(data, per_class=PICTURES_PER_CLASS, most=MOST_PICTURES)
            for_report = data.understood.for_pages(pictures)
        return DatasetInfo(data.name, notes, folder, data.shape, identity=data.identity, for_report=for_report)

    def evaluate(self, folder: Path | None) -> "ImageChild":
        """Return what trains one network."""
        from netwright.evaluation.image_worker import ImageChild
        from netwright.training.speed import Speed

        settings = self.settings
        return ImageChild(
            task=settings.task,
            folder=folder,
            num_train=settings.num_train,
            num_validation=settings.num_validation,
            split_seed=settings.split_seed,
            image_size=settings.image_size,
            training=settings.model_dump(exclude=NOT_OF_THE_LOOP | SPEED_SETTINGS),
            speed=Speed(**settings.model_dump(include=SPEED_SETTINGS)),
        )

    def costs(self, architecture: object, shape: object) -> Mapping[str, int]:
        """Count the parameters, and the multiply-adds for one image."""
        if not isinstance(shape, ImageShape) or not reads_images(architecture):
            return {}
        costs = costs_of(architecture, shape)
        return asdict(costs) if costs else {}

    def open_probe(self, path: Path | None, *, verify: bool, seconds: float) -> "Probe":
        """Return a probe with the numbers and the shape of the images that a child is trained and measured on."""
        dataset = self.open(path, verify=verify)
        assert isinstance(dataset.shape, ImageShape)
        split = self.evaluate(dataset.folder).split
        return self.probe(dataset.shape, len(split.train_images), len(split.validation_images), seconds=seconds)

    def probe(self, images: ImageShape, num_train: int, num_validation: int, *, seconds: float) -> "Probe":
        """Return a probe for images that need not be there: random pixels take the same time."""
        from netwright.evaluation.probe import Probe

        child = self.evaluate(None)
        return Probe(images, num_train, num_validation, child.training, child.speed, seconds)

    def model_lines(self, model: JsonObject) -> list[str]:
        """Describe settings, choice and test."""
        metrics, settings = model["metrics"], model["settings"]
        start = "the schedule's" if settings["decay_at"] is None else f"{settings['decay_at']:g} of training"
        return [
            f"{model['origin']}, {metrics['num_parameters']:,} parameters, {settings['epochs']} epochs on "
            f"{metrics['num_train_images']:,} images: learning rate {settings['learning_rate']:g}, weight decay "
            f"{settings['weight_decay']:g}, epsilon {settings['epsilon']:g}, start of the decay: {start}",
            *grid_lines(model, self.reward.score_name),
            *image_test_lines(metrics, model["data"], num_tests_of(model)),
        ]
