"""What the first layer of a language model reads for each token, as values: sizes and counts, without any tensor."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

InputLayer = Literal["embedding", "one-hot", "char-cnn-small", "char-cnn-large"]
OutputLayer = Literal["softmax", "pointer-sentinel"]
CHARACTER_SIZE = 15
"""Entries of the embedding of a character (Kim et al. 2015)."""
MARKS = 3
"""Symbols beside the characters of the vocabulary: padding, start of a word, end of a word."""


@dataclass(frozen=True)
class CharacterCnn:
    """The sizes of a `children.spelling.CharacterCNN` (Kim et al. 2015, arXiv 1508.06615, table 2)."""

    filters: tuple[int, ...]
    """Numbers of filters of width 1, 2, 3, ... characters."""
    num_highways: int

    @property
    def output_size(self) -> int:
        """The number of all filters."""
        return sum(self.filters)

    def num_parameters(self, num_characters: int) -> int:
        """Count the weights and biases, with `num_characters` symbols (`num_characters_of`)."""
        convolutions = sum(count * (CHARACTER_SIZE * width + 1) for width, count in enumerate(self.filters, start=1))
        highways = self.num_highways * 2 * self.output_size * (self.output_size + 1)
        return num_characters * CHARACTER_SIZE + convolutions + highways


CHARACTER_CNNS = {
    "char-cnn-small": CharacterCnn(tuple(25 * width for width in range(1, 7)), num_highways=1),
    "char-cnn-large": CharacterCnn(tuple(min(200, 50 * width) for width in range(1, 8)), num_highways=2),
}


def characters_of(vocabulary: Sequence[str]) -> list[str]:
    """Return the characters of all words, sorted."""
    return sorted(set().union(*vocabulary))


def num_characters_of(vocabulary: Sequence[str]) -> int:
    """Return the number of symbols that words are spelled with: the characters and `MARKS`."""
    return len(characters_of(vocabulary)) + MARKS


def embedded_size(input_layer: InputLayer, vocabulary_size: int, embedding_size: int | None, hidden_size: int) -> int:
    """Return the number of entries that stand for a token.

    Args:
        input_layer: What the first layer reads.
        vocabulary_size: The number of tokens, which is the size of a one-hot vector.
        embedding_size: That of an embedding; `hidden_size` if None.
        hidden_size: Units of each layer.
    """
    if input_layer == "one-hot":
        return vocabulary_size
    if input_layer in CHARACTER_CNNS:
        return CHARACTER_CNNS[input_layer].output_size
    return hidden_size if embedding_size is None else embedding_size
