"""What a long run costs beside its children: to extend it, to report it, with many options or many decisions.

python benchmarks/long_runs.py [--trials 20000] [-o FILE.json]

Children are a cheap function in this process, so that all the time is the search's own. Each number is the median of
three, in seconds.
"""

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import netwright as nw
from netwright.report.page import write_report
from netwright.searching.provenance import provenance

REPEATS = 3


@nw.space
def small(num_decisions: int = 6, num_options: int = 8) -> Any:
    """A number of equal decisions."""
    options = tuple(range(num_options))
    chosen = []
    for _ in range(num_decisions):
        chosen.append((yield nw.Choice("option", options)))
    return chosen


def value(architecture: list[int]) -> float:
    """A cheap child."""
    return sum(architecture[:6]) / 6


def run(folder: Path, num_trials: int, strategy: str, **parameters: int) -> None:
    """Start or continue a run."""
    nw.search(small(**parameters), value, num_trials=num_trials, strategy=strategy, out=folder, progress=False)


def seconds(action: Callable[[], object]) -> float:
    """Return how long a call takes."""
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def extended(folder: Path, num_trials: int, strategy: str) -> float:
    """Return the median time to extend a finished run by 8 trials, without its report."""
    import netwright.report.page as page

    times, written = [], page.write_report
    page.write_report = lambda *_, **__: None  # measured by itself
    try:
        for repeat in range(REPEATS):
            copied = folder.with_name(f"{folder.name}-{repeat}")
            shutil.copytree(folder, copied)
            times.append(seconds(lambda copied=copied: run(copied, num_trials + 8, strategy)))
            shutil.rmtree(copied)
    finally:
        page.write_report = written
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=20_000)
    parser.add_argument("-o", "--out", type=Path)
    arguments = parser.parse_args()
    measured: dict[str, float] = {}

    def show(name: str, took: float) -> None:
        measured[name] = took
        print(f"{name:60} {took:8.2f} s", flush=True)

    with tempfile.TemporaryDirectory() as scratch:
        for strategy in ("random", "reinforce"):
            folder = Path(scratch) / strategy
            show(
                f"{arguments.trials:,} trials, {strategy}",
                seconds(lambda f=folder, s=strategy: run(f, arguments.trials, s)),
            )
            show(f"extended by 8, {strategy}", extended(folder, arguments.trials, strategy))
            times = [seconds(lambda f=folder: write_report(f)) for _ in range(REPEATS)]
            show(f"report of {arguments.trials:,} trials, {strategy}", statistics.median(times))
        for name, parameters in {
            "100,000 options": {"num_decisions": 1, "num_options": 100_000},
            "1,000 decisions": {"num_decisions": 1000},
        }.items():
            for strategy in ("random", "reinforce"):
                folder = Path(scratch) / f"{name}-{strategy}"
                show(
                    f"24 trials with {name}, {strategy}",
                    seconds(lambda f=folder, s=strategy, p=parameters: run(f, 24, s, **p)),
                )
                show("its report", seconds(lambda f=folder: write_report(f)))
    if arguments.out:
        arguments.out.write_text(json.dumps({"seconds": measured, **provenance()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
