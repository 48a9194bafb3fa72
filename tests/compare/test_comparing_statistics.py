"""The statistics of a comparison against numbers from hand and from plain loops."""

import itertools
import math
import random
from pathlib import Path

import numpy as np
import pytest

from netwright.compare.statistics import (
    at_costs,
    best_so_far,
    best_unique,
    interval,
    interval_of_difference,
    probability_of_better,
    share,
    spread,
)


def test_spread_is_numpys_mean_and_sample_deviation():
    values = [0.3, 0.9, 0.4, 0.4]
    found = spread(values)
    assert found.mean == pytest.approx(0.5)
    assert found.deviation == pytest.approx(math.sqrt((0.04 + 0.16 + 0.01 + 0.01) / 3))
    assert found.low is not None
    assert found.high is not None
    assert 0.3 < found.low < found.mean < found.high < 0.9
    assert spread(values) == found


def test_a_single_run_has_no_interval():
    assert [spread([2.0]).deviation, spread([2.0]).low, spread([2.0]).high] == [None, None, None]
    assert probability_of_better([1.0], [0.0, 2.0]).low is None


def test_the_bootstrapped_interval_is_that_of_all_resamples_of_a_few_runs():
    values = [1.0, 2.0, 4.0, 8.0]
    exact = np.percentile([np.mean(drawn) for drawn in itertools.product(values, repeat=4)], [2.5, 97.5])
    assert [float(each[0]) for each in interval(np.array(values)[:, None])] == pytest.approx(exact, abs=0.25)


def test_the_interval_covers_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    low, high = interval(rng.normal(size=(60, 1000)))
    assert 0.92 < np.mean((low < 0) & (high > 0)) < 0.97


def test_the_interval_of_a_difference_adds_the_variances_of_both():
    rng = np.random.default_rng(1)
    ours, theirs = rng.normal(3, 1, size=(50, 400)), rng.normal(1, 2, size=(80, 400))
    low, high = interval_of_difference(ours, theirs)
    assert np.mean(high - low) == pytest.approx(2 * 1.96 * math.sqrt(1 / 50 + 4 / 80), rel=0.03)
    assert 0.91 < np.mean((low < 2) & (high > 2)) < 0.98


def test_groups_of_equal_size_are_drawn_independently():
    runs = np.arange(30.0)[:, None]
    low, high = interval_of_difference(runs, runs)
    assert low < -2 < 2 < high


def test_the_probability_of_being_better_counts_pairs_and_halves_of_ties():
    ours, theirs = [1.0, 3.0, 3.0], [2.0, 3.0]
    # 1 loses twice; each 3 wins against 2 and ties with 3
    found = probability_of_better(ours, theirs)
    assert found.mean == pytest.approx((0 + 0 + 2 * (1 + 0.5)) / 6)
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.mean < found.high
    assert probability_of_better(theirs, ours).mean == pytest.approx(1 - found.mean)


def test_the_interval_of_a_probability_is_that_of_all_resamples():
    ours, theirs = [1.0, 4.0, 6.0], [2.0, 5.0, 5.0]
    exact = [
        np.mean([(a > b) + 0.5 * (a == b) for a in drawn for b in against])
        for drawn in itertools.product(ours, repeat=3)
        for against in itertools.product(theirs, repeat=3)
    ]
    found = probability_of_better(ours, theirs)
    assert [found.low, found.high] == pytest.approx(np.percentile(exact, [2.5, 97.5]), abs=0.06)


def test_a_share_has_wilsons_interval():
    # Computed from the roots of (p - x)^2 = z^2 x (1 - x) / n, which define it.
    for hits, count in ((0, 10), (3, 10), (10, 10), (425, 500)):
        found = share([True] * hits + [False] * (count - hits))
        z, p = 1.959964, hits / count
        roots = sorted(np.roots([1 + z * z / count, -(2 * p + z * z / count), p * p]).real)
        assert [found.mean, found.low, found.high] == pytest.approx([p, *roots], abs=1e-6)


def test_best_so_far_follows_the_reward_and_tells_the_score():
    # A perplexity: the reward is high where the score is low. The second trial failed.
    found = best_so_far([None, None, 0.2, 0.1, 0.4, 0.4], [None, None, 20.0, 30.0, 9.0, 8.0])
    np.testing.assert_array_equal(found, [math.nan, math.nan, 20.0, 20.0, 9.0, 9.0])


def test_a_curve_holds_its_value_until_the_next_trial_is_paid():
    values, costs = np.array([5.0, 6.0, 7.0]), np.array([10.0, 30.0, 30.0])
    found = at_costs(values, costs, np.array([5.0, 10.0, 29.0, 30.0, 99.0]))
    np.testing.assert_array_equal(found, [math.nan, 5.0, 5.0, 7.0, 7.0])


def test_the_papers_comparison_takes_the_best_different_models():
    rewards = [0.5, 0.9, 0.9, None, 0.7]
    scores = [5.0, 1.0, 1.0, None, 3.0]
    firsts = [0, 1, 1, 3, 4]  # the third repeats the second
    numbers = (1, 2, 3, 4, 5)
    np.testing.assert_array_equal(best_unique(rewards, scores, firsts, 1, numbers), [5.0, 1.0, 1.0, 1.0, 1.0])
    np.testing.assert_array_equal(best_unique(rewards, scores, firsts, 2, numbers), [math.nan, 3.0, 3.0, 3.0, 2.0])
    np.testing.assert_array_equal(best_unique(rewards, scores, firsts, 4, numbers), [math.nan] * 5)


def test_the_papers_comparison_agrees_with_a_plain_loop():
    rng = random.Random(0)
    drawn = [rng.randrange(12) for _ in range(60)]
    rewards = [math.sin(each) for each in drawn]
    firsts = [drawn.index(each) for each in drawn]
    numbers = range(6, 61, 6)
    expected = []
    for n in numbers:
        best = sorted({math.sin(each) for each in drawn[:n]}, reverse=True)[:5]
        expected.append(sum(best) / 5 if len(best) == 5 else math.nan)
    np.testing.assert_allclose(best_unique(rewards, rewards, firsts, 5, numbers), expected)


@pytest.mark.parametrize(("num_runs", "percent"), [(3, 75), (5, 84), (10, 90), (20, 93)])
def test_an_interval_of_few_runs_is_too_narrow_by_as_much_as_the_docs_say(num_runs: int, percent: int) -> None:
    runs = np.random.default_rng(0).standard_normal((num_runs, 20_000))
    low, high = interval(runs)
    assert 100 * np.mean((low <= 0) & (high >= 0)) == pytest.approx(percent, abs=1)
    page = (Path(__file__).parents[2] / "docs" / "comparing.md").read_text(encoding="utf-8")
    assert f"{percent}%" in page[page.index("from a normal distribution") : page.index("counts them")]
