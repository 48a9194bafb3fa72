"""Text as every language task hands it to training: token numbers, their vocabulary, three parts."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from netwright.errors import DataError


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


def check_long_enough(data: TextData, batch_size: int, window: int) -> None:
    """Raise DataError if the training text is shorter than one batch, or there is nothing to measure on.

    A batch is `batch_size` rows of `window` tokens each, and after each of these tokens the one to be predicted.
    """
    least = batch_size * (window + 1)
    if len(data.train) < least:
        raise DataError(
            f"the training part of {data.name} has {len(data.train):,} tokens, too few for one batch: {batch_size:,} "
            f"rows of {window:,} tokens and the one after them are {least:,}; take a longer text, a smaller batch or "
            "shorter rows"
        )
    for name, part in (("validation", data.validation), ("test", data.test)):
        if len(part) < 2:
            raise DataError(
                f"the {name} part of {data.name} has {len(part)} tokens, and 2 are the fewest to measure on"
            )
