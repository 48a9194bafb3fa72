"""The plan of a comparison: strategies with their settings, seeds, and the common budget of all runs."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from netwright.architectures.values import JsonObject
from netwright.config import STRATEGIES, RunConfig, differences, strategy_settings, with_former_defaults
from netwright.errors import ConfigError, StoreError, unknown
from netwright.evaluation.factory import evaluation_of
from netwright.evaluation.interface import DatasetInfo, Evaluation
from netwright.evaluation.rewards import curve_of
from netwright.files import LARGEST_JSON, read_whole, replace_whole
from netwright.searching.same_data import description, difference
from netwright.trials import Trial

FILE_NAME = "plan.json"
NUM_SEEDS = "num_seeds"
"""What `keep_num_seeds` stores in that file."""
MIN_PROPOSALS, PROPOSALS_PER_TRIAL = 1000, 10
"""Default limit of proposals if repeats may be free: the first, or the second times the trials if that is more."""


class Repeats(StrEnum):
    """Whether a trial costs anything if its run has tried the same architecture before."""

    charged = "charged"
    free = "free"


@dataclass(frozen=True)
class Budget:
    """The budget of a run: `amount` trials, seconds or epochs (`unit`), and whether repeats count.

    A trial belongs to a run if all before it cost less than `amount` together, so the last one may overrun it.
    """

    unit: str
    amount: float
    repeats: Repeats
    max_proposals: int
    """Limit for a run that keeps repeating itself at no cost."""

    @property
    def is_certain(self) -> bool:
        """Whether every trial has a positive cost, so that the budget alone ends a run."""
        return self.unit == "trials" and self.repeats is Repeats.charged

    def price(self, seconds: float | None, epochs: int | None, *, repeated: bool) -> float:
        """Return the cost of one trial."""
        if repeated and self.repeats is Repeats.free:
            return 0.0
        return {"trials": 1.0, "seconds": seconds or 0.0, "epochs": float(epochs or 0)}[self.unit]

    def __str__(self) -> str:
        return f"{self.amount:,g} {self.unit} a run, repeats {self.repeats}"

    @property
    def rule(self) -> str:
        """Describe the accounting for the output."""
        if self.repeats is Repeats.charged:
            unit = "seconds" if self.unit == "trials" else self.unit
            said = f"a repeated architecture costs its {unit} again and counts as a trial"
        else:
            said = "a repeated architecture costs nothing and does not count"
        if self.unit != "trials":
            said += "; the last trial of a run may overrun the budget"
        if not self.is_certain:
            said += f"; a run ends at the latest after {self.max_proposals:,} proposals"
        return f"{self}: {said}"


@dataclass(frozen=True)
class Plan:
    """A complete plan; `configs` are the settings of runs, except seeds, by the strategy as the user wrote it."""

    configs: Mapping[str, RunConfig]
    seeds: tuple[int, ...]
    budget: Budget

    @property
    def config(self) -> RunConfig:
        """One of the configs, to read settings that all have in common."""
        return next(iter(self.configs.values()))

    @property
    def evaluation(self) -> Evaluation:
        """The kind of children, the same for all."""
        return evaluation_of(self.config.evaluate)

    @property
    def runs_are_jobs(self) -> bool:
        """Whether whole runs are parallel, and not the children of one run. A time limit needs processes."""
        return self.evaluation.is_instant and self.config.time_limit_seconds is None

    def seconds(self, trials: Sequence[Trial], number: int) -> float | None:
        """Return what a trial cost, or would have cost without reuse of an earlier one; None if unknown."""
        trained = _trained(trials, number)
        return self.seconds_of(trained.metrics, trained.seconds)

    def epochs(self, trials: Sequence[Trial], number: int) -> int | None:
        """Return the epochs that a trial was trained for, or would have been without reuse; None if unknown."""
        return self.epochs_of(_trained(trials, number).metrics)

    def seconds_of(self, metrics: Mapping[str, Any], measured: float | None) -> float | None:
        """Return the cost of a training; None if unknown.

        Args:
            metrics: Those of its measurement.
            measured: The seconds that it took here, which are meaningless for an instant child.
        """
        if self.evaluation.seconds_metric is not None:
            seconds: float | None = metrics.get(self.evaluation.seconds_metric)
            return seconds
        return None if self.runs_are_jobs else measured

    def epochs_of(self, metrics: Mapping[str, Any]) -> int | None:
        """Return how many epochs the curve in these metrics has; None if there is no curve."""
        return len(curve_of(self.evaluation.reward.score_name, metrics)) or None

    @property
    def runs(self) -> list[tuple[str, int]]:
        """(strategy, seed) of every run, in the order of execution."""
        return [(strategy, seed) for seed in self.seeds for strategy in self.configs]

    def run_config(self, strategy: str, seed: int) -> RunConfig:
        """Return the settings of one run."""
        return self.configs[strategy].changed(seed=seed)

    def to_json(self) -> JsonObject:
        """Return what all runs of a folder must have in common, apart from the data."""
        return {
            "unit": self.budget.unit,
            "amount": self.budget.amount,
            "repeats": str(self.budget.repeats),
            "max_proposals": self.budget.max_proposals,
            "strategies": {name: config.to_json() for name, config in self.configs.items()},
        }


def _trained(trials: Sequence[Trial], number: int) -> Trial:
    """Return the trial that was trained for this one."""
    trial = trials[number]
    return trial if trial.reused_from is None else trials[trial.reused_from]


def make_plan(
    config: RunConfig,
    strategies: str,
    *,
    num_seeds: int,
    trials: int | None = None,
    seconds: float | None = None,
    epochs: int | None = None,
    repeats: Repeats = Repeats.charged,
    max_proposals: int | None = None,
    settings: Sequence[str] = (),
    confirm: bool = False,
) -> Plan:
    """Plan a comparison.

    Args:
        config: The recipe's settings; seeds count up from its own.
        strategies: Written as "a,b:KEY=VALUE:KEY=VALUE,c".
        num_seeds: Runs of every strategy.
        trials: The budget of a run in trials; exactly one of `trials`, `seconds` and `epochs` is given.
        seconds: The budget of a run in seconds.
        epochs: The budget of a run in epochs of its children.
        repeats: Whether repeated architectures are charged.
        max_proposals: Limit of proposals of a run whose budget alone does not end it.
        settings: `KEY=VALUE` assignments for all strategies.
        confirm: Whether each run ends with the ladder of its settings `confirm`, which the budget does not include.

    Raises:
        ConfigError: These strategies or this budget cannot be compared.
    """
    if num_seeds < 1:
        raise ConfigError(f"--num-seeds {num_seeds}: expected 1 or more runs of every strategy")
    budget = _budget({"trials": trials, "seconds": seconds, "epochs": epochs}, repeats, max_proposals)
    names = [name.strip() for name in strategies.split(",")]
    if len({file_name(name) for name in names}) < len(names):
        raise ConfigError(f"--strategies {strategies} names one strategy twice; write settings apart: a:KEY=VALUE")
    configs = {}
    for name in names:
        chosen = _with_strategy(config, name).with_settings(settings)
        at_the_end = {**chosen.confirm.to_json(), "at_end": confirm}
        configs[name] = chosen.changed(num_trials=budget.max_proposals, confirm=at_the_end)
    first = configs[names[0]].seed
    plan = Plan(configs, tuple(range(first, first + num_seeds)), budget)
    if budget.unit == "seconds" and plan.runs_are_jobs and plan.evaluation.seconds_metric is None:
        raise ConfigError(
            f"--budget {seconds:g}: nothing says how many seconds a child of recipe {config.recipe!r} costs; give "
            "--trials N instead, or --set time_limit_seconds=... so that every child is timed in a process of its own"
        )
    if budget.unit == "epochs" and plan.config.evaluate.cannot_stop:
        raise ConfigError(
            f"--epochs {epochs}: children of recipe {config.recipe!r} report no epochs; give --trials N instead"
        )
    if repeats is Repeats.free and not plan.config.reuse:
        raise ConfigError("--repeats free: with reuse=false a repeated architecture is trained again; --set reuse=true")
    return plan


def _budget(given: Mapping[str, float | None], repeats: Repeats, max_proposals: int | None) -> Budget:
    amounts = {unit: amount for unit, amount in given.items() if amount is not None}
    if len(amounts) != 1:
        names = {"trials": "--trials", "seconds": "--budget", "epochs": "--epochs"}
        got = " and ".join(names[unit] for unit in amounts) or "none"
        raise ConfigError(f"give every run a budget: one of --trials N, --budget SECONDS and --epochs N; got {got}")
    [(unit, amount)] = amounts.items()
    if unit == "seconds" and not 0 < amount < float("inf"):
        raise ConfigError(f"--budget {amount:g}: expected a number of seconds above 0")
    if unit != "seconds" and amount < 1:
        raise ConfigError(f"--{unit} {amount}: expected 1 or more for every run")
    if unit == "seconds":
        return Budget(unit, amount, repeats, max_proposals or MIN_PROPOSALS)
    if unit == "epochs":  # a child has one or more
        return Budget(unit, amount, repeats, max_proposals or max(MIN_PROPOSALS, int(amount)))
    trials = int(amount)
    if repeats is Repeats.charged:
        if max_proposals is not None:
            raise ConfigError(
                f"--max-proposals {max_proposals}: where repeats are charged, --trials {trials} is the limit; leave it "
                "away, or add --repeats free"
            )
        return Budget("trials", trials, repeats, trials)
    return Budget("trials", trials, repeats, max_proposals or max(MIN_PROPOSALS, PROPOSALS_PER_TRIAL * trials))


def _with_strategy(config: RunConfig, written: str) -> RunConfig:
    """Return the config with the strategy NAME:KEY=VALUE; the recipe's settings of the same strategy are kept."""
    name, *assignments = written.split(":")
    if name != config.strategy.name:
        config = config.with_strategy(strategy_settings(name))
    known = [key for key in STRATEGIES[name].settings.model_fields if key != "name"]
    for assignment in assignments:
        key, separator, _ = assignment.partition("=")
        if not separator:
            raise ConfigError(f"strategy {written}: expected NAME:KEY=VALUE, got {assignment!r} for KEY=VALUE")
        if key not in known:
            raise ConfigError(f"strategy {written}: {unknown(f'setting of {name}', key, known)}")
    return config.with_settings([f"strategy.{assignment}" for assignment in assignments])


def file_name(strategy: str) -> str:
    """Return a strategy, as the user wrote it, as part of a file name."""
    return re.sub(r"[^\w.=]+", "-", strategy)


def default_folder(recipe: str, strategies: str) -> Path:
    """Return the default folder of a comparison."""
    return Path("comparisons") / "-".join([recipe.rpartition(":")[2], *map(file_name, strategies.split(","))])


def continued_plan(plan: Plan, folder: Path) -> Plan:
    """Return the plan with the former defaults of the comparison in `folder`, if there is one."""
    path = folder / FILE_NAME
    if not path.exists():
        return plan
    stored = _stored(path)["strategies"]
    common = next(iter(stored.values()))
    configs = {name: with_former_defaults(each, stored.get(name, common)) for name, each in plan.configs.items()}
    return replace(plan, configs=configs)


def keep_plan(plan: Plan, folder: Path, dataset: DatasetInfo) -> None:
    """Write the plan into `folder`; raise `ConfigError` if it contradicts the plan stored there.

    Seeds and strategies may be added at any time; `keep_num_seeds` stores that seeds were.
    """
    path, document = folder / FILE_NAME, {**plan.to_json(), **description(dataset)}
    if path.exists():
        stored = _stored(path)
        if changed := _changes(stored, document, dataset):
            raise ConfigError(f"{folder} holds a comparison with {'; '.join(changed)}; choose another --out")
        document["strategies"] = {**stored["strategies"], **document["strategies"]}
        document["data"] = stored["data"]  # the name that it had first
        document |= {name: stored[name] for name in (NUM_SEEDS,) if name in stored}
    replace_whole(path, json.dumps(document, indent=1).encode())


def keep_num_seeds(folder: Path, num_seeds: int) -> None:
    """Store that results with so many seeds are about to be shown, if there were none with as many or more."""
    path = folder / FILE_NAME
    stored, shown = _stored(path), shown_num_seeds(folder)
    if not shown or num_seeds > shown[-1]:
        replace_whole(path, json.dumps({**stored, NUM_SEEDS: [*shown, num_seeds]}, indent=1).encode())


def shown_num_seeds(folder: Path) -> tuple[int, ...]:
    """Return the numbers of seeds with which results of the comparison in `folder` were shown, in ascending order.

    More than one means that seeds were added when results were known.
    """
    path = folder / FILE_NAME
    return tuple(_stored(path).get(NUM_SEEDS, ())) if path.exists() else ()


def _stored(path: Path) -> JsonObject:
    try:
        stored = json.loads(read_whole(path, LARGEST_JSON))
        if {*stored} - {"data_id", NUM_SEEDS} != {"unit", "amount", "repeats", "max_proposals", "data", "strategies"}:
            raise ValueError(f"it holds {', '.join(stored)}")
        if not all(type(number) is int for number in stored.get(NUM_SEEDS, [])):
            raise ValueError(f"{NUM_SEEDS} is {stored[NUM_SEEDS]}")
        return dict(stored)
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise StoreError(f"{path} is no plan of a comparison ({error}); choose another --out") from None


def _changes(stored: JsonObject, wanted: JsonObject, dataset: DatasetInfo) -> list[str]:
    """Describe every difference."""
    changed = []
    theirs, ours = (f"{each['amount']:,g} {each['unit']} a run" for each in (stored, wanted))
    if theirs != ours:
        changed.append(f"a budget of {theirs}, now {ours}: runs with different budgets are not compared")
    for name in ("repeats", "max_proposals"):
        if stored[name] != wanted[name] and not (name == "max_proposals" and changed):
            changed.append(f"{name} {stored[name]}, now {wanted[name]}")
    if other := difference(stored, dataset):
        changed.append(f"data {stored['data']}, {other}")
    common = next(iter(stored["strategies"].values()))
    for name, config in wanted["strategies"].items():
        before = stored["strategies"].get(name)
        if before is None:  # a strategy that is added has all but its own settings in common with the others
            config, before = _without_own_settings(config, common)
        if before["recipe"] != config["recipe"]:
            return [f"recipe {before['recipe']}, now {config['recipe']}"]
        changed += [each for each in differences(before, config) if each not in changed]
    return changed


def _without_own_settings(*configs: JsonObject) -> list[JsonObject]:
    """Return the JSON of configs without what may differ between strategies: settings, and batches of their own."""
    names = ["strategy"]
    if any(STRATEGIES[each["strategy"]["name"]].settings.batch_size for each in configs):
        names += ["batch_size", "lag"]
    return [{**each, **dict.fromkeys(names)} for each in configs]
