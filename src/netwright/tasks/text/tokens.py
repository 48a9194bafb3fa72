"""Tokenisation of a training, validation and test text into words or characters, and their vocabulary."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from netwright.tasks.text.data import TextData


@dataclass(frozen=True)
class Unit:
    """The kind of tokens, the token at the end of every line, and the token for everything outside the vocabulary."""

    name: Literal["word", "character"]
    end: str
    unknown: str

    def split(self, text: str) -> Iterable[str]:
        """Return the tokens of a text whose lines all end with a line feed."""
        return text if self is CHARACTERS else _words(text)


WORDS = Unit("word", "<eos>", "<unk>")
CHARACTERS = Unit("character", "\n", "\N{REPLACEMENT CHARACTER}")


def numbered(
    name: str, parts: Sequence[str], unit: Unit, *, max_vocabulary: int | None = None, notes: tuple[str, ...] = ()
) -> TextData:
    """Convert three texts to token numbers.

    The vocabulary consists of the line end, the unknown token if one of the texts needs it, and the most frequent
    tokens of the training text, in alphabetical order among equally frequent ones. A word spelled like one of the two
    special tokens is that token.

    Args:
        name: name of the text.
        parts: training, validation and test text, whose lines all end with a line feed.
        unit: words or characters.
        max_vocabulary: largest size of the vocabulary; None is no limit.
        notes: notes on the text; one is added if a token is not in the vocabulary.
    """
    counts = [Counter(unit.split(part)) for part in parts]
    special = {unit.end, unit.unknown}
    found = sorted(counts[0].keys() - special, key=lambda token: (-counts[0][token], token))
    kept = found if max_vocabulary is None else found[: max_vocabulary - len(special)]
    known = special.union(kept)
    num_unknown = [sum(count for token, count in part.items() if token not in known) for part in counts]
    marked = any(num_unknown) or any(unit.unknown in part for part in counts)
    vocabulary = (unit.end, *((unit.unknown,) if marked else ()), *kept)
    if any(num_unknown):
        shares = [f"{count / part.total():.1%}" for count, part in zip(num_unknown, counts, strict=True)]
        notes = (
            *notes,
            f"the vocabulary has {len(kept):,} of the {len(found):,} different {unit.name}s of the training part; read "
            f"as {unit.unknown}: {shares[0]} of the training tokens, {shares[1]} of validation, {shares[2]} of test",
        )
    numbers = _Numbers(vocabulary, unit.unknown)
    train, validation, test = (
        numbers.of(unit.split(part), count.total()) for part, count in zip(parts, counts, strict=True)
    )
    return TextData(name, train, validation, test, vocabulary, unit.name, notes)


def checksum(data: TextData) -> str:
    """Return eight hexadecimal digits of a checksum of all tokens and the vocabulary."""
    digest = hashlib.sha256(repr(data.vocabulary).encode())
    for part in (data.train, data.validation, data.test):
        digest.update(repr(len(part)).encode())
        digest.update(part.numpy().tobytes())
    return digest.hexdigest()[:8]


def _words(text: str) -> Iterator[str]:
    for line in text.removesuffix("\n").split("\n"):
        yield from line.split()
        yield WORDS.end


class _Numbers(dict[str, int]):
    """A mapping of tokens to numbers; tokens outside the vocabulary have the number of `unknown`."""

    def __init__(self, vocabulary: tuple[str, ...], unknown: str) -> None:
        super().__init__((token, number) for number, token in enumerate(vocabulary))
        self.unknown = unknown

    def __missing__(self, token: str) -> int:
        return self[self.unknown]

    def of(self, tokens: Iterable[str], num_tokens: int) -> Tensor:
        return torch.from_numpy(np.fromiter(map(self.__getitem__, tokens), np.int64, num_tokens))
