"""N-gram models against a program on dictionaries that follows the equations, and against hand-computed numbers."""

from collections import Counter, defaultdict

import numpy as np
import pytest

from netwright.children.ngram import Cache, Integers, KneserNey, discounts_of

ORDER, V = 3, 7


def text(number: int = 400, seed: int = 0, size: int = V - 1) -> Integers:
    """Token V - 1 never occurs, and small tokens are frequent."""
    return np.random.default_rng(seed).geometric(0.4, number) % size


def counts_by_hand(tokens: list[int], order: int) -> list[Counter[tuple[int, ...]]]:
    """Adjusted counts of order 1, 2, ..., where the end of the text is the history of its start."""
    ends = range(len(tokens))
    at = {n: [tuple(tokens[(end - n + 1 + i) % len(tokens)] for i in range(n)) for end in ends] for n in (1, 2, 3)}
    counts = [Counter(gram[1:] for gram in set(at[n + 1])) for n in range(1, order)]
    return [*counts, Counter(at[order])]


def probability_by_hand(tokens: list[int], order: int, history: list[int], token: int, size: int = V) -> float:
    p = 1 / size
    for n, counts in enumerate(counts_by_hand(tokens, order), 1):
        if n - 1 > len(history):
            break
        before = tuple(history[len(history) - n + 1 :])
        discounts = [0.0, *discounts_of(np.array(list(counts.values())))]
        after = defaultdict(int, {gram[-1]: count for gram, count in counts.items() if gram[:-1] == before})
        total = sum(after.values())
        if total:
            freed = sum(discounts[min(count, 3)] for count in after.values())
            count = after[token]
            p = (count - discounts[min(count, 3)]) / total + freed / total * p
    return p


HISTORIES = {
    "none": [],
    "short": [0],
    "seen": [0, 0],
    "longer than any n-gram": [3, 1, 2, 0, 0, 1],
    "its last token only": [5, 5],
    "of a token that never occurs": [0, 6],
    "of tokens that never occur": [6, 6],
}


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_probabilities_are_those_of_the_equations_and_sum_to_1(order: int, history: list[int]) -> None:
    tokens = text()
    model = KneserNey.counted(tokens, order=order, vocabulary_size=V)
    found = model.probabilities_after(np.array(history, np.int64))
    expected = [probability_by_hand(tokens.tolist(), order, history, token) for token in range(V)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found.sum() == pytest.approx(1, abs=1e-12)
    assert found.min() > 0


@pytest.mark.parametrize("order", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("number", [3, 50, 400])
def test_the_probabilities_in_a_text_are_those_after_each_history(order: int, number: int) -> None:
    model = KneserNey.counted(text(number), order=order, vocabulary_size=V)
    other = text(60, seed=1, size=V)
    after = [model.probabilities_after(other[:place])[token] for place, token in enumerate(other)]
    np.testing.assert_allclose(model.probabilities_in(other), after, rtol=1e-12)


def test_a_text_computed_by_hand() -> None:
    """The circle a b a c: bigrams ab, ba, ac, ca, once each; different tokens before a: 2, before b and c: 1 each.

    No count is 3 or 4, so the discounts are the fallback 0.5, 1, 1.5. S() = 4 and G() = (1 + 0.5 + 0.5) / 4 = 1/2:
    p(a) = (2 - 1) / 4 + 1/2 1/3 = 5/12, p(b) = p(c) = 0.5 / 4 + 1/6 = 7/24.
    After a: S = 2, G = (0.5 + 0.5) / 2 = 1/2: p(b | a) = 0.5 / 2 + 1/2 7/24 = 19/48, p(a | a) = 1/2 5/12 = 5/24.
    """
    model = KneserNey.counted(np.array([0, 1, 0, 2]), order=2, vocabulary_size=3)
    assert model.probabilities_after(np.array([], np.int64)) == pytest.approx([5 / 12, 7 / 24, 7 / 24])
    assert model.probabilities_after(np.array([0])) == pytest.approx([5 / 24, 19 / 48, 19 / 48])
    assert model.num_ngrams == (3, 4)


def test_discounts_computed_by_hand() -> None:
    """n_1 = 8, n_2 = 4, n_3 = 2, n_4 = 1: Y = 8 / 16; 1 - 2 Y 4/8, 2 - 3 Y 2/4, 3 - 4 Y 1/2."""
    adjusted = np.repeat([1, 2, 3, 4, 9], [8, 4, 2, 1, 5])
    assert discounts_of(adjusted) == pytest.approx((0.5, 1.25, 2.0))
    assert discounts_of(np.array([5, 6])) == (0.5, 1.0, 1.5), "nothing to estimate from"
    assert discounts_of(np.repeat([1, 2, 3, 4], [2, 8, 1, 9])) == (0.5, 1.0, 1.5), "a discount would be negative"


def test_the_table_of_the_longest_ngrams_is_the_whole_model() -> None:
    model = KneserNey.counted(text(), order=ORDER, vocabulary_size=V)
    order = np.random.default_rng(0).permutation(len(model.counts))
    again = KneserNey(model.ngrams[order], model.counts[order], V)
    assert np.array_equal(again.probabilities_in(text(seed=2)), model.probabilities_in(text(seed=2)))
    assert again.num_ngrams == model.num_ngrams
    assert model.counts.sum() == 400


@pytest.mark.parametrize(
    ("ngrams", "counts", "message"),
    [
        ([[0, 1], [1, 0]], [1], "no table of n-grams"),
        ([[0, 1], [1, 0]], [1, 0], "no table of n-grams"),
        ([], [], "no table of n-grams"),
        ([[0, 1], [1, 9]], [1, 1], r"a token is outside 0\.\.6"),
        ([[0, 1], [1, 0], [1, 0]], [1, 1, 1], "an n-gram is there twice"),
        ([[0, 1, 2], [2, 0, 1]], [1, 1], "not all of one text"),
    ],
)
def test_a_table_of_something_else_is_refused(ngrams: list[list[int]], counts: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        KneserNey(np.array(ngrams, np.int64), np.array(counts, np.int64), V)


# The cache ------------------------------------------------------------------------------------------------------------


def test_the_cache_mixes_the_share_among_the_last_tokens() -> None:
    """Of a b a a at size 2: nothing, then 0 of (a), 1/2 of (a b), 1/2 of (b a)."""
    tokens, probabilities = np.array([0, 1, 0, 0]), np.array([0.5, 0.4, 0.3, 0.2])
    mixed = Cache(size=2, weight=0.1).mixed_in(tokens, probabilities)
    assert mixed == pytest.approx([0.5, 0.9 * 0.4, 0.9 * 0.3 + 0.1 * 0.5, 0.9 * 0.2 + 0.1 * 0.5])
    assert Cache(size=0, weight=0.1).mixed_in(tokens, probabilities) is probabilities


@pytest.mark.parametrize("size", [0, 1, 5, 200])
def test_with_a_cache_probabilities_sum_to_1_and_agree(size: int) -> None:
    model, cache, other = KneserNey.counted(text(), order=ORDER, vocabulary_size=V), Cache(size, 0.3), text(50, seed=3)
    after = [cache.mixed_after(other[:n], model.probabilities_after(other[:n])) for n in range(len(other))]
    assert [p.sum() for p in after] == pytest.approx([1] * len(other))
    expected = [p[token] for p, token in zip(after, other, strict=True)]
    np.testing.assert_allclose(cache.mixed_in(other, model.probabilities_in(other)), expected, rtol=1e-12)
