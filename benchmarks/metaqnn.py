"""Does Q-learning improve on its own random phase on MetaQNN's space, with children that are really trained?

    python benchmarks/metaqnn.py                # 5 seeds, about 20 minutes on 2 idle cores
    python benchmarks/metaqnn.py --models 60    # the same with a fifth of the schedule

Runs the recipe `metaqnn-digits` through worker processes, a run for each seed in runs/metaqnn; the same command goes on
where it stopped. Epsilon falls with the number of different networks, and a network that is drawn again is not trained
again, so a run has twice as many trials as models. A phase is all trials that were drawn at an epsilon, judged by
the accuracies of its trials; "new" are the networks in it that had not been drawn before, which no lucky measurement
made frequent.
"""

import argparse
import statistics
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from netwright.compare.statistics import interval_of_difference, spread
from netwright.config import QLearningSettings, RunConfig
from netwright.recipes.networks import metaqnn_digits
from netwright.searching.placement import Placement, default_workers
from netwright.searching.progress import make_progress
from netwright.searching.provenance import hardware
from netwright.searching.results import Results, described
from netwright.searching.run import run_search
from netwright.searching.store import Store

RANDOM, GREEDY = 1.0, 0.2
"""Epsilon of the random phase, and the highest of the greedy one."""


@dataclass(frozen=True)
class Phases:
    """The accuracies of the random and of the greedy phase."""

    random: tuple[float, ...]
    greedy: tuple[float, ...]

    @property
    def gain(self) -> float:
        """By how much the mean of the greedy phase is higher."""
        return statistics.fmean(self.greedy) - statistics.fmean(self.random)

    def __str__(self) -> str:
        if not (self.random and self.greedy):
            return f"{len(self.random)} at epsilon 1 and {len(self.greedy)} at 0.2 or below: too few"
        low, high = interval_of_difference(np.array(self.greedy)[:, None], np.array(self.random)[:, None])
        return (
            f"{statistics.fmean(self.random):.4f} (n={len(self.random)}) -> {statistics.fmean(self.greedy):.4f} "
            f"(n={len(self.greedy)}), {self.gain:+.4f} ({float(low[0]):+.4f} to {float(high[0]):+.4f})"
        )


def config_of(seed: int, num_models: int) -> RunConfig:
    strategy = QLearningSettings(num_models=num_models)
    return metaqnn_digits().changed(seed=seed, strategy=strategy, num_trials=2 * num_models)


def phases_of(results: Results, folder: Path) -> dict[str, Phases]:
    """Of all trials, and of those with a new network."""
    with Store.read(folder) as store:
        # An update says which epsilon was in force before it, which is what its policy's version drew with.
        epsilons = [update.metrics.get("epsilon") for update in store.updates()]
    found: dict[str, tuple[list[float], list[float]]] = {"all": ([], []), "new": ([], [])}
    for trial in results.trials:
        epsilon = epsilons[trial.proposal.policy_version]
        if epsilon is None or trial.reward is None or GREEDY < epsilon < RANDOM:
            continue
        for kind in ("all",) if trial.reused_from is not None else ("all", "new"):
            found[kind][epsilon <= GREEDY].append(trial.reward)
    return {kind: Phases(tuple(first), tuple(last)) for kind, (first, last) in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--models", type=int, default=300, help="different networks during which epsilon falls")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--out", type=Path, default=Path("runs/metaqnn"))
    options = parser.parse_args()
    gains: dict[str, list[float]] = {"all": [], "new": []}
    print(f"hardware: {hardware()}")
    for seed in range(options.seeds):
        config = config_of(seed, options.models)
        folder = options.out / f"models{options.models}-seed{seed}"
        placement = Placement(options.workers or default_workers(config))
        with make_progress(live=None, verbose=True) as callback:
            results = run_search(config, folder, placement, callback)
        best = results.best
        print(f"seed {seed}: best {best.reward:.4f} in trial {best.number}: {described(best.proposal.architecture)}")
        for kind, phases in phases_of(results, folder).items():
            print(f"  {kind}: {phases}", flush=True)
            if phases.random and phases.greedy:
                gains[kind].append(phases.gain)
    for kind, values in gains.items():
        if len(values) > 1:
            gain = spread(values)
            print(f"{kind}: gain {gain.mean:+.4f} ({gain.low:+.4f} to {gain.high:+.4f} over {len(values)} seeds)")


if __name__ == "__main__":
    main()
