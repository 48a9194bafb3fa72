"""How well a trained language model predicts a user's text file."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from netwright.errors import DataError
from netwright.models.export_parts import unit_of
from netwright.models.language import TrainedLanguageModel
from netwright.tasks.files import decoded, read_bytes
from netwright.tasks.text.tokens import CHARACTERS, WORDS, Unit
from netwright.training.perplexity import bits_of, measure_nats_per_token, perplexity_of
from netwright.training.speed import Speed


@dataclass(frozen=True)
class TextMeasures:
    """How well a model predicts a text."""

    nats: float
    """The mean negative log-likelihood of a token; the first one is not predicted."""
    unit: str
    """Of the tokens: word or character."""
    num_tokens: int
    unknown: float
    """The share of tokens that are not in the vocabulary, from 0 to 1; they are read as the unknown token."""
    sha256: str
    """Of the file."""

    @property
    def perplexity(self) -> float:
        """exp(nats)."""
        return perplexity_of(self.nats)

    @property
    def bits(self) -> float:
        """Bits per token."""
        return bits_of(self.nats)


def measured(model: TrainedLanguageModel, file: Path) -> TextMeasures:
    """Measure how well a model predicts a text file, read in one piece as the test text is.

    Args:
        model: A trained language model.
        file: A text in UTF-8, also compressed by gzip.

    Raises:
        DataError: The file is missing or no text, or a token is unknown and the vocabulary has no token for it.
    """
    unit = _unit_of(model)
    content = read_bytes(file)
    tokens = list(unit.split(decoded(file, content)))
    known = set(model.vocabulary) - {unit.unknown}
    nats = measure_nats_per_token(model.network, _numbers(model, tokens), speed=Speed("cpu", "float32"))
    unknown = sum(token not in known for token in tokens) / len(tokens)
    return TextMeasures(nats, unit.name, len(tokens), unknown, hashlib.sha256(content).hexdigest())


def _unit_of(model: TrainedLanguageModel) -> Unit:
    return CHARACTERS if unit_of(model.description) == CHARACTERS.name else WORDS


def _numbers(model: TrainedLanguageModel, tokens: list[str]) -> Tensor:
    """Return the numbers of tokens; an unknown one has that of the unit's unknown token."""
    unit, known = _unit_of(model), set(model.vocabulary)
    if unit.unknown not in known and (unknown := next((token for token in tokens if token not in known), None)):
        raise DataError(
            f"{unknown!r} is not among the {len(known):,} {unit.name}s of the model, which has no token for unknown "
            "ones; leave it out"
        )
    return model.encode([token if token in known else unit.unknown for token in tokens])
