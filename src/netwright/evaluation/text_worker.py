"""The worker's side of text children: build, train and measure one recurrent architecture."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import cast

from netwright.architectures.costs import hidden_size_for
from netwright.architectures.recurrent import RecurrentArchitecture
from netwright.architectures.values import JsonObject
from netwright.architectures.word_inputs import num_characters_of
from netwright.children.dropout import Dropout
from netwright.children.language_model import LanguageModel
from netwright.errors import ConfigError
from netwright.tasks.catalog import open_text
from netwright.tasks.text.data import TextData
from netwright.training.speed import Speed
from netwright.training.text import train_language_model
from netwright.trials import Job, Measurement


@dataclass(frozen=True)
class TextChild:
    """An `Evaluate`: call it with a job. The data is opened at the first call, in the process of that call.

    Args:
        task: The name of the task that has the text.
        folder: The folder of its files.
        num_train_tokens: A child is trained on so many first tokens of the training text; None is all.
        num_validation_tokens: A child is measured on so many first tokens of the validation text; None is all.
        hidden_size: Units of a layer; None lets `num_parameters` decide.
        num_parameters: Parameters of the whole model, which decide the hidden size; None where that is given.
        init_range: Matrices are initialised from U(-init_range, init_range).
        model: The other keyword arguments of `LanguageModel` except the seed.
        training: The keyword arguments of `train_language_model` except model, text, seed and speed; `dropout` holds
            the fields of a `Dropout`.
        speed: Device and precision.
        orthogonal: Whether the recurrent layers' matrices begin orthogonal instead.

    Raises:
        ConfigError: Both `hidden_size` and `num_parameters` are given, or neither.
    """

    task: str
    folder: Path | None
    num_train_tokens: int | None
    num_validation_tokens: int | None
    hidden_size: int | None
    num_parameters: int | None
    init_range: float
    model: JsonObject
    training: JsonObject
    speed: Speed = field(default_factory=Speed)
    orthogonal: bool = False

    def __post_init__(self) -> None:
        if (self.hidden_size is None) == (self.num_parameters is None):
            raise ConfigError(
                f"hidden_size is {self.hidden_size} and num_parameters {self.num_parameters}; give one of the two, "
                "and the other is null"
            )

    @cached_property
    def data(self) -> TextData:
        """The text; read at the first use."""
        return open_text(self.task, self.folder, verify=False)

    @property
    def arguments(self) -> JsonObject:
        """The keyword arguments of `train_language_model` that `training` describes."""
        return {**self.training, "dropout": Dropout(**self.training["dropout"])}

    def build(self, architecture: RecurrentArchitecture, seed: int) -> LanguageModel:
        """Build the untrained language model of `architecture`, with weights from `seed`."""
        vocabulary, hidden_size = self.data.vocabulary, self.hidden_size
        if hidden_size is None:
            assert self.num_parameters is not None
            sizes = {**self.model, "num_characters": num_characters_of(vocabulary)}
            hidden_size = hidden_size_for(self.num_parameters, architecture, len(vocabulary), **sizes)
        return LanguageModel(
            architecture,
            len(vocabulary),
            hidden_size=hidden_size,
            seed=seed,
            init_range=self.init_range,
            orthogonal=self.orthogonal,
            vocabulary=vocabulary,
            **self.model,
        )

    def __call__(self, job: Job) -> Measurement:
        """Train the job's architecture; the result depends on the architecture and the seed alone."""
        metrics = train_language_model(
            self.build(cast("RecurrentArchitecture", job.architecture), job.seed),
            self.data.train[: self.num_train_tokens],
            self.data.validation[: self.num_validation_tokens],
            seed=job.seed,
            speed=self.speed,
            is_over=job.is_over,
            **{**self.arguments, **job.changes},
        )
        return Measurement(metrics)
