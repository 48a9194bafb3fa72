"""Do the best and the worst child of a search keep their order when both are trained again with fresh seeds?

    python benchmarks/quick_order.py --data FOLDER --no-verify-data      # about a quarter of an hour on two cores

Runs `netwright search cifar10-quick` from start to end unless the run is there already, retrains the best and the worst
trial with three fresh seeds each, and prints both with the verdict.
"""

import argparse
import sys
import time
from pathlib import Path

from netwright.recipes import config_of
from netwright.searching.placement import Placement, default_workers
from netwright.searching.progress import make_progress
from netwright.searching.provenance import hardware
from netwright.searching.results import described
from netwright.searching.run import run_confirmation, run_search
from netwright.trials import TrialState


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="cifar10-quick")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--no-verify-data", dest="verify", action="store_false")
    parser.add_argument("--out", type=Path, default=Path("runs/quick-order"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    config = config_of(options.recipe).changed(seed=options.seed)
    placement = Placement(default_workers(config), options.data, options.verify)

    begun = time.monotonic()
    with make_progress(live=None, verbose=True) as callback:
        results = run_search(config, options.out, placement, callback)
    print(f"hardware: {hardware()}\ndata: {results.data_name}")
    print(f"{options.recipe}: {config.num_trials} trials in {(time.monotonic() - begun) / 60:.1f} minutes")

    measured = [trial for trial in results.trials if trial.state is TrialState.DONE]
    best = max(measured, key=lambda trial: trial.reward or 0.0)
    worst = min(measured, key=lambda trial: trial.reward or 0.0)
    with make_progress(live=None, verbose=True) as callback:
        results = run_confirmation(
            options.out,
            top=None,
            num_seeds=3,
            numbers=(best.number, worst.number),
            placement=placement,
            callback=callback,
        )
    for name, trial in (("best", best), ("worst", worst)):
        seen = trial.metrics[results.score_name]
        again = results.confirmed[trial.fingerprint]
        print(f"{name}: trial {trial.number}, in the search {seen:.4f}, again {again} {again.scores}")
        print(f"       {described(trial.proposal.architecture)}")
    kept = min(results.confirmed[best.fingerprint].scores) > max(results.confirmed[worst.fingerprint].scores)
    print("every retraining of the best is above every one of the worst" if kept else "THE ORDER IS NOT KEPT")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
