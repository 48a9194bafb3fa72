"""Text that continues a start, sampled from a trained language model."""

import math
from collections.abc import Iterator, Sequence

import torch

from netwright.errors import ConfigError
from netwright.models.export_parts import unit_of
from netwright.models.language import TrainedLanguageModel

ENDS = {"word": "<eos>", "character": "\n"}
"""The token at the end of a line, by the unit of the tokens."""


def split(model: TrainedLanguageModel, start: str) -> list[str]:
    """Return the tokens of the start of a text, whose last line goes on."""
    return list(start) if unit_of(model.description) == "character" else start.split()


@torch.no_grad()
def continued(
    model: TrainedLanguageModel, start: str = "", *, length: int, temperature: float = 1.0, seed: int = 0
) -> Iterator[str]:
    """Sample tokens that continue a text, one after the other.

    Args:
        model: A trained language model.
        start: The text to continue; empty begins a new line.
        length: The number of tokens.
        temperature: Divides the logits: below 1 likely tokens become likelier, near 0 the likeliest one is chosen.
        seed: Determines the tokens.

    Yields:
        The sampled tokens, as the vocabulary spells them.

    Raises:
        ConfigError: The temperature is not above 0.
        DataError: A token of `start` is unknown and the vocabulary has no token for it.
    """
    if not (temperature > 0 and math.isfinite(temperature)):
        raise ConfigError(f"temperature {temperature}: expected a number above 0, for example 0.8")
    generator = torch.Generator().manual_seed(seed)
    states, read = None, model.encode(split(model, start) or [ENDS[unit_of(model.description)]])
    for _ in range(length):
        logits, states = model(read[:, None], states)
        probabilities = (logits[-1, 0].double() / temperature).softmax(0)
        read = torch.multinomial(probabilities, 1, generator=generator)
        yield model.vocabulary[int(read)]


def joined(model: TrainedLanguageModel, tokens: Sequence[str]) -> str:
    """Return tokens as text; ends of lines become line ends."""
    unit = unit_of(model.description)
    if unit == "character":
        return "".join(tokens)
    lines = " ".join(tokens).split(ENDS[unit])
    return "\n".join(line.strip() for line in lines)
