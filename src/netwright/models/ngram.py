"""A counted n-gram model together with its vocabulary and its description."""

from collections.abc import Sequence

import numpy as np
from safetensors.numpy import load, save

from netwright.architectures.values import JsonObject
from netwright.children.ngram import Cache, Floats, Integers, KneserNey
from netwright.models.vocabulary import Vocabulary


class TrainedNgram:
    """An n-gram model, as `nw.load` returns it.

        model = nw.load("models/kn-5")
        model.probability("said", ["the", "company"])
        probabilities = model.probabilities(["the", "company"])         # one for each of model.vocabulary

    `description` is the content of model.json.
    """

    def __init__(self, model: KneserNey, cache: Cache, *, vocabulary: tuple[str, ...], description: JsonObject) -> None:
        self.model, self.cache, self.vocabulary, self.description = model, cache, vocabulary, description
        self._numbers = Vocabulary(vocabulary)

    def encode(self, tokens: Sequence[str]) -> Integers:
        """Return the numbers of words (or characters), [tokens]; an unknown one has that of <unk>.

        Raises:
            DataError: A token is unknown and the vocabulary has no <unk>.
        """
        return np.array(self._numbers.encode(tokens), np.int64)

    def probabilities(self, history: Sequence[str] = ()) -> Floats:
        """Return the probability of every token of the vocabulary after a history, [V]; the last tokens decide."""
        numbers = self.encode(history)
        return self.cache.mixed_after(numbers, self.model.probabilities_after(numbers))

    def probability(self, token: str, history: Sequence[str] = ()) -> float:
        """Return the probability of one token after a history."""
        return float(self.probabilities(history)[self.encode([token])[0]])

    def nats(self, tokens: Sequence[str]) -> Floats:
        """Return -log P of every token but the first, given all before it, [tokens - 1]."""
        return nats_of(self.model, self.cache, self.encode(tokens))[1:]


def nats_of(model: KneserNey, cache: Cache, tokens: Integers) -> Floats:
    """Return -log P of every token of a text, given the tokens before it, [N]."""
    return -np.log(cache.mixed_in(tokens, model.probabilities_in(tokens)))


def to_bytes(model: KneserNey) -> bytes:
    """Return the n-grams and their counts in the safetensors format, in the smallest integer types."""
    return save(
        {
            "ngrams": model.ngrams.astype(np.min_scalar_type(model.vocabulary_size - 1)),
            "counts": model.counts.astype(np.min_scalar_type(int(model.counts.max()))),
        }
    )


def from_bytes(content: bytes, vocabulary_size: int) -> KneserNey:
    """Return the model of which `to_bytes` made the content.

    Raises:
        ValueError: The content is anything else.
    """
    tensors = load(content)
    if set(tensors) != {"ngrams", "counts"} or any(tensor.dtype.kind != "u" for tensor in tensors.values()):
        raise ValueError("it does not hold n-grams and their counts")
    return KneserNey(tensors["ngrams"], tensors["counts"], vocabulary_size)
