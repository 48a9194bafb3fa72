"""The report's numbers against naive counts."""

import math
import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

import netwright as nw
from netwright.architectures.values import to_json
from netwright.report.statistics import (
    best_by_cost,
    bins_of,
    busy,
    evenly,
    failures,
    num_reused,
    preferences,
    quantile,
    records,
    running_median,
    search_seconds,
    shapes,
    trained_seconds,
    uniqueness,
)
from netwright.searching.store import Session
from netwright.spaces.convolutional import convolutional
from netwright.spaces.exploring import sample
from netwright.trials import Proposal, Trial, TrialState


@nw.space
def mixed(num_layers: int = 5):
    widths = []
    for index in range(num_layers):
        width = yield nw.Choice("width", (1, 2, 4))
        inputs = yield nw.Subset("inputs", of=index)
        widths.append((width, inputs))
        if index and (yield nw.Choice("end", (False, True))):
            break
    return widths


def drawn(space, count, seed=0):
    rng = random.Random(seed)
    trials = []
    for number in range(count):
        episode = sample(space, rng)
        proposal = Proposal(episode.space.parameters, tuple(episode.actions), episode.architecture)
        trials.append(Trial(number, proposal))
    return trials


def test_the_running_median_is_that_of_the_last_values():
    values = [random.Random(1).gauss(0, 1) for _ in range(200)]
    expected = [float(np.median(values[max(0, i - 49) : i + 1])) for i in range(200)]
    assert running_median(values, 50) == pytest.approx(expected)
    assert running_median([], 50) == []


def test_records_are_where_the_best_so_far_rises():
    assert records([3, 1, 3, 4, 2, 9]) == [0, 3, 5]


@pytest.mark.parametrize(("count", "most"), [(0, 5), (1, 5), (5, 5), (6, 5), (15_000, 2000)])
def test_even_indices_keep_both_ends(count, most):
    indices = evenly(count, most)
    assert len(indices) == min(count, most)
    assert indices == sorted(set(indices))
    if count:
        assert indices[0] == 0
        assert indices[-1] == count - 1
        assert max(np.diff(indices), default=0) <= math.ceil(count / (most - 1))


@pytest.mark.parametrize("count", [0, 1, 8, 9, 96, 480, 481, 15_000])
def test_bins_hold_every_trial_once(count):
    assert [number for each in bins_of(count) for number in each] == list(range(count))
    assert len(bins_of(count)) <= 60


def test_preferences_are_the_frequencies_of_what_was_drawn():
    trials = drawn(mixed(), 40)
    series, num_replayed = preferences(mixed(), trials)
    found = {each.name: each for each in series}
    assert num_replayed == 40
    assert set(found) == {"width", "inputs", "end"}
    for place, numbers in enumerate(bins_of(40)):
        widths = Counter(width for n in numbers for width, _ in trials[n].proposal.architecture)
        for width in (1, 2, 4):
            assert found["width"].shares[str(width)][place] == pytest.approx(widths[width] / widths.total())
        read, possible = Counter(), Counter()
        for n in numbers:
            for index, (_, inputs) in enumerate(trials[n].proposal.architecture):
                for source in range(index):
                    back = min(index - source, 4)
                    possible[back] += 1
                    read[back] += source in inputs
        for back in (1, 2, 3):
            share = found["inputs"].shares[f"{back} back"][place]
            assert share == (pytest.approx(read[back] / possible[back]) if possible[back] else None)
        assert found["inputs"].shares["4 or more back"][place] == (
            pytest.approx(read[4] / possible[4]) if possible[4] else None
        )
    assert found["width"].stacked
    assert not found["inputs"].stacked


def test_long_runs_are_replayed_in_part(monkeypatch):
    monkeypatch.setattr("netwright.report.statistics.MAX_REPLAYED_DECISIONS", 500)
    trials = drawn(mixed(), 400)
    series, num_replayed = preferences(mixed(), trials)
    assert num_replayed * np.mean([len(trial.proposal.actions) for trial in trials]) <= 520
    assert all(sum(share[i] for share in series[0].shares.values()) == pytest.approx(1) for i in range(50))


def test_options_that_print_alike_are_told_apart():
    @nw.space
    def alike():
        first = yield nw.Choice("what", ("True", True))
        return [first]

    (series,), _ = preferences(alike(), drawn(alike(), 16))
    assert set(series.shares) == {"'True'", "True"}


def test_shapes_of_convnets():
    trials = drawn(convolutional(4), 20)
    found = shapes([to_json(trial.proposal.architecture) for trial in trials])
    for place, numbers in enumerate(bins_of(20)):
        networks = [trials[n].proposal.architecture for n in numbers]
        layers = [layer for network in networks for layer in network.layers]
        rectangular = sum(layer.filter_height != layer.filter_width for layer in layers) / len(layers)
        dense = sum(network.num_connections for network in networks) / (6 * len(networks))
        assert found["rectangular filters"][place] == pytest.approx(rectangular)
        assert found["density of connections"][place] == pytest.approx(dense)
    assert shapes([{"widths": [1]}]) is None
    assert shapes([]) is None
    alone = [to_json(trial.proposal.architecture) for trial in drawn(convolutional(1), 3)]
    assert shapes(alone)["density of connections"] == [None]  # one layer has no pair


def test_uniqueness_counts_first_occurrences():
    trials = drawn(mixed(1), 24)  # three architectures in all
    seen, expected = set(), []
    for numbers in bins_of(24):
        new = {trials[n].fingerprint for n in numbers} - seen
        expected.append(len(new) / len(numbers))
        seen |= new
    assert uniqueness(trials) == expected


def test_failures_are_grouped_by_their_first_line():
    trials = drawn(mixed(), 6)
    errors = ["a: x\ntrace 1", None, "b: y", "a: x\ntrace 2", "", None]
    failed = [
        trial if n in (1, 5) else replace(trial, state=TrialState.FAILED, error=errors[n])
        for n, trial in enumerate(trials)
    ]
    groups = failures(failed)
    assert [(reason, [t.number for t in group]) for reason, group in groups] == [
        ("a: x", [0, 3]),
        ("b: y", [2]),
        ("failed without a reason", [4]),
    ]


def test_reused_trials_took_no_time():
    trials = [replace(trial, state=TrialState.DONE, seconds=2.0) for trial in drawn(mixed(), 3)]
    trials.append(replace(trials[2], number=3).reusing(trials[0]))
    assert trained_seconds(trials) == [2.0, 2.0, 2.0]
    assert num_reused(trials) == 1


def test_quantiles():
    values = [random.Random(2).random() for _ in range(1000)]
    for share in (0.5, 0.95, 0.99):
        assert quantile(values, share) == pytest.approx(float(np.quantile(values, share)), abs=2e-3)
    assert quantile([7.0], 0.5) == 7.0


def test_workers_are_busy_as_far_as_they_have_jobs():
    # 2 workers start at 1000, work from 1002 to 1010 and from 1005 to 1012; a pause; 1 worker works from start to end.
    sessions = [Session(1000.0, 2, ((1002.0, 8.0), (1005.0, 7.0))), Session(5000.0, 1, ((5000.0, 3.0),))]
    found = busy(sessions)
    assert found is not None
    assert found.share == pytest.approx((8 + 7 + 3) / (2 * 12 + 1 * 3))
    assert found.num_pauses == 1
    # The mean over the clock of what is busy at any moment, sampled finely, without the pause.
    clock = (np.arange(15_000) + 0.5) / 1000
    at = np.select([clock < 2, clock < 5, clock < 10, clock < 12], [0, 0.5, 1, 0.5], 1.0)
    bins = at.reshape(len(found.shares), -1).mean(axis=1)
    np.testing.assert_allclose(found.shares, bins, atol=1e-6)
    np.testing.assert_allclose(found.seconds, clock.reshape(len(bins), -1).mean(axis=1))


def test_without_times_nothing_is_said_of_the_workers():
    assert busy([]) is None
    assert busy([Session(1000.0, 2, ())]) is None


def test_the_best_for_their_cost_cost_more_only_where_they_are_better():
    assert best_by_cost([5, 1, 3, 3, 9], [0.8, 0.5, 0.7, 0.6, 0.8]) == [1, 2, 0]
    assert best_by_cost([2, 2], [0.1, 0.4]) == [1]


def test_the_duration_of_a_search_has_no_pauses():
    first, second = Session(100.0, 2, ((103.0, 4.0), (102.0, 9.0))), Session(5000.0, 2, ((5001.0, 2.0),))
    assert search_seconds([first, second, Session(9000.0, 2, ())]) == 11.0 + 3.0
    assert search_seconds([Session(1.0, 1, ())]) is None
