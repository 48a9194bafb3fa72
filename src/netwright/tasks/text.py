"""Text as every language task hands it to training: token numbers, their vocabulary, three parts."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor


@dataclass(frozen=True, eq=False)
class TextData:
    """A text in memory, in its three parts: int64 token numbers of shape [tokens], in 0..len(vocabulary)-1.

    Words: the end of every line is the token <eos>, and a word that is not in the vocabulary is <unk>. Characters:
    tokens are single characters, and the end of a line is one of them. `name` is printed beside every number measured
    on the data; `notes` say what was changed in it, a line each.
    """

    name: str
    train: Tensor
    validation: Tensor
    test: Tensor
    vocabulary: tuple[str, ...]
    unit: Literal["word", "character"]
    notes: tuple[str, ...] = ()
