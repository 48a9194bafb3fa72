"""N-gram language models with interpolated modified Kneser-Ney smoothing, and a cache of recent tokens.

    model = KneserNey.counted(tokens, order=5, vocabulary_size=10_000)
    nats = -np.log(model.probabilities_in(text)).mean()

With a(g) the adjusted count of the n-gram g, h the n - 1 tokens before the token w, and h' the n - 2 before it:

    p_n(w | h) = (a(h w) - D(a(h w))) / S(h) + G(h) p_{n-1}(w | h'),    p_0 = 1 / V
    S(h) = sum over w of a(h w),    G(h) = sum over w of D(a(h w)) / S(h)

For the highest order, a(g) is the number of occurrences of g; for lower orders it is the number of different tokens
that occur before g. A history that never occurred leaves p_{n-1}. Sources: R. Kneser, H. Ney, Improved backing-off for
m-gram language modeling, 1995; S. Chen, J. Goodman, An empirical study of smoothing techniques for language modeling,
1998, which has three discounts for each order.

Shapes: N tokens or n-grams, V vocabulary.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

ABSENT = -1
"""The number of an n-gram that never occurred."""
FALLBACK = (0.5, 1.0, 1.5)
"""Discounts of counts 1, 2 and 3 or more for a text from which they cannot be estimated; those of KenLM."""


@dataclass(frozen=True)
class _Level:
    """The n-grams of one order; the number of an n-gram is its place in `keys`."""

    keys: Integers
    """[N], increasing: V times the number of the first n - 1 tokens, plus the last token."""
    shares: Floats
    """[N], (a(h w) - D(a(h w))) / S(h)."""
    backoffs: Floats
    """[number of (n - 1)-grams], G(h)."""


class KneserNey:
    """The smoothed probabilities that follow from the n-grams of a text.

    The text is counted as a circle, in which its end is the history of its first tokens. Every n-gram then has a token
    before it, and the n-grams of the highest order determine those of all lower orders.

    Args:
        ngrams: The different n-grams of the highest order, token numbers [N, order].
        counts: The number of occurrences of each, [N].
        vocabulary_size: The number of tokens.

    Raises:
        ValueError: The arrays are not those of an earlier `KneserNey`.
    """

    def __init__(self, ngrams: Integers, counts: Integers, vocabulary_size: int) -> None:
        if ngrams.ndim != 2 or 0 in ngrams.shape or counts.shape != ngrams.shape[:1] or counts.min() < 1:
            raise ValueError(f"{ngrams.shape} n-grams and {counts.shape} counts are no table of n-grams")
        if ngrams.min() < 0 or ngrams.max() >= vocabulary_size:
            raise ValueError(f"a token is outside 0..{vocabulary_size - 1}")
        self.ngrams, self.counts = ngrams.astype(np.int64), counts.astype(np.int64)
        self.vocabulary_size, self.order = vocabulary_size, ngrams.shape[1]
        keys, numbers = self._numbered()
        self.levels = tuple(
            _smoothed(level_keys, adjusted, len(keys[n - 1]) if n else 1, vocabulary_size)
            for n, (level_keys, adjusted) in enumerate(zip(keys, self._adjusted(keys, numbers), strict=True))
        )

    def _numbered(self) -> tuple[list[Integers], list[Integers]]:
        """Return the keys of every order, and the number of the n-gram at the end of each of `ngrams`."""
        columns = list(self.ngrams.T)
        keys, numbers = [np.arange(self.vocabulary_size)], [columns[-1]]
        ending = columns  # numbers of the n-grams that end in each column, [N] from column n - 1 on
        for n in range(1, self.order):
            joined = [before * self.vocabulary_size + token for before, token in zip(ending, columns[n:], strict=False)]
            keys.append(np.unique(joined[-1]))
            ending = [_places(keys[-1], each) for each in joined]
            if any((each == ABSENT).any() for each in ending):
                raise ValueError("the n-grams are not all of one text")
            numbers.append(ending[-1])
        if self.order > 1 and len(keys[-1]) != len(self.ngrams):
            raise ValueError("an n-gram is there twice")
        return keys, numbers

    def _adjusted(self, keys: list[Integers], numbers: list[Integers]) -> list[Integers]:
        """Return the adjusted counts of every order, each in the order of its keys."""
        adjusted = []
        for n in range(self.order - 1):
            _, first = np.unique(numbers[n + 1], return_index=True)
            adjusted.append(np.bincount(numbers[n][first], minlength=len(keys[n])))
        highest = np.zeros(len(keys[-1]), np.int64)
        highest[numbers[-1]] = self.counts
        return [*adjusted, highest]

    @classmethod
    def counted(cls, tokens: Integers, *, order: int, vocabulary_size: int) -> Self:
        """Count the n-grams of a text.

        Args:
            tokens: Token numbers [N], one or more.
            order: The length of the longest n-grams.
            vocabulary_size: The number of tokens.
        """
        numbers = tokens
        _, first, counts = np.unique(numbers, return_index=True, return_counts=True)
        for _ in range(1, order):
            keys = np.roll(numbers, 1) * vocabulary_size + tokens
            _, first, numbers, counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
        places = first[:, None] + np.arange(1 - order, 1)
        return cls(tokens[places % len(tokens)], counts, vocabulary_size)

    @property
    def num_ngrams(self) -> tuple[int, ...]:
        """The number of distinct n-grams of each order, unigrams first."""
        return (len(np.unique(self.ngrams[:, -1])), *(len(level.keys) for level in self.levels[1:]))

    def probabilities_in(self, tokens: Integers) -> Floats:
        """Return the probability of every token of a text, given the tokens of the text before it, [N]."""
        probabilities = np.full(len(tokens), 1 / self.vocabulary_size)
        before = np.zeros(len(tokens), np.int64)  # numbers of the histories; the empty one has number 0
        for level in self.levels:
            numbers = self._joined(level, before, tokens)
            known = before != ABSENT
            probabilities[known] *= level.backoffs[before[known]]
            found = numbers != ABSENT
            probabilities[found] += level.shares[numbers[found]]
            before = np.concatenate([[ABSENT], numbers[:-1]])
        return probabilities

    def probabilities_after(self, history: Integers) -> Floats:
        """Return the probability of every token of the vocabulary after a history of any length, [V]."""
        recent = history[max(0, len(history) - self.order + 1) :]
        probabilities = np.full(self.vocabulary_size, 1 / self.vocabulary_size)
        before, numbers = 0, np.zeros(len(recent), np.int64)
        for n, level in enumerate(self.levels):
            if before != ABSENT:
                first, end = np.searchsorted(
                    level.keys, [before * self.vocabulary_size, (before + 1) * self.vocabulary_size]
                )
                probabilities *= level.backoffs[before]
                probabilities[level.keys[first:end] % self.vocabulary_size] += level.shares[first:end]
            if n == len(recent):
                break
            numbers = self._joined(level, numbers, recent)
            before = int(numbers[-1])
            numbers = np.concatenate([[ABSENT], numbers[:-1]])
        return probabilities

    def _joined(self, level: _Level, before: Integers, tokens: Integers) -> Integers:
        """Return the numbers of the n-grams of histories `before`, each followed by one of `tokens`."""
        numbers = _places(level.keys, before * self.vocabulary_size + tokens)
        return np.where(before == ABSENT, ABSENT, numbers)


def _places(keys: Integers, wanted: Integers) -> Integers:
    """Return the place of every wanted key, or `ABSENT`."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, places, ABSENT)


def discounts_of(adjusted: Integers) -> tuple[float, float, float]:
    """Estimate the discounts of counts 1, 2 and 3 or more (Chen & Goodman 1998, section 3).

    With n_k the number of n-grams with count k and Y = n_1 / (n_1 + 2 n_2): D_k = k - (k + 1) Y n_{k+1} / n_k.
    """
    n1, n2, n3, n4 = (int((adjusted == count).sum()) for count in (1, 2, 3, 4))
    if 0 in (n1, n2, n3):
        return FALLBACK
    y = n1 / (n1 + 2 * n2)
    found = 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3
    return found if all(0 < discount <= count for count, discount in enumerate(found, 1)) else FALLBACK


def _smoothed(keys: Integers, adjusted: Integers, num_histories: int, vocabulary_size: int) -> _Level:
    discount = np.array([0.0, *discounts_of(adjusted)])[np.minimum(adjusted, 3)]
    histories = keys // vocabulary_size
    totals = np.bincount(histories, weights=adjusted, minlength=num_histories)
    freed = np.bincount(histories, weights=discount, minlength=num_histories)
    occurs = totals > 0  # a token of the vocabulary that is not in the text is no history
    backoffs = np.where(occurs, freed / np.where(occurs, totals, 1), 1.0)
    return _Level(keys, (adjusted - discount) / np.where(occurs, totals, 1)[histories], backoffs)


@dataclass(frozen=True)
class Cache:
    """The share of each token among the last `size` tokens, mixed with a model's probabilities (Kuhn & De Mori 1990).

        p(w) = (1 - weight) p_model(w) + weight (number of w among the last tokens) / (number of last tokens)

    At the start of a text, where there are none, it is p_model. A cache of size 0 is none.
    """

    size: int
    weight: float

    def mixed_in(self, tokens: Integers, probabilities: Floats) -> Floats:
        """Mix into the probability of every token of a text, [N]."""
        if self.size == 0:
            return probabilities
        shares, recent = np.zeros(len(tokens)), Counter[int]()
        for place, token in enumerate(tokens.tolist()):
            shares[place] = recent[token] / min(place, self.size) if place else 0.0
            recent[token] += 1
            if place >= self.size:
                recent[int(tokens[place - self.size])] -= 1
        mixed = (1 - self.weight) * probabilities + self.weight * shares
        return np.concatenate([probabilities[:1], mixed[1:]])

    def mixed_after(self, history: Integers, probabilities: Floats) -> Floats:
        """Mix into the probability of every token after a history, [V]."""
        recent = history[max(0, len(history) - self.size) :]
        if not len(recent):
            return probabilities
        shares = np.bincount(recent, minlength=len(probabilities)) / len(recent)
        return (1 - self.weight) * probabilities + self.weight * shares
