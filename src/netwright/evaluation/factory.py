"""The kinds of children that a search can judge: each with its data, what workers call, its reward, its costs.

A kind is chosen by the config's `evaluate` group. Everything else that a search is made of (core, loop, store,
executors, report) is the same for all of them; a new kind is a class here and settings in `config/children.py`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from netwright.architectures.costs import ImageShape, costs_of, hidden_size_for, language_model_parameters
from netwright.architectures.families import reads_images, reads_text
from netwright.config import EvaluateSettings, FunctionSettings, ImageSettings, TableSettings, TextSettings
from netwright.evaluation.function import UserFunction
from netwright.evaluation.image_worker import ImageChild
from netwright.evaluation.rewards import AccuracyReward, PerplexityReward, Reward, ValueReward
from netwright.evaluation.table import TableLookup
from netwright.evaluation.text_worker import TextChild
from netwright.execution.interface import Evaluate
from netwright.tasks.benchmarks.catalog import find_table, load_table
from netwright.tasks.catalog import open_images, open_text, prepare_task
from netwright.tasks.text.data import check_long_enough
from netwright.training.speed import Speed

LOOP_SETTINGS = {"kind", "task", "num_train", "num_validation", "split_seed", "last_epochs", "exponent"}
SPEED_SETTINGS = {"device", "precision", "channels_last"}
LANGUAGE_MODEL_SETTINGS = {"num_layers", "tied", "embedding_size", "cell_bias"}
TEXT_TRAINING_SETTINGS = (
    "epochs", "batch_size", "window", "optimizer", "learning_rate", "constant_epochs", "decay", "loss_over_time",
    "clip", "weight_decay", "dropout",
)  # fmt: skip


@dataclass(frozen=True)
class DatasetInfo:
    """Data that was found and read once, as far as a search has to know it; nothing where it needs none."""

    name: str | None = None
    notes: tuple[str, ...] = ()
    """What was changed in the data, a line each."""
    folder: Path | None = None
    """Where workers find it."""
    shape: Any = None
    """What the costs of a child depend on."""
    best_score: float | None = None
    """The best score of all architectures, where that is known."""


class Evaluation(Protocol):
    """One kind of child with its settings."""

    is_instant: ClassVar[bool]
    """Whether a child is looked up or computed and not trained, so that a process of its own would cost more."""
    seconds_metric: ClassVar[str | None]
    """The metric that says what an instant child would have cost, where that is known."""

    @property
    def reward(self) -> Reward:
        """From a measurement to what the strategy learns from."""

    def open(self, path: Path | None, *, verify: bool) -> DatasetInfo:
        """Find, check and read the data, so that a bad file is noticed before any worker starts."""

    def evaluate(self, folder: Path | None) -> Evaluate:
        """What workers call; `folder` is where `open` found the data."""

    def costs(self, architecture: Any, shape: Any) -> Mapping[str, int]:
        """The costs of a child by name, from its description; empty where they cannot be counted."""


@dataclass(frozen=True)
class ImageEvaluation:
    """Convolutional networks on labelled images."""

    is_instant: ClassVar[bool] = False
    seconds_metric: ClassVar[str | None] = None

    settings: ImageSettings

    @property
    def reward(self) -> Reward:
        """A power of the best late validation accuracy."""
        return AccuracyReward(self.settings.last_epochs, self.settings.exponent)

    def open(self, path: Path | None, *, verify: bool) -> DatasetInfo:
        """The task's images."""
        folder = prepare_task(self.settings.task, path, verify=verify)
        data = open_images(self.settings.task, folder, verify=False)
        return DatasetInfo(data.name, data.notes, folder, data.shape)

    def evaluate(self, folder: Path | None) -> ImageChild:
        """Trains one network."""
        settings = self.settings
        return ImageChild(
            task=settings.task,
            folder=folder,
            num_train=settings.num_train,
            num_validation=settings.num_validation,
            split_seed=settings.split_seed,
            training=settings.model_dump(exclude=LOOP_SETTINGS | SPEED_SETTINGS),
            speed=Speed(**settings.model_dump(include=SPEED_SETTINGS)),
        )

    def costs(self, architecture: Any, shape: ImageShape | None) -> Mapping[str, int]:
        """Parameters, and multiply-adds for one image."""
        if shape is None or not reads_images(architecture):
            return {}
        return asdict(costs_of(architecture, shape))


@dataclass(frozen=True)
class TextEvaluation:
    """Recurrent cells in language models."""

    is_instant: ClassVar[bool] = False
    seconds_metric: ClassVar[str | None] = None

    settings: TextSettings

    @property
    def reward(self) -> Reward:
        """The constant over the squared validation perplexity."""
        return PerplexityReward(self.settings.constant)

    def open(self, path: Path | None, *, verify: bool) -> DatasetInfo:
        """The task's text."""
        folder = prepare_task(self.settings.task, path, verify=verify)
        data = open_text(self.settings.task, folder, verify=False)
        check_long_enough(data, self.settings.batch_size, self.settings.window)
        return DatasetInfo(data.name, data.notes, folder, len(data.vocabulary))

    def evaluate(self, folder: Path | None) -> TextChild:
        """Trains one language model."""
        settings = self.settings
        return TextChild(
            task=settings.task,
            folder=folder,
            num_train_tokens=settings.num_train_tokens,
            num_validation_tokens=settings.num_validation_tokens,
            hidden_size=settings.hidden_size,
            num_parameters=settings.num_parameters,
            init_range=settings.init_range,
            model=settings.model_dump(include=LANGUAGE_MODEL_SETTINGS),
            training={name: getattr(settings, name) for name in TEXT_TRAINING_SETTINGS},
            speed=Speed(**settings.model_dump(include=SPEED_SETTINGS)),
        )

    def costs(self, architecture: Any, shape: int | None) -> Mapping[str, int]:
        """Parameters of the language model, and the hidden size that they allow; `shape` is that of the vocabulary."""
        if shape is None or not reads_text(architecture):
            return {}
        settings = self.settings.model_dump(include=LANGUAGE_MODEL_SETTINGS)
        hidden_size = self.settings.hidden_size
        if hidden_size is None:
            assert self.settings.num_parameters is not None
            hidden_size = hidden_size_for(self.settings.num_parameters, architecture, shape, **settings)
        count = language_model_parameters(architecture, shape, hidden_size=hidden_size, **settings)
        return {"num_parameters": count, "hidden_size": hidden_size}


@dataclass(frozen=True)
class FunctionEvaluation:
    """Whatever a user's space describes, judged by the user's own function."""

    is_instant: ClassVar[bool] = True
    seconds_metric: ClassVar[str | None] = None

    settings: FunctionSettings

    @property
    def reward(self) -> Reward:
        """The number that the function returns."""
        return ValueReward()

    def open(self, path: Path | None, *, verify: bool) -> DatasetInfo:
        """Nothing: the function brings its own data."""
        return DatasetInfo()

    def evaluate(self, folder: Path | None) -> Evaluate:
        """Calls the function."""
        return UserFunction(self.settings.function)

    def costs(self, architecture: Any, shape: Any) -> Mapping[str, int]:
        """Unknown."""
        return {}


@dataclass(frozen=True)
class TableEvaluation:
    """Architectures that others have trained, looked up in a table."""

    is_instant: ClassVar[bool] = True
    seconds_metric: ClassVar[str | None] = "table_seconds"

    settings: TableSettings

    @property
    def reward(self) -> Reward:
        """The validation accuracy itself."""
        return ValueReward(score_name="validation_accuracy")

    def open(self, path: Path | None, *, verify: bool) -> DatasetInfo:
        """The table, which has no official checksum."""
        file = find_table(self.settings.task, path)
        table = load_table(self.settings.task, file)
        return DatasetInfo(table.name, table.notes, file, best_score=table.best.validation_accuracy)

    def evaluate(self, folder: Path | None) -> TableLookup:
        """Looks up one architecture; `folder` is the table's file."""
        return TableLookup(self.settings.task, folder)

    def costs(self, architecture: Any, shape: Any) -> Mapping[str, int]:
        """Not counted: what a table knows of costs is in its seconds."""
        return {}


def evaluation_of(settings: EvaluateSettings) -> Evaluation:
    """The kind that a config's `evaluate` group stands for."""
    if isinstance(settings, FunctionSettings):
        return FunctionEvaluation(settings)
    if isinstance(settings, TableSettings):
        return TableEvaluation(settings)
    return TextEvaluation(settings) if isinstance(settings, TextSettings) else ImageEvaluation(settings)
