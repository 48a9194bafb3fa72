"""What a strategy itself costs for each trial, and how that grows; and the matrix of which the slides speak.

    python benchmarks/strategies.py             all strategies, Optuna's TPE and exact Gaussian process beside them
    python benchmarks/strategies.py --matrix    also factorises a matrix of 20,000 x 20,000, which takes 3.2 GB

Batches of one, lag 0, one thread. Every strategy proposes and observes on the space of NAS-Bench-201 (6 decisions) and
on the paper's 15 layers (60 decisions and 105 possible connections), with a reward that costs nothing. A cell is the
median milliseconds of a trial around that number of trials; "-" where a strategy was stopped after --patience seconds.
The slides say that Bayesian optimisation must invert a matrix of 20,000 x 20,000 for as many samples: an exact Gaussian
process factorises the matrix of all trials at every proposal.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from typing import Any

import torch

from netwright.architectures.values import fingerprint
from netwright.config import FunctionSettings, RunConfig
from netwright.config.strategies import OptunaSettings, ReinforceSettings, StrategySettings, strategy_settings
from netwright.searching.factory import make_strategy
from netwright.seeds import derive_seed
from netwright.spaces.convolutional import convolutional
from netwright.spaces.nasbench201 import nasbench201
from netwright.spaces.programs import Space
from netwright.trials import Ticket, Trial, TrialState

SPACES = {"nasbench201": nasbench201(), "15 layers": convolutional(15)}
STRATEGIES: dict[str, StrategySettings] = {
    "random": strategy_settings("random"),
    "evolution": strategy_settings("evolution"),
    "local-search": strategy_settings("local-search"),
    "q-learning": strategy_settings("q-learning"),
    "reinforce, independent": ReinforceSettings(policy="independent"),
    "reinforce, LSTM": strategy_settings("reinforce"),
    "ppo": strategy_settings("ppo"),
    "pqt": strategy_settings("pqt"),
    "thompson": strategy_settings("thompson"),
    "Optuna TPE": OptunaSettings(sampler="tpe"),
    "Optuna Gaussian process": OptunaSettings(sampler="gp"),
}
AROUND = (25, 50, 100, 200, 400)
WINDOW = 10
MATRIX = 20_000


def reward_of(architecture: Any) -> float:
    """Between 0 and 1 and without any order: what a strategy makes of it does not matter here."""
    return derive_seed("reward", fingerprint(architecture)) / 2**63


def milliseconds(settings: StrategySettings, space: Space, patience: float) -> dict[int, float]:
    """Of a trial, around each number of AROUND that was reached within `patience` seconds."""
    config = RunConfig(space=space, evaluate=FunctionSettings(function=reward_of), strategy=settings)
    strategy, taken = make_strategy(config), []
    begun = time.perf_counter()
    for number in range(AROUND[-1] + WINDOW):
        ticket = Ticket(number, number, 1)
        started = time.perf_counter()
        (proposal,) = strategy.propose(ticket)
        proposed = time.perf_counter()
        trial = Trial(number, proposal, TrialState.DONE, reward_of(proposal.architecture))
        resumed = time.perf_counter()
        strategy.observe(ticket, [trial])
        taken.append(1000 * (time.perf_counter() - resumed + proposed - started))
        if time.perf_counter() - begun > patience:
            break
    return {n: statistics.median(taken[n - WINDOW : n + WINDOW]) for n in AROUND if len(taken) >= n + WINDOW}


def factorisation(sizes: Sequence[int]) -> None:
    """Seconds of a Cholesky factorisation, which is what an exact Gaussian process does in the place of an inverse."""
    for size in sizes:
        matrix = torch.full((size, size), 0.5, dtype=torch.float64).fill_diagonal_(2.0)
        begun = time.perf_counter()
        torch.linalg.cholesky(matrix, out=matrix)
        print(f"| {size:,} | {matrix.nbytes / 1e9:.2f} GB | {time.perf_counter() - begun:.1f} s |", flush=True)


def main() -> None:
    """The tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patience", type=float, default=90.0, help="seconds for one strategy on one space")
    parser.add_argument("--matrix", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name, space in SPACES.items():
        print(f"\n| {name}, ms a trial | " + " | ".join(f"{n:,} trials" for n in AROUND) + " |")
        print("|---" * (len(AROUND) + 1) + "|")
        for strategy, settings in STRATEGIES.items():
            found = milliseconds(settings, space, options.patience)
            cells = [f"{found[n]:.1f}" if n in found else "-" for n in AROUND]
            print(f"| {strategy} | " + " | ".join(cells) + " |", flush=True)
    if options.matrix:
        print("\n| trials | covariance | Cholesky |\n|---|---|---|")
        factorisation((2_500, 5_000, 10_000, MATRIX))


if __name__ == "__main__":
    main()
