"""How near `netwright search RECIPE --estimate` comes to what the search then takes.

    python benchmarks/estimate.py                                                    # digits, about 2 minutes
    python benchmarks/estimate.py --recipe cifar10-quick --data FOLDER --no-verify-data   # about 9 minutes

Within 30% is asked.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from netwright.cli.estimate import described
from netwright.recipes import config_of
from netwright.searching.estimate import estimate_search
from netwright.searching.placement import Placement, default_workers
from netwright.searching.progress import make_progress
from netwright.searching.provenance import hardware
from netwright.searching.run import run_search
from netwright.trials import TrialState

ASKED = 0.3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="digits")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--no-verify-data", dest="verify", action="store_false")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    config = config_of(options.recipe, options.data).changed(seed=options.seed)
    placement = Placement(default_workers(config), options.data, options.verify)

    begun = time.monotonic()
    estimate = estimate_search(config, placement)
    print(
        f"hardware: {hardware()}\n{described(estimate)}\n  (found out in {time.monotonic() - begun:.0f} s)", flush=True
    )
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, make_progress(live=None, verbose=True) as callback:
        results = run_search(config, Path(folder) / "run", placement, callback)
    taken = time.monotonic() - begun
    seconds = [trial.seconds or 0.0 for trial in results.trials if trial.state is TrialState.DONE and trial.seconds]
    print(f"taken: {taken:.0f} s; {len(seconds)} children trained, {sum(seconds) / len(seconds):.2f} s each")
    error = estimate.seconds / taken - 1
    inside = "inside" if estimate.low <= taken <= estimate.high else "OUTSIDE"
    print(f"estimate: {estimate.seconds:.0f} s, {error:+.0%} ({ASKED:.0%} asked), {inside} its range")
    return 0 if abs(error) <= ASKED else 1


if __name__ == "__main__":
    sys.exit(main())
