"""The worker's side of translation children: build, train and measure the translator around one recurrent layer."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import cast

from netwright.architectures.costs import translator_hidden_size_for
from netwright.architectures.recurrent import RecurrentArchitecture
from netwright.architectures.values import JsonObject
from netwright.children.translation.translator import Translator
from netwright.errors import ConfigError, DataError, unknown
from netwright.subwords import Subwords
from netwright.tasks.catalog import open_parallel
from netwright.tasks.text.parallel.data import ParallelText
from netwright.training.speed import Speed
from netwright.training.translation import Pairs, train_translator
from netwright.trials import Job, Measurement


@dataclass(frozen=True, eq=False)
class TranslationData:
    """A parallel text in one direction, as pieces."""

    text: ParallelText
    languages: tuple[str, str]
    """Source and target."""
    subwords: Subwords
    train: Pairs
    """The training pairs with at most `max_length` pieces on each side."""
    validation: Pairs
    num_left_out: int
    """Training pairs that are too long."""

    def test(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the lines of the test part: sources and their translations."""
        source, target = self.languages
        return self.text.test[source], self.text.test[target]


def direction(text: ParallelText, source: str | None, target: str | None) -> tuple[str, str]:
    """Return the languages (source, target): the given ones, or the text's own; `ConfigError` for others than its."""
    if source is None or target is None:
        return text.languages
    for setting, language in (("source", source), ("target", target)):
        if language not in text.languages:
            problem = unknown("language", language, text.languages)
            raise ConfigError(f"evaluate.{setting}: {text.name} is in {' and '.join(text.languages)}; {problem}")
    if source == target:
        raise ConfigError(f"evaluate.source and evaluate.target are both {source}; expected two languages")
    return source, target


def in_pieces(
    text: ParallelText, languages: tuple[str, str], *, vocabulary_size: int, max_length: int
) -> TranslationData:
    """Learn the subwords of the training part, of both languages together, and convert the text.

    Args:
        text: The parallel text.
        languages: Source and target.
        vocabulary_size: The number of pieces.
        max_length: Training pairs with more pieces on a side, the end among them, are left out.

    Raises:
        ConfigError: The text has no vocabulary of this size.
        DataError: All training pairs are too long.
    """
    subwords = Subwords.learned([line for language in languages for line in text.train[language]], vocabulary_size)

    train, validation = (
        Pairs.of(subwords, *(part[language] for language in languages)) for part in (text.train, text.validation)
    )
    short = train.up_to(max_length)
    if not len(short):
        raise DataError(
            f"every training pair of {text.name} has more than {max_length} pieces on a side; "
            "--set evaluate.max_length=NUMBER, or divide the lines into sentences"
        )
    return TranslationData(text, languages, subwords, short, validation, len(train) - len(short))


@dataclass(frozen=True)
class TranslationChild:
    """An `Evaluate`: call it with a job. The data is opened at the first call, in the process of that call.

    Args:
        task: The name of the task that has the parallel text.
        folder: The folder of its files.
        languages: The settings `source` and `target`.
        pieces: The keyword arguments of `in_pieces`.
        num_train_pairs: A child is trained on so many first pairs; None is all.
        hidden_size: Units of a layer; None lets `num_parameters` decide.
        num_parameters: Parameters of the whole model, which decide the hidden size; None where that is given.
        init_range: Matrices are initialised from U(-init_range, init_range).
        model: The other keyword arguments of `Translator` except the seed.
        training: The keyword arguments of `train_translator` except model, pairs, seed and speed.
        speed: Device and precision.
    """

    task: str
    folder: Path | None
    languages: tuple[str | None, str | None]
    pieces: JsonObject
    num_train_pairs: int | None
    hidden_size: int | None
    num_parameters: int | None
    init_range: float
    model: JsonObject
    training: JsonObject
    speed: Speed = field(default_factory=Speed)

    @cached_property
    def data(self) -> TranslationData:
        """The parallel text as pieces; read at the first use."""
        text = open_parallel(self.task, self.folder, verify=False)
        return in_pieces(text, direction(text, *self.languages), **self.pieces)

    def build(self, architecture: RecurrentArchitecture, seed: int) -> Translator:
        """Build the untrained translator of `architecture`, with weights from `seed`."""
        vocabulary_size, hidden_size = len(self.data.subwords), self.hidden_size
        if hidden_size is None:
            assert self.num_parameters is not None
            hidden_size = translator_hidden_size_for(self.num_parameters, architecture, vocabulary_size, **self.model)
        return Translator(
            architecture, vocabulary_size, hidden_size=hidden_size, seed=seed, init_range=self.init_range, **self.model
        )

    def __call__(self, job: Job) -> Measurement:
        """Train the job's architecture; the result depends on the architecture and the seed alone."""
        metrics = train_translator(
            self.build(cast("RecurrentArchitecture", job.architecture), job.seed),
            self.data.train.first(self.num_train_pairs),
            self.data.validation,
            seed=job.seed,
            speed=self.speed,
            is_over=job.is_over,
            **{**self.training, **job.changes},
        )
        return Measurement(metrics)
