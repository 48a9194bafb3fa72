"""Makes the table of learning curves of the digits networks: every network of `digits-table`, trained longer.

    python benchmarks/make_digits_curves.py              all 1,458 networks, about an hour on 2 idle cores
    python benchmarks/make_digits_curves.py --first 30

Each network is trained with three seeds and three cosine schedules of its own, of 2, 5 and 16 epochs. The accuracy on
1,000 validation images is measured after every epoch, that on 300 test images at the end. Every finished network is a
line of build/digits-curves-SETTINGS.csv; the same command goes on where it stopped. When all are there, they are packed
into src/netwright/tasks/benchmarks/digits-curves.csv.gz.
"""

import argparse
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from make_digits_table import KEY, SECONDS, SETTINGS, networks, pack, train_missing

from netwright.architectures.values import fingerprint
from netwright.evaluation.image_worker import ImageChild
from netwright.evaluation.images import ImageEvaluation
from netwright.execution.local import LocalExecutor, usable_cores
from netwright.recipes.tables import digits_table
from netwright.searching.provenance import hardware
from netwright.seeds import derive_seed
from netwright.spaces.exploring import enumerate_space
from netwright.tasks.benchmarks.catalog import EMBEDDED
from netwright.tasks.catalog import open_images
from netwright.tasks.images.data import ImageData
from netwright.training.images import measure_accuracy
from netwright.trials import Job, Measurement

SCHEDULES, NUM_SEEDS = (2, 5, 16), 3
RUNS = [(epochs, seed) for epochs in SCHEDULES for seed in range(NUM_SEEDS)]
CURVES = {run: f"valid_permille_{run[0]}_epochs_seed_{run[1]}" for run in RUNS}
"""Columns: accuracies after the epochs, whole permille with spaces between them; of 1,000 images they are exact."""
TESTS = {run: f"test_permille_{run[0]}_epochs_seed_{run[1]}" for run in RUNS}
HEADER = [KEY, SECONDS, *CURVES.values(), *TESTS.values()]
TARGET = EMBEDDED / "digits-curves.csv.gz"


@dataclass(frozen=True, eq=False)
class Curves:
    """An `Evaluate`: trains a network once for each schedule and seed, and tests it each time."""

    children: Mapping[int, ImageChild]
    """By epochs."""
    data: ImageData

    def __call__(self, job: Job) -> Measurement:
        """Return the columns of the network's line; seconds are the processor's for one epoch."""
        columns: dict[str, float | str] = {}
        seconds = []
        for epochs, repeat in RUNS:
            child, begun = self.children[epochs], time.process_time()
            seed = derive_seed("digits curves", fingerprint(job.architecture), epochs, repeat)
            network, measured = child.trained_network(Job(job.number, job.architecture, seed))
            seconds.append((time.process_time() - begun) / epochs)
            curve = measured.metrics["validation_accuracies"]
            columns[CURVES[epochs, repeat]] = " ".join(str(round(1000 * accuracy)) for accuracy in curve)
            images, labels = self.data.test_images, self.data.test_labels
            accuracy = measure_accuracy(network, images, labels, upsample=None, speed=child.speed)
            columns[TESTS[epochs, repeat]] = f"{1000 * accuracy:.2f}"
        return Measurement({**columns, SECONDS: statistics.median(seconds)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=usable_cores())
    parser.add_argument("--first", type=int, default=None, help="train only so many, in a random order")
    arguments = parser.parse_args()
    settings = {epochs: SETTINGS.model_copy(update={"epochs": epochs}) for epochs in SCHEDULES}
    path = Path("build") / f"digits-curves-{fingerprint([each.to_json() for each in settings.values()])[:8]}.csv"
    children = {epochs: ImageEvaluation(each).evaluate(None) for epochs, each in settings.items()}
    evaluate = Curves(children, open_images(SETTINGS.task, None, verify=False))
    executor = LocalExecutor(evaluate, workers=arguments.workers)
    try:
        rows = train_missing(networks()[: arguments.first], executor, path, HEADER)
    finally:
        executor.close()
    seconds = statistics.fmean(float(row[1]) for row in rows.values())
    print(f"{hardware()}\n{len(rows):,} networks, {seconds:.3f} s an epoch")
    order = [str(episode.architecture) for episode in enumerate_space(digits_table().space)]
    if set(order) <= rows.keys():
        pack(rows, order, TARGET, HEADER)
        print(f"written: {TARGET}, {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
