"""The evaluation of one recurrent architecture on text: build, train, measure. This is what workers call."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from netwright.architectures.costs import hidden_size_for
from netwright.architectures.recurrent import RecurrentArchitecture
from netwright.children.language_model import LanguageModel
from netwright.errors import ConfigError
from netwright.tasks.catalog import open_task
from netwright.tasks.text.data import TextData
from netwright.training.speed import Speed
from netwright.training.text import train_language_model
from netwright.trials import Job, Measurement


@dataclass(frozen=True)
class TextChild:
    """An `Evaluate`: call it with a job. Opens its data at the first call, in the process where that happens.

    A child is trained on the first `num_train_tokens` of the training text and measured on the first
    `num_validation_tokens` of the validation text; None stands for all. Either `hidden_size` is given, or
    `num_parameters`, and then every child is as wide as that many allow. `model` holds the other keyword arguments of
    `LanguageModel` beside the seed, `training` those of `train_language_model` beside model, text, seed and speed.
    """

    task: str
    folder: Path | None
    num_train_tokens: int | None
    num_validation_tokens: int | None
    hidden_size: int | None
    num_parameters: int | None
    init_range: float
    model: dict[str, Any]
    training: dict[str, Any]
    speed: Speed = field(default_factory=Speed)

    def __post_init__(self) -> None:
        if (self.hidden_size is None) == (self.num_parameters is None):
            raise ConfigError(
                f"hidden_size is {self.hidden_size} and num_parameters {self.num_parameters}; give one of the two, "
                "and the other is null"
            )

    @cached_property
    def data(self) -> TextData:
        """The text."""
        data = open_task(self.task, self.folder, verify=False)
        if not isinstance(data, TextData):
            raise ConfigError(f"task {self.task!r} is no text; recurrent cells are trained on texts")
        return data

    def build(self, architecture: RecurrentArchitecture, seed: int) -> LanguageModel:
        """The untrained language model of a job; a function of both alone."""
        vocabulary_size, hidden_size = len(self.data.vocabulary), self.hidden_size
        if hidden_size is None:
            assert self.num_parameters is not None
            hidden_size = hidden_size_for(self.num_parameters, architecture, vocabulary_size, **self.model)
        return LanguageModel(
            architecture,
            vocabulary_size,
            hidden_size=hidden_size,
            seed=seed,
            init_range=self.init_range,
            **self.model,
        )

    def __call__(self, job: Job) -> Measurement:
        """Train the job's architecture from its seed; a function of both alone."""
        metrics = train_language_model(
            self.build(job.architecture, job.seed),
            self.data.train[: self.num_train_tokens],
            self.data.validation[: self.num_validation_tokens],
            seed=job.seed,
            speed=self.speed,
            **self.training,
        )
        return Measurement(metrics)
