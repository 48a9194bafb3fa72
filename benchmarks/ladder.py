"""A ladder on NAS-Bench-201: does training the best cells of a search for 200 epochs choose a better one?

    python benchmarks/ladder.py --data FOLDER

A search looks up validation accuracies after 12 epochs until their trainings would have taken so many seconds. Then the
best --top cells are looked up after 200 epochs, by netwright's own confirmation, and the best by validation accuracy is
the result. Each of these trainings is charged with 200 / 12 of the seconds of the table's 12 epochs. The table has the
means of several trainings, so one lookup is enough. The results are in results/ladder.json.
"""

import argparse
import csv
import gzip
import json
from collections.abc import Mapping
from pathlib import Path

from checkout import commit

from netwright.compare.statistics import spread
from netwright.config import RunConfig, strategy_settings
from netwright.evaluation.factory import evaluation_of
from netwright.execution.in_process import InProcessExecutor
from netwright.recipes.tables import nasbench201_cifar10, nasbench201_cifar100
from netwright.searching.confirmation import Step, best_trials, confirm
from netwright.searching.core import SearchCore
from netwright.searching.factory import make_core
from netwright.searching.loop import drive
from netwright.searching.provenance import provenance
from netwright.searching.results import Results
from netwright.searching.store import Store
from netwright.tasks.benchmarks.catalog import find_table
from netwright.trials import Job, Measurement

RESULTS = Path(__file__).parent / "results" / "ladder.json"
SEARCHES = {"cifar10": (nasbench201_cifar10, 20_000.0), "cifar100": (nasbench201_cifar100, 40_000.0)}
"""The search of a data set, and its budget in seconds."""
TOP = (1, 3, 5, 10, 20)


class Lookup:
    """An `Evaluate`: the accuracies after 12 epochs, and those after 200 for a job that asks for them."""

    def __init__(self, path: Path, data_set: str) -> None:
        with gzip.open(path, "rt", newline="") if path.suffix == ".gz" else path.open(newline="") as file:
            self.rows: Mapping[str, dict[str, str]] = {row["architecture"]: row for row in csv.DictReader(file)}
        self.prefix = data_set

    def number(self, architecture: object, column: str) -> float:
        """Return a number of the cell; `column` is without the name of the data set."""
        return float(self.rows[str(architecture)][f"{self.prefix}_{column}"])

    def __call__(self, job: Job) -> Measurement:
        """Look up the validation accuracy after the epochs of the job."""
        column = f"valid_accuracy_{job.epochs or 12}_epochs"
        return Measurement({"validation_accuracy": self.number(job.architecture, column) / 100})


class Budget:
    """Ends a search when its trainings have taken so many seconds, as `netwright compare` does."""

    def __init__(self, lookup: Lookup, seconds: float) -> None:
        self.lookup, self.left, self.seen = lookup, seconds, 0

    def follow(self, core: SearchCore) -> None:
        """Charge the trials that have ended since, and limit the search to those that were paid for."""
        while self.left > 0 and self.seen < len(core.trials) and core.trials[self.seen].state.finished:
            self.left -= self.lookup.number(core.trials[self.seen].proposal.architecture, "seconds_12_epochs")
            self.seen += 1
        if self.left <= 0:
            core.num_trials = self.seen


def searched(config: RunConfig, lookup: Lookup, seconds: float) -> dict[int, tuple[float, float]]:
    """Run one search; return (test accuracy in percent, seconds of the ladder) for each number of cells."""
    budget = Budget(lookup, seconds)
    about = {"data": None, "score_name": "validation_accuracy"}
    found = {}
    with Store.in_memory({"config": config.to_json(), "about": about}) as store:
        core = make_core(config, store)
        drive(core, InProcessExecutor(lookup), store, lambda step: budget.follow(core))
        trials = core.trials[: budget.seen]
        best = best_trials(trials)
        config = config.changed(num_trials=budget.seen)
        store.write_document("config", config.to_json())
        for top in TOP:
            if top > 1:
                confirm(
                    best, config=config, reward=evaluation_of(config.evaluate).reward, store=store,
                    executor=InProcessExecutor(lookup), steps=[Step(top, 200, 1)],
                )  # fmt: skip
            winner = Results.of(store, trials=trials).best.proposal.architecture
            trained = best[:top] if top > 1 else []  # today's search trains none again
            cost = sum(lookup.number(each.proposal.architecture, "seconds_12_epochs") for each in trained) * 200 / 12
            found[top] = lookup.number(winner, "test_accuracy_200_epochs"), cost
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--strategy", default="thompson")
    parser.add_argument("--seeds", type=int, default=500)
    options = parser.parse_args()
    document = {"strategy": options.strategy, "seeds": options.seeds, "results": {}, **provenance(), "commit": commit()}
    for data_set, (recipe, seconds) in SEARCHES.items():
        config = recipe().changed(strategy=strategy_settings(options.strategy), num_trials=1000)
        lookup = Lookup(find_table(config.evaluate.task, options.data), data_set)
        runs = [searched(config.changed(seed=seed), lookup, seconds) for seed in range(options.seeds)]
        for top in TOP:
            accuracy, cost = spread([run[top][0] for run in runs]), spread([run[top][1] for run in runs])
            document["results"][f"{data_set}, top {top}"] = [accuracy.mean, accuracy.low, accuracy.high, cost.mean]
            bounds = "" if accuracy.low is None else f" ({accuracy.low:.2f} to {accuracy.high:.2f})"
            cost_in_all = f"{seconds:,.0f} + {cost.mean:,.0f} seconds"
            print(f"{data_set}, top {top}: test accuracy {accuracy.mean:.2f}{bounds}, {cost_in_all}", flush=True)
    RESULTS.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
