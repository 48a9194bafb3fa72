"""How busy workers are with children that sleep 50 ms: what the search itself costs, controller and disk included.

python benchmarks/overhead.py
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from netwright.config import FunctionSettings, RunConfig
from netwright.evaluation.function import UserFunction
from netwright.execution.local import LocalExecutor
from netwright.searching.core import Step
from netwright.searching.factory import make_core
from netwright.searching.loop import drive
from netwright.searching.provenance import hardware
from netwright.searching.store import Store
from netwright.spaces.convolutional import convolutional
from netwright.trials import Job

CHILD_SECONDS = 0.05


def sleep_instead(architecture: object) -> float:
    """A child that costs time and no processor."""
    time.sleep(CHILD_SECONDS)
    return 0.5


def busy_fraction(workers: int, trials: int, folder: Path) -> float:
    """Seconds that children took, over the seconds that their workers had, from the first job to the last outcome."""
    config = RunConfig(
        space=convolutional(15), evaluate=FunctionSettings(function=sleep_instead), num_trials=trials, reuse=False
    )
    executor = LocalExecutor(UserFunction(sleep_instead), workers=workers)
    try:
        _start_workers(executor, workers)
        with Store.create(folder, {"config": config.to_json()}) as store:
            core = make_core(config, store)
            seconds = 0.0

            def add(step: Step) -> None:
                nonlocal seconds
                seconds += sum(trial.seconds or 0.0 for trial in step.trials if trial.state.finished)

            begun = time.perf_counter()
            drive(core, executor, store, add)
            return seconds / (workers * (time.perf_counter() - begun))
    finally:
        executor.close()


def _start_workers(executor: LocalExecutor, workers: int) -> None:
    """Workers import their libraries once; that belongs to a run and not to a child."""
    for number in range(4 * workers):
        executor.submit(Job(number, None, 0))
    ended = 0
    while ended < 4 * workers:
        ended += len(executor.wait())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    print(f"hardware: {hardware()}")
    fractions = []
    with tempfile.TemporaryDirectory() as folder:
        for repeat in range(options.repeats):
            fractions.append(busy_fraction(options.workers, options.trials, Path(folder) / str(repeat)))
            print(f"repeat {repeat}: {options.workers} workers busy {fractions[-1]:.2%}", flush=True)
    print(f"median {statistics.median(fractions):.2%} (at least 97% asked)")


if __name__ == "__main__":
    main()
