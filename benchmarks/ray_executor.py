"""What a child costs on Ray beside its training: from submit to outcome, one after the other, on warm workers.

python benchmarks/ray_executor.py                # a cluster that is started here; or --address auto|HOST:PORT
"""

import argparse
import statistics
import time

from netwright.architectures.published import nas_cnn_15
from netwright.execution.interface import Executor
from netwright.execution.local import LocalExecutor
from netwright.execution.on_ray import RayExecutor
from netwright.searching.provenance import hardware
from netwright.trials import Job, Measurement


def nothing(job: Job) -> Measurement:
    """A child that needs no time."""
    return Measurement({"value": 0.5})


def milliseconds(executor: Executor, children: int) -> list[float]:
    """Of every child, after one that starts the worker."""
    taken = []
    for number in range(children + 1):
        begun = time.perf_counter()
        executor.submit(Job(number, nas_cnn_15(), 0))
        executor.wait()
        taken.append((time.perf_counter() - begun) * 1e3)
    return taken[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--children", type=int, default=200)
    parser.add_argument("--address")
    options = parser.parse_args()
    print(f"hardware: {hardware()}")
    begun = time.perf_counter()
    ray = RayExecutor(nothing, address=options.address, workers=1)
    connected = time.perf_counter() - begun
    for name, executor in (("Ray", ray), ("local", LocalExecutor(nothing, workers=1))):
        try:
            taken = milliseconds(executor, options.children)
        finally:
            executor.close()
        middle = statistics.quantiles(taken, n=20)
        print(
            f"{name}: median {statistics.median(taken):.2f} ms of {len(taken)} children, "
            f"90% between {middle[0]:.2f} and {middle[-1]:.2f}"
        )
    print(f"cluster started or reached in {connected:.1f} s")


if __name__ == "__main__":
    main()
