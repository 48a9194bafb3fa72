"""How often the 95% intervals of a comparison contain the truth, for few runs and for several distributions.

python benchmarks/interval_coverage.py [--samples 2000] [-o FILE.json]

Percentile bootstraps (Efron 1979) of the same samples are shown beside them; netwright had them before. Where all runs
have the same result, a bootstrap has width 0, and netwright shows no interval of the mean.
"""

import argparse
import json
import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from netwright.compare.statistics import probability_of_better, spread
from netwright.searching.provenance import provenance

Array = NDArray[np.float64]
Sample = Callable[[np.random.Generator, tuple[int, int]], Array]
NUM_RUNS = (2, 3, 5, 10, 20)
PROBABILITIES = (0.5, 0.7, 0.9, 0.97)
"""True probabilities of being better, of continuous distributions."""
FOUND = ((0.5, 0.5), (0.9, 0.5), (0.95, 0.1), (0.98, 0.04))
"""Probabilities of finding the optimum, for two strategies that are only told apart by that."""
LEVELS = (0.0, 0.8, 1.6)
"""Shifts of a normal distribution that is rounded down to three values."""
NUM_RESAMPLES = 1000


@dataclass(frozen=True)
class Pair:
    """Two distributions and the probability that a value of the first is higher, ties counted half."""

    name: str
    probability: float
    ours: Sample
    theirs: Sample


def normal(mean: float, deviation: float) -> Sample:
    """Return a normal distribution."""
    return lambda rng, shape: rng.normal(mean, deviation, shape)


def exponential(mean: float) -> Sample:
    """Return an exponential distribution, which is skewed."""
    return lambda rng, shape: rng.exponential(mean, shape)


def found(probability: float) -> Sample:
    """Return 1 with this probability, else 0."""
    return lambda rng, shape: (rng.random(shape) < probability).astype(float)


def levels(shift: float) -> Sample:
    """Return a normal distribution rounded down and limited to -1, 0, 1."""
    return lambda rng, shape: np.clip(np.floor(rng.normal(shift, 1, shape)), -1, 1)


def shares(shift: float) -> list[float]:
    """Return the probabilities of the values of `levels`."""
    below = [NormalDist(shift).cdf(edge) for edge in (0, 1)]
    return [below[0], below[1] - below[0], 1 - below[1]]


def pairs() -> list[Pair]:
    """Return all pairs of distributions."""
    made = []
    for p in PROBABILITIES:
        quantile = NormalDist().inv_cdf(p)
        made += [
            Pair(f"normal, {p}", p, normal(quantile * math.sqrt(2), 1), normal(0, 1)),
            Pair(f"normal, deviations 0.1 and 1, {p}", p, normal(quantile * math.hypot(0.1, 1), 0.1), normal(0, 1)),
            Pair(f"exponential, {p}", p, exponential(p / (1 - p)), exponential(1)),
        ]
    made += [Pair(f"found in {p:.0%} and {q:.0%}", 0.5 + (p - q) / 2, found(p), found(q)) for p, q in FOUND]
    for shift in LEVELS:
        wins = [
            one * other * (1.0 if i > j else 0.5 if i == j else 0.0)
            for i, one in enumerate(shares(shift))
            for j, other in enumerate(shares(0))
        ]
        made.append(Pair(f"three levels, shift {shift}", sum(wins), levels(shift), levels(0)))
    return made


def means() -> dict[str, tuple[float, Sample]]:
    """Return distributions of one strategy's results with their means."""
    made: dict[str, tuple[float, Sample]] = {"normal": (0.0, normal(0, 1)), "exponential": (1.0, exponential(1))}
    made |= {f"found in {p:.0%}": (p, found(p)) for p in (0.5, 0.9)}
    return made | {f"three levels, shift {x}": (shares(x)[2] - shares(x)[0], levels(x)) for x in LEVELS}


def coverage_of_probability(pair: Pair, num_runs: int, num_samples: int) -> float:
    """Return how often the interval of `probability_of_better` contains the true probability."""
    rng = np.random.default_rng(0)
    ours, theirs = (sample(rng, (num_samples, num_runs)) for sample in (pair.ours, pair.theirs))
    spreads = [probability_of_better(one.tolist(), other.tolist()) for one, other in zip(ours, theirs, strict=True)]
    return statistics.fmean(contains(each.low, each.high, pair.probability) for each in spreads)


def coverage_of_mean(mean: float, sample: Sample, num_runs: int, num_samples: int) -> float:
    """Return how often the interval of a mean contains the true mean; equal results have no interval."""
    spreads = [spread(values.tolist()) for values in sample(np.random.default_rng(0), (num_runs, num_samples)).T]
    return statistics.fmean(contains(each.low, each.high, mean) for each in spreads if each.low is not None)


def contains(low: float | None, high: float | None, truth: float) -> bool:
    """Return whether an interval contains the truth, up to rounding."""
    return low is not None and high is not None and low - 1e-9 <= truth <= high + 1e-9


def bootstrapped_probability(pair: Pair, num_runs: int, num_samples: int) -> float:
    """Return the coverage of the percentile bootstrap of a probability."""
    rng = np.random.default_rng(0)
    ours, theirs = (sample(rng, (num_samples, num_runs)) for sample in (pair.ours, pair.theirs))
    ones, others = resamples(num_runs, 1), resamples(num_runs, 2)
    inside = []
    for one, other in zip(ours, theirs, strict=True):
        wins = (one[:, None] > other) + 0.5 * (one[:, None] == other)
        low, high = np.percentile(((ones @ wins) * others).sum(axis=1), (2.5, 97.5))
        inside.append(contains(low, high, pair.probability))
    return statistics.fmean(inside)


def bootstrapped_mean(mean: float, sample: Sample, num_runs: int, num_samples: int) -> float:
    """Return the coverage of the percentile bootstrap of a mean."""
    resampled = resamples(num_runs, 1) @ sample(np.random.default_rng(0), (num_runs, num_samples))
    low, high = np.percentile(resampled, (2.5, 97.5), axis=0)
    return statistics.fmean(contains(*each, mean) for each in zip(low, high, strict=True))


def resamples(num_runs: int, seed: int) -> Array:
    """Return the weights of each run in NUM_RESAMPLES resamples."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(num_runs, [1 / num_runs] * num_runs, size=NUM_RESAMPLES) / num_runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("-o", "--out", type=Path)
    arguments = parser.parse_args()
    num = arguments.samples
    table: dict[str, dict[str, dict[str, dict[str, float]]]] = {"probability": {}, "mean": {}}
    for runs in NUM_RUNS:
        table["probability"][str(runs)] = {
            pair.name: {
                "interval": coverage_of_probability(pair, runs, num),
                "bootstrap": bootstrapped_probability(pair, runs, num),
            }
            for pair in pairs()
        }
        table["mean"][str(runs)] = {
            name: {
                "interval": coverage_of_mean(mean, sample, runs, num),
                "bootstrap": bootstrapped_mean(mean, sample, runs, num),
            }
            for name, (mean, sample) in means().items()
        }
        for what in table:
            for method in ("interval", "bootstrap"):
                values = [each[method] for each in table[what][str(runs)].values()]
                print(f"{runs:3} runs, {what:12} {method:10} {statistics.fmean(values):.3f} (lowest {min(values):.3f})")
    if arguments.out:
        arguments.out.write_text(json.dumps({"coverage": table, **provenance()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
