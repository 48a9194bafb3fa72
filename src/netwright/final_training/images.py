"""The final training of convolutional networks: on all images except the test set (paper, section 4.1)."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from torch import nn

from netwright.architectures.values import JsonObject, fingerprint
from netwright.children.building import build_with_weights, num_parameters
from netwright.config import FinalSettings, ImageSettings
from netwright.errors import DataError
from netwright.evaluation.image_worker import Candidates, ImageChild
from netwright.evaluation.images import ImageEvaluation
from netwright.evaluation.imbalance import notes_on_imbalance
from netwright.evaluation.interface import DatasetInfo
from netwright.evaluation.probe import Probe
from netwright.evaluation.rewards import Reward
from netwright.final_training.image_test import measured, worst_errors
from netwright.final_training.interface import Candidate, Finished, Tested, once_each, sha256_of
from netwright.models.names import WORST_ERRORS
from netwright.searching.placement import Placement
from netwright.seeds import derive_seed
from netwright.tasks.catalog import open_images, prepare_task
from netwright.tasks.images.data import ImageData, everything_but_test
from netwright.training.checkpoints import Checkpoint
from netwright.training.images import logits_of, train_classifier
from netwright.trials import Job

EPOCHS_FACTOR = 6
"""Epochs of a final training for each of a child's: DenseNet's 300 where the paper's children have 50."""


@dataclass(frozen=True, eq=False)
class FinalImages:
    """Implements `FinalTraining` for networks that classify images."""

    settings: ImageSettings
    final: FinalSettings
    data: ImageData
    child: ImageChild

    @classmethod
    def open(cls, settings: ImageSettings, final: FinalSettings, placement: Placement) -> "FinalImages":
        """Read the data; `DataError` if it has no test part."""
        folder = prepare_task(settings.task, placement.data, verify=placement.verify)
        data = open_images(settings.task, folder, verify=False, image_size=settings.image_size)
        if not len(data.test_images):
            raise DataError(f"{data.name} has no test images, so a final network could not be tested on it")
        return cls(settings, final, data, ImageEvaluation(settings).evaluate(folder))

    @property
    def reward(self) -> Reward:
        """The search's reward."""
        return ImageEvaluation(self.settings).reward

    @property
    def dataset(self) -> DatasetInfo:
        """The name, the notes and the identity of the data."""
        notes = (*self.data.notes, *notes_on_imbalance(self.data, self.settings))
        return DatasetInfo(self.data.name, notes, identity=self.data.identity)

    def checksum(self) -> str:
        """Return the checksum of the training images and labels."""
        return sha256_of(self.data.train_images, self.data.train_labels)

    def data_description(self) -> JsonObject:
        """Describe name, classes, shape and test part."""
        return {
            "data": self.data.name,
            "class_names": list(self.data.class_names),
            "input_shape": list(self.data.train_images.shape[1:]),
            "test_sha256": sha256_of(self.data.test_images, self.data.test_labels),
        }

    def grid(self) -> list[JsonObject]:
        """Combine learning rates, weight decays, epsilons of batch normalisation and starts of the decay (paper)."""
        settings, final = self.settings, self.final
        schedule = final.schedule or settings.schedule
        decays_at = final.decays_at if schedule != "constant" else (None,)
        return once_each(
            {
                "epochs": final.epochs or EPOCHS_FACTOR * settings.epochs,
                "schedule": schedule,
                "label_smoothing": final.label_smoothing,
                "learning_rate": settings.learning_rate * learning_rate,
                "weight_decay": settings.weight_decay * weight_decay,
                "epsilon": epsilon,
                "decay_at": decay_at,
            }
            for learning_rate, weight_decay, epsilon, decay_at in itertools.product(
                final.learning_rates, final.weight_decays, final.epsilons, decays_at
            )
        )

    def evaluate(self, candidates: Sequence[Candidate]) -> Candidates:
        """Return what trains on the search's split."""
        return Candidates(self.child, tuple(candidate.settings for candidate in candidates))

    def train(
        self, winner: Candidate, *, seed: int, checkpoint: Checkpoint, on_epoch: Callable[[int, int], None]
    ) -> Finished:
        """Train on all images except the test set, and keep the weights of the last epoch.

        Deviation: these are all 50,000 images of CIFAR-10, the 5,000 of validation included, as DenseNet's. The paper
        only says that the best point of the grid is trained until convergence.
        """
        seed = derive_seed(seed, "final", fingerprint(winner.architecture))
        settings = {**self.child.training, **winner.settings}
        epsilon, epochs = settings.pop("epsilon"), settings["epochs"]
        channels, height, width = self.data.train_images.shape[1:]
        num_classes = len(self.data.class_names)
        network = build_with_weights(
            winner.architecture, num_classes, channels, (height, width), seed=seed, epsilon=epsilon
        )
        history = train_classifier(
            network,
            everything_but_test(self.data),
            seed=seed,
            speed=self.child.speed,
            checkpoint=checkpoint,
            on_epoch=lambda epoch, _accuracy: on_epoch(epoch + 1, epochs),
            **settings,
        )
        return Finished(network, history)

    def epoch_seconds(self, candidate: Candidate) -> float:
        """Time mini-batches of random pixels; nothing is measured after an epoch."""
        training = {**self.child.training, **candidate.settings, "epochs": 1}
        del training["epsilon"]
        images = self.data.train_images
        probe = Probe(self.data.shape, len(images), num_validation=1, training=training, speed=self.child.speed)
        return float(probe(Job(0, candidate.architecture, self.final.seed)).metrics["child_seconds"])

    def tested(self, network: nn.Module, winner: Candidate, in_grid: JsonObject) -> Tested:
        """Measure on the test images, in float32 as the network will be used, and store the worst errors.

        The temperature is that of the winner's training in the grid, fitted on the validation images, since the final
        training leaves no image to fit one on. Without a grid there is none.
        """
        data, speed = self.data, replace(self.child.speed, precision="float32")
        logits = logits_of(network, data.test_images, upsample=self.child.training["upsample"], speed=speed)
        temperature = in_grid.get("temperature")
        metrics = {
            **measured(logits, data.test_labels, data.class_names, temperature),
            "num_parameters": num_parameters(network),
            "num_train_images": len(data.train_images),
        }
        worst = worst_errors(data.test_images, logits, data.test_labels, data.class_names, temperature)
        return Tested(metrics, {WORST_ERRORS: worst})

    def description(self, winner: Candidate, finished: Finished) -> JsonObject:
        """Describe input, output and training."""
        return {
            "kind": "images",
            **self.data_description(),
            "normalisation": "every image by itself: mean 0, standard deviation 1",
            "upsample": self.child.training["upsample"],
            "epsilon": winner.settings["epsilon"],
            "settings": {**self.child.training, **winner.settings},
            "training_losses": finished.history["training_losses"],
        }
