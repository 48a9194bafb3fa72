"""How often strategies propose what always fails: the share among the last 100 of 300 trials; chance is a third.

python benchmarks/failures.py [--num-seeds 10] [-o FILE.json]

One option of three makes every child fail. The other two give rewards that are negative (a user who minimises a loss
returns its negative) or positive. What a failure is worth must keep every strategy away from it in both cases.
"""

import argparse
import json
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import netwright as nw
from netwright.config import STRATEGIES, FunctionSettings, RunConfig
from netwright.evaluation.function import UserFunction
from netwright.execution.in_process import InProcessExecutor
from netwright.searching.core import SearchCore
from netwright.searching.factory import make_core
from netwright.searching.loop import drive
from netwright.searching.provenance import provenance

NUM_TRIALS, NUM_LAST = 300, 100
CHANCE = 1 / 3
REWARDS = {"negative": {"good": -1.0, "poor": -3.0}, "positive": {"good": 0.9, "poor": 0.5}}


@nw.space
def with_failures() -> Any:
    """Three kinds, one of which fails, and a decision without effect, so that architectures rarely repeat."""
    return {
        "kind": (yield nw.Choice("kind", ("good", "poor", "fails"))),
        "other": (yield nw.Choice("other", range(50))),
    }


def evaluation(sign: str) -> Callable[[dict[str, Any]], float]:
    """Return the function that is searched."""

    def evaluate(architecture: dict[str, Any]) -> float:
        return REWARDS[sign][architecture["kind"]]  # KeyError for what fails

    return evaluate


def searched(strategy: str, sign: str, seed: int) -> SearchCore:
    """Search to the end in memory."""
    function = evaluation(sign)
    config = RunConfig.from_json(
        {
            "space": with_failures(),
            "evaluate": FunctionSettings(function=function),
            "strategy": {"name": strategy},
            "num_trials": NUM_TRIALS,
            "seed": seed,
        }
    )
    core = make_core(config, None)
    drive(core, InProcessExecutor(UserFunction(function)), None)
    return core


def share_of_failures(strategy: str, sign: str, seed: int) -> float:
    """Return the share of failing proposals among the last trials of one search."""
    last = searched(strategy, sign, seed).trials[NUM_TRIALS - NUM_LAST : NUM_TRIALS]
    return sum(trial.proposal.architecture["kind"] == "fails" for trial in last) / NUM_LAST


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num-seeds", type=int, default=10)
    parser.add_argument("-o", "--out", type=Path)
    arguments = parser.parse_args()
    table = {}
    print(f"{'strategy':24} {'negative':>20} {'positive':>20}    mean share (range over {arguments.num_seeds} seeds)")
    for strategy in STRATEGIES:
        shares = {
            sign: [share_of_failures(strategy, sign, seed) for seed in range(arguments.num_seeds)] for sign in REWARDS
        }
        table[strategy] = shares
        cells = [f"{statistics.fmean(each):.3f} ({min(each):.2f} to {max(each):.2f})" for each in shares.values()]
        print(f"{strategy:24} {cells[0]:>20} {cells[1]:>20}", flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps({"chance": CHANCE, "shares": table, **provenance()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
