"""A text as all language tasks provide it: token numbers of three parts, and their vocabulary."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from netwright.errors import DataError
from netwright.tasks.identity import DataIdentity


@dataclass(frozen=True, eq=False)
class TextData:
    """A text in memory in three parts, each int64 token numbers of shape [tokens] in 0..len(vocabulary)-1.

    If tokens are words, the end of every line is <eos> and a word outside the vocabulary is <unk>. If they are
    characters, the end of a line is one of them. `name` and `notes` are printed with every number measured on the text;
    each note describes one change to the original text.
    """

    name: str
    train: Tensor
    validation: Tensor
    test: Tensor
    vocabulary: tuple[str, ...]
    unit: Literal["word", "character"]
    notes: tuple[str, ...] = ()
    identity: DataIdentity | None = None
    """Of a user's own text."""


def check_long_enough(data: TextData, batch_size: int, window: int) -> None:
    """Check that all parts of a text are long enough.

    Raises:
        DataError: the training text is shorter than one batch, `batch_size` rows of `window` + 1 tokens, or another
            part has fewer than 2 tokens.
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
