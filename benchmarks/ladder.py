"""A ladder on NAS-Bench-201: does training the best cells of a search for 200 epochs choose a better one?

    python benchmarks/ladder.py --data FOLDER

A search looks up validation accuracies after 12 epochs until their trainings would have taken so many seconds. Then the
best --top cells are looked up after 200 epochs, by netwright's own confirmation, and the best by validation accuracy is
the result. Each of these trainings is charged with 200 / 12 of the seconds of the table's 12 epochs. The table has the
means of several trainings, so one lookup is enough. The results are in results/ladder.json.
"""

import argparse
import json
from pathlib import Path

from checkout import commit

from netwright.compare.plan import Plan, make_plan
from netwright.compare.records import Ledger
from netwright.compare.statistics import spread
from netwright.execution.in_process import InProcessExecutor
from netwright.execution.interface import Evaluate
from netwright.recipes.tables import nasbench201_cifar10, nasbench201_cifar100
from netwright.searching.confirmation import Step, best_trials, confirm
from netwright.searching.factory import make_core
from netwright.searching.loop import drive
from netwright.searching.provenance import provenance
from netwright.searching.results import Results
from netwright.searching.store import Store
from netwright.tasks.benchmarks.catalog import find_table

RESULTS = Path(__file__).parent / "results" / "ladder.json"
SEARCHES = {"cifar10": (nasbench201_cifar10, 20_000.0), "cifar100": (nasbench201_cifar100, 40_000.0)}
"""The search of a data set, and its budget in seconds."""
TOP = (1, 3, 5, 10, 20)


def searched(plan: Plan, strategy: str, seed: int, lookup: Evaluate) -> dict[int, tuple[float, float]]:
    """Run one search; return (test accuracy in percent, seconds of the ladder) for each number of cells."""
    config = plan.run_config(strategy, seed)
    about = {"data": None, "score_name": plan.evaluation.reward.score_name}
    ledger, found = Ledger(plan), {}
    with Store.in_memory({"config": config.to_json(), "about": about}) as store:
        core = make_core(config, store)
        drive(core, InProcessExecutor(lookup), store, lambda step: ledger.follow(core))
        trials = ledger.of_run(core)
        store.write_document("config", config.changed(num_trials=len(trials)).to_json())
        best = best_trials(trials)
        for top in TOP:
            trained = best[:top] if top > 1 else []  # a search alone trains none again
            confirm(
                trained, config=config, reward=plan.evaluation.reward, store=store,
                executor=InProcessExecutor(lookup), steps=[Step(top, 200, 1)],
            )  # fmt: skip
            winner = Results.of(store, trials=trials).best
            cost = sum(each.metrics["table_seconds"] for each in store.confirmations())
            found[top] = 100 * winner.metrics["test_accuracy"], cost
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--strategy", default="thompson")
    parser.add_argument("--seeds", type=int, default=500)
    options = parser.parse_args()
    document = {"strategy": options.strategy, "seeds": options.seeds, "results": {}, **provenance(), "commit": commit()}
    for data_set, (recipe, seconds) in SEARCHES.items():
        plan = make_plan(recipe(), options.strategy, num_seeds=options.seeds, seconds=seconds)
        lookup = plan.evaluation.evaluate(find_table(plan.config.evaluate.task, options.data))
        runs = [searched(plan, strategy, seed, lookup) for strategy, seed in plan.runs]
        for top in TOP:
            accuracy, cost = spread([run[top][0] for run in runs]), spread([run[top][1] for run in runs])
            document["results"][f"{data_set}, top {top}"] = [accuracy.mean, accuracy.low, accuracy.high, cost.mean]
            bounds = "" if accuracy.low is None else f" ({accuracy.low:.2f} to {accuracy.high:.2f})"
            cost_in_all = f"{seconds:,.0f} + {cost.mean:,.0f} seconds"
            print(f"{data_set}, top {top}: test accuracy {accuracy.mean:.2f}{bounds}, {cost_in_all}", flush=True)
    RESULTS.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
