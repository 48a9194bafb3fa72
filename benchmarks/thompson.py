"""What each part of the strategy `thompson` brings: it is taken away, and everything else stays.

    python benchmarks/thompson.py --data FOLDER --runs 200       NAS-Bench-201 and the digits table, a process per core

Every run spends 20,000 simulated seconds on CIFAR-10, 40,000 on CIFAR-100, 80 trials on the digits table, with batches
of one. A row tells in how many runs the best architecture was found, and the mean regret in points of accuracy, each
with its 95% interval.
"""

import argparse
import concurrent.futures
import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from unittest import mock

import numpy as np

from netwright.compare.statistics import Spread, share, spread
from netwright.execution.local import usable_cores
from netwright.recipes import config_of
from netwright.spaces.exploring import sample
from netwright.spaces.programs import Episode, Space
from netwright.strategies import thompson
from netwright.strategies.surrogate import Array, Features, GaussianProcessSurrogate, by_distance, by_rank, standardised
from netwright.strategies.thompson import ThompsonSampling
from netwright.tasks.benchmarks.catalog import find_table, load_table
from netwright.trials import Ticket, Trial, TrialState

BUDGETS = {"nasbench201-cifar10": 20_000.0, "nasbench201-cifar100": 40_000.0, "digits-table": 80.0}
"""Seconds; for the digits table trials."""


class Anywhere(ThompsonSampling):
    """Candidates are random architectures, and no changes of the best."""

    def candidates(self, space: Space, rng: random.Random) -> list[Episode]:
        """As many as else."""
        return [sample(space, rng) for _ in range(self._num_candidates)]


class Uncritical(ThompsonSampling):
    """The first candidate is tried, whatever the critic would say: local search from the best ten."""

    def _by_preference(self, candidates: Sequence[Episode], rng: np.random.Generator) -> Iterable[Episode]:
        return candidates


class Forgetful(ThompsonSampling):
    """What was tried may be tried again."""

    def _new(self, wished: Iterable[Episode]) -> Episode:
        return next(iter(wished))


class Certain(GaussianProcessSurrogate):
    """Tells what it expects, and no draw of what it holds for possible."""

    def posterior_sample(
        self, known: Sequence[Features], values: Array, others: Sequence[Features], rng: np.random.Generator
    ) -> Array:
        """The mean: a draw whose normal numbers are all 0."""
        return super().posterior_sample(known, values, others, mock.Mock(standard_normal=np.zeros))


def with_surrogate(surrogate: GaussianProcessSurrogate, space: Space, seed: int) -> ThompsonSampling:
    """The strategy with another critic."""
    strategy = ThompsonSampling(space, seed=seed)
    strategy.surrogate = surrogate
    return strategy


Make = Callable[[Space, int], ThompsonSampling]
VARIANTS: dict[str, tuple[Make, Callable[[Sequence[float]], Array]]] = {
    "complete strategy": (lambda space, seed: ThompsonSampling(space, seed=seed), standardised),
    "no pair effects": (
        lambda space, seed: with_surrogate(GaussianProcessSurrogate(pairs=0.0), space, seed),
        standardised,
    ),
    "posterior mean instead of a posterior sample": (
        lambda space, seed: with_surrogate(Certain(), space, seed),
        standardised,
    ),
    "no surrogate: the first candidate is tried": (lambda space, seed: Uncritical(space, seed=seed), standardised),
    "random candidates instead of mutations": (lambda space, seed: Anywhere(space, seed=seed), standardised),
    "one changed decision for each candidate": (
        lambda space, seed: ThompsonSampling(space, seed=seed, max_changes=1),
        standardised,
    ),
    "targets by rank only": (lambda space, seed: ThompsonSampling(space, seed=seed), by_rank),
    "targets by distance only": (lambda space, seed: ThompsonSampling(space, seed=seed), by_distance),
    "repeated architectures allowed": (lambda space, seed: Forgetful(space, seed=seed), standardised),
}
"""What makes the strategy, and what makes values of rewards."""


def regret(variant: str, recipe: str, data: Path | None, seed: int) -> float:
    """Of one run, in points."""
    make, values = VARIANTS[variant]
    config = config_of(recipe, None)
    table = load_table(config.evaluate.task, find_table(config.evaluate.task, data))  # type: ignore[union-attr]
    strategy, spent, best, number = make(config.space, seed), 0.0, 0.0, 0
    with mock.patch.object(thompson, "standardised", values):
        while spent < BUDGETS[recipe]:
            ticket = Ticket(number, number, 1)
            (proposal,) = strategy.propose(ticket)
            row = table.row(proposal.architecture)
            strategy.observe(ticket, [Trial(number, proposal, TrialState.DONE, row.validation_accuracy)])
            best, number = max(best, row.validation_accuracy), number + 1
            spent += 1 if recipe == "digits-table" else row.seconds
    return 100 * (table.best.validation_accuracy - best)


def shown(found: Spread, form: str) -> str:
    """With its interval."""
    return f"{found.mean:{form}} ({found.low:{form}} to {found.high:{form}})"


def main() -> None:
    """A row for every variant."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="NAS-Bench-201's CSV or its folder; without it the digits table only")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--first-seed", type=int, default=0)
    options = parser.parse_args()
    recipes = [recipe for recipe in BUDGETS if options.data or recipe == "digits-table"]
    print(f"| {options.runs} runs | " + " | ".join(f"{recipe}: found | regret" for recipe in recipes) + " |")
    print("|---" * (1 + 2 * len(recipes)) + "|")
    seeds = range(options.first_seed, options.first_seed + options.runs)
    with concurrent.futures.ProcessPoolExecutor(usable_cores()) as processes:
        for variant in VARIANTS:
            cells = []
            for recipe in recipes:
                runs = [processes.submit(regret, variant, recipe, options.data, seed) for seed in seeds]
                regrets = [run.result() for run in runs]
                cells += [shown(share([each < 1e-9 for each in regrets]), ".0%"), shown(spread(regrets), ".3f")]
            print(f"| {variant} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
