"""Makes the table of the recipe `digits-table`: every network of its space, trained on the digits with three seeds.

    python benchmarks/make_digits_table.py              all 1,458 networks, about 10 minutes on 2 idle cores
    python benchmarks/make_digits_table.py --first 30   a random sample: does the network matter more than the seed?

Every finished network is a line of build/digits-table-SETTINGS.csv; the same command goes on where it stopped. When all
are there, they are packed into src/netwright/tasks/benchmarks/digits-table.csv.gz. 497 images to train on and 4 epochs
keep a training short, 1,000 images to validate on keep the noise of measuring small.
"""

import argparse
import csv
import gzip
import io
import random
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netwright.architectures.values import fingerprint
from netwright.config import ImageSettings
from netwright.evaluation.image_worker import ImageChild
from netwright.evaluation.images import ImageEvaluation
from netwright.execution.interface import Executor
from netwright.execution.local import LocalExecutor, usable_cores
from netwright.files import write_whole
from netwright.recipes.tables import digits_table
from netwright.searching.provenance import hardware
from netwright.seeds import derive_seed
from netwright.spaces.exploring import enumerate_space
from netwright.tasks.benchmarks.catalog import TABLES
from netwright.tasks.benchmarks.table import KEY
from netwright.tasks.catalog import open_images
from netwright.tasks.images.data import ImageData
from netwright.training.images import measure_accuracy
from netwright.trials import Job, Measurement

SETTINGS = ImageSettings(
    task="digits",
    num_validation=1000,
    epochs=4,
    batch_size=16,
    learning_rate=0.15,
    schedule="cosine",
    upsample=None,
    flips=False,
    last_epochs=1,
    device="cpu",
    precision="float32",
)
TABLE = TABLES["digits-table"]
VALIDATION, SECONDS, TEST = TABLE.columns.validation, TABLE.columns.seconds, TABLE.columns.test
HEADER = [KEY, *VALIDATION, SECONDS, TEST]
EVERY = 20
"""Networks between two lines of progress."""

Rows = dict[str, list[str]]


@dataclass(frozen=True, eq=False)
class SeveralSeeds:
    """An `Evaluate`: trains a network once for each validation column, and tests it each time."""

    child: ImageChild
    data: ImageData

    def __call__(self, job: Job) -> Measurement:
        """The columns of the network's line: percent, and the processor's seconds for one training."""
        validation, test, seconds = [], [], []
        upsample, images, labels = self.child.training["upsample"], self.data.test_images, self.data.test_labels
        for repeat in range(len(VALIDATION)):
            begun = time.process_time()  # other programs on the machine make no network look dearer
            seed = derive_seed("digits table", fingerprint(job.architecture), repeat)
            network, measured = self.child.trained_network(Job(job.number, job.architecture, seed))
            seconds.append(time.process_time() - begun)
            validation.append(100 * measured.metrics["validation_accuracies"][-1])
            test.append(100 * measure_accuracy(network, images, labels, upsample=upsample, speed=self.child.speed))
        # The median, since a process's first training is slower.
        columns = {SECONDS: statistics.median(seconds), TEST: statistics.fmean(test)}
        return Measurement({**dict(zip(VALIDATION, validation, strict=True)), **columns})


def networks() -> list[Any]:
    """All networks of the space in a random order, the same every time."""
    found = [episode.architecture for episode in enumerate_space(digits_table().space)]
    random.Random(0).shuffle(found)
    return found


def rows_in(path: Path) -> Rows:
    """The finished lines by their network; a last one that was cut off by the end of a process is removed."""
    if not path.exists():
        return {}
    text = path.read_text()
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole)
    return {row[0]: row for row in list(csv.reader(io.StringIO(whole)))[1:]}


def train_missing(wanted: Sequence[Any], executor: Executor, path: Path, header: Sequence[str] = tuple(HEADER)) -> Rows:
    """Train those of `wanted` that have no line in `path`, and append theirs."""
    rows = rows_in(path)
    todo = [network for network in wanted if str(network) not in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if file.tell() == 0:
            writer.writerow(header)
        for number, network in enumerate(todo):
            executor.submit(Job(number, network, 0))
        begun, ended = time.monotonic(), 0
        while ended < len(todo):
            for outcome in executor.wait():
                if outcome.measurement is None:
                    raise SystemExit(f"{todo[outcome.number]} could not be trained: {outcome.failure}")
                row = _row(str(todo[outcome.number]), outcome.measurement.metrics, header)
                writer.writerow(row)
                file.flush()
                rows[row[0]] = row
                ended += 1
                if ended % EVERY == 0:
                    left = (time.monotonic() - begun) / ended * (len(todo) - ended)
                    print(f"{len(rows):,} networks, {left / 60:.1f} minutes left", flush=True)
    return rows


def _row(network: str, metrics: Mapping[str, float | str], header: Sequence[str]) -> list[str]:
    decimals = {SECONDS: 4, TEST: 3}
    values = [(name, metrics[name]) for name in header[1:]]
    return [network, *(v if isinstance(v, str) else f"{v:.{decimals.get(name, 1)}f}" for name, v in values)]


def spread(rows: Rows) -> str:
    """What networks and what seeds do to the validation accuracy, in percentage points."""
    by_network = [[float(field) for field in row[1 : 1 + len(VALIDATION)]] for row in rows.values()]
    seeds = statistics.fmean(statistics.variance(values) for values in by_network)
    # The variance of means of several seeds holds that share of the seeds' own.
    networks = statistics.variance(map(statistics.fmean, by_network)) - seeds / len(VALIDATION)
    between, within = max(networks, 0) ** 0.5, seeds**0.5
    return f"{len(rows):,} networks: standard deviation {between:.1f} by network, {within:.1f} by seed, ratio " + (
        f"{between / within:.2f}"
    )


def pack(rows: Rows, order: Sequence[str], target: Path, header: Sequence[str] = tuple(HEADER)) -> None:
    """Write the table, in the order of the space and without the time, so that the same lines make the same file."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *(rows[network] for network in order)])
    target.parent.mkdir(exist_ok=True)
    write_whole(target, gzip.compress(text.getvalue().encode(), mtime=0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=usable_cores())
    parser.add_argument("--first", type=int, default=None, help="train only so many, in a random order")
    arguments = parser.parse_args()
    path = Path("build") / f"digits-table-{fingerprint(SETTINGS.to_json())[:8]}.csv"
    wanted = networks()[: arguments.first]
    evaluate = SeveralSeeds(ImageEvaluation(SETTINGS).evaluate(None), open_images(SETTINGS.task, None, verify=False))
    executor = LocalExecutor(evaluate, workers=arguments.workers)
    try:
        rows = train_missing(wanted, executor, path)
    finally:
        executor.close()
    print(f"{hardware()}\n{spread(rows)}, {statistics.fmean(float(row[-2]) for row in rows.values()):.3f} s a training")
    order = [str(episode.architecture) for episode in enumerate_space(digits_table().space)]
    if set(order) <= rows.keys():
        pack(rows, order, TABLE.path)
        print(f"written: {TABLE.path}, {TABLE.path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
