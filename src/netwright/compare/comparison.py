"""The results of a comparison, computed from the records of all runs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from netwright.architectures.values import JsonObject
from netwright.compare.ladder import Finalist
from netwright.compare.plan import Budget, Plan
from netwright.compare.records import Record
from netwright.compare.statistics import (
    Array,
    Spread,
    at_costs,
    best_so_far,
    best_unique,
    interval,
    interval_of_difference,
    probability_of_better,
    share,
    spread,
)
from netwright.errors import RunError
from netwright.evaluation.interface import DatasetInfo
from netwright.searching.quality import Quality

NUM_POINTS = 100
"""Points of a curve."""
TOPS = (1, 5, 15)
MODELS = 400
"""The paper's comparison with random search: the means of the best 1, 5 and 15 models every 400 models (Figure 6)."""


@dataclass(frozen=True)
class RunSummary:
    """The result of one run."""

    seed: int
    best_reward: float
    best_score: float
    test_accuracy: float | None
    """Of the first architecture with the best reward, which the run would have reported."""
    regret: float | None
    """The best possible reward minus the best one found; None if the former is unknown."""
    num_trials: int
    num_distinct: int
    num_redrawn: int
    """Samples above a limit on costs, which are no trials."""
    cost: float
    """Without the ladder."""
    finalist: Finalist | None = None
    """What the ladder chose."""


@dataclass(frozen=True)
class AfterLadder:
    """What the ladders of a strategy's runs chose."""

    score: Spread
    test_accuracy: Spread | None
    cost: float | None
    """The mean cost in the unit of the budget; of a budget of trials the trainings. None if unknown."""


@dataclass(frozen=True)
class Curve:
    """A mean over runs with its 95% interval, at common x.

    The mean is None where a run has no value yet, and the interval also where there is only one run.
    """

    x: tuple[float, ...]
    mean: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]


@dataclass(frozen=True)
class Summary:
    """The results of one strategy over its runs."""

    strategy: str
    best_score: Spread
    test_accuracy: Spread | None
    regret: Spread | None
    found: Spread | None
    """The share of runs that found the optimum."""
    num_trials: float
    num_distinct: float
    num_unspent: int
    """Runs that reached the limit of proposals before the end of their budget."""
    curve: Curve
    """The best score so far, by cost."""
    runs: tuple[RunSummary, ...]
    after_ladder: AfterLadder | None = None
    """None without a ladder."""


@dataclass(frozen=True)
class ByModels:
    """The paper's comparison: the mean score of the best `top` models so far minus that of `against`.

    Above 0 is better, whichever direction of the score is.
    """

    strategy: str
    against: str
    top: int
    curve: Curve


@dataclass(frozen=True)
class Comparison:
    """Everything that the table, the JSON document and the page show."""

    plan: Plan
    metric: str
    """What the scores are called."""
    data: str | None
    data_notes: tuple[str, ...]
    best_score: float | None
    """The best possible score, if known."""
    summaries: tuple[Summary, ...]
    better: Mapping[tuple[str, str], Spread]
    """The probability that a run of the first has a better reward than one of the second."""
    by_models: tuple[ByModels, ...]
    num_seeds: tuple[int, ...]
    """The numbers of seeds with which results were shown, this one included; several if seeds were added."""

    @classmethod
    def of(
        cls,
        plan: Plan,
        records: Sequence[Record],
        dataset: DatasetInfo,
        num_seeds: Sequence[int] = (),
        *,
        for_people: bool = False,
    ) -> "Comparison":
        """Compare these runs.

        Args:
            plan: The plan of the runs.
            records: The runs.
            dataset: The data of the runs.
            num_seeds: The numbers of seeds with which results of the same comparison were shown.
            for_people: Whether scores are converted to the displayed unit, for example bits per character.

        Raises:
            RunError: A run has no measurement.
        """
        reward = plan.evaluation.reward
        best = None if dataset.best_score is None else reward(dataset.best_score)
        task = getattr(plan.config.evaluate, "task", None)  # a function has none
        quality = Quality(reward.score_name, task, reward.higher_is_better)
        if for_people:
            records = [each.in_unit_of(quality) for each in records]
        by_strategy = {name: [each for each in records if each.strategy == name] for name in plan.configs}
        grid = _grid(plan.budget)
        summaries = tuple(_summary(plan.budget, group, best, grid) for group in by_strategy.values())
        rewards = {each.strategy: [run.best_reward for run in each.runs] for each in summaries}
        better = {
            (one, other): probability_of_better(rewards[one], rewards[other])
            for one in rewards
            for other in rewards
            if one != other
        }
        sign = 1.0 if reward.higher_is_better else -1.0
        by_models = _by_models(by_strategy, sign)
        return cls(
            plan,
            quality.name if for_people else reward.score_name.replace("_", " "),
            dataset.name,
            dataset.notes,
            dataset.best_score,
            summaries,
            better,
            by_models,
            num_seeds=tuple(num_seeds) or (len(plan.seeds),),
        )

    def to_json(self) -> JsonObject:
        """Return the document of `netwright compare --json`, which depends on the runs and `num_seeds` alone."""
        plan, reward = self.plan, self.plan.evaluation.reward
        return {
            "recipe": plan.config.recipe,
            "data": self.data,
            "data_notes": list(self.data_notes),
            "budget": {"unit": plan.budget.unit, "amount": plan.budget.amount},
            "repeats": str(plan.budget.repeats),
            "max_proposals": plan.budget.max_proposals,
            "accounting": plan.budget.rule,
            "seeds": list(plan.seeds),
            "num_seeds": list(self.num_seeds),
            "score_name": reward.score_name,
            "higher_is_better": reward.higher_is_better,
            "best_score": self.best_score,
            "strategies": [
                {**asdict(each), "config": plan.configs[each.strategy].to_json()} for each in self.summaries
            ],
            "better": [
                {"strategy": one, "against": other, **asdict(each)} for (one, other), each in self.better.items()
            ],
            "by_models": [asdict(each) for each in self.by_models],
        }


def _grid(budget: Budget) -> Array:
    """Return the costs at which curves are evaluated; the last is the budget."""
    grid = np.linspace(0, budget.amount, NUM_POINTS + 1)[1:]
    return grid if budget.unit == "seconds" else np.unique(np.ceil(grid))


def costs_of(record: Record, budget: Budget) -> Array:
    """Return the cumulative cost after every trial."""
    repeated = record.repeated
    prices = [budget.price(record.seconds[n], record.epochs[n], repeated=repeated[n]) for n in range(len(repeated))]
    return np.cumsum(prices)


def _summary(budget: Budget, records: Sequence[Record], best: float | None, grid: Array) -> Summary:
    runs = tuple(_run_summary(record, budget, best) for record in records)
    tested = [run.test_accuracy for run in runs if run.test_accuracy is not None]
    regrets = [run.regret for run in runs if run.regret is not None]
    # A trial that overruns the budget is counted at the budget.
    rows = [
        at_costs(best_so_far(record.rewards, record.scores), np.minimum(costs_of(record, budget), budget.amount), grid)
        for record in records
    ]
    return Summary(
        strategy=records[0].strategy,
        best_score=spread([run.best_score for run in runs]),
        test_accuracy=spread(tested) if len(tested) == len(runs) else None,
        regret=spread(regrets, least=0.0) if regrets else None,
        found=share([regret <= 0 for regret in regrets]) if regrets else None,
        num_trials=sum(run.num_trials for run in runs) / len(runs),
        num_distinct=sum(run.num_distinct for run in runs) / len(runs),
        num_unspent=sum(run.cost < budget.amount for run in runs),
        curve=_curve(grid, np.array(rows)),
        runs=runs,
        after_ladder=_after_ladder(budget, [run.finalist for run in runs if run.finalist is not None], len(runs)),
    )


def _after_ladder(budget: Budget, finalists: Sequence[Finalist], num_runs: int) -> AfterLadder | None:
    if len(finalists) < num_runs:
        return None
    tested = [each.test_accuracy for each in finalists if each.test_accuracy is not None]
    costs = [
        {"trials": each.num_trainings, "seconds": each.seconds, "epochs": each.epochs}[budget.unit]
        for each in finalists
    ]
    known = [cost for cost in costs if cost is not None]
    return AfterLadder(
        spread([each.score for each in finalists]),
        spread(tested) if len(tested) == num_runs else None,
        sum(known) / num_runs if len(known) == num_runs else None,
    )


def _run_summary(record: Record, budget: Budget, best: float | None) -> RunSummary:
    measured = [(reward, -number) for number, reward in enumerate(record.rewards) if reward is not None]
    if not measured:
        reason = f"; its first error: {record.error}" if record.error else ""
        raise RunError(f"no trial of {record.strategy}, seed {record.seed}, was measured{reason}")
    reward, negative = max(measured)
    score = record.scores[-negative]
    assert score is not None
    return RunSummary(
        seed=record.seed,
        best_reward=reward,
        best_score=score,
        test_accuracy=record.test_accuracies[-negative],
        regret=None if best is None else best - reward,
        num_trials=len(record.rewards),
        num_distinct=len(set(record.firsts)),
        num_redrawn=record.num_redrawn,
        cost=float(costs_of(record, budget)[-1]),
        finalist=record.finalist,
    )


def _by_models(by_strategy: Mapping[str, Sequence[Record]], sign: float) -> tuple[ByModels, ...]:
    """Compare every strategy with random search, or with the first one if random search is not among them."""
    shortest = min(len(record.rewards) for records in by_strategy.values() for record in records)
    step = min(MODELS, math.ceil(shortest / 10))
    numbers = range(step, shortest + 1, step)
    against = "random" if "random" in by_strategy else next(iter(by_strategy))
    found = []
    for top in TOPS:
        rows = {
            name: np.array([best_unique(each.rewards, each.scores, each.firsts, top, numbers) for each in records])
            for name, records in by_strategy.items()
        }
        for name in by_strategy:
            if name != against:
                curve = _curve(np.array(numbers, dtype=float), sign * rows[name], sign * rows[against])
                found.append(ByModels(name, against, top, curve))
    return tuple(found)


def _curve(x: Array, runs: Array, against: Array | None = None) -> Curve:
    """Return the mean of the runs, or its difference from that of `against`."""
    mean = runs.mean(axis=0)
    several = len(runs) > 1
    if against is not None:
        mean, several = mean - against.mean(axis=0), several and len(against) > 1
    low = high = np.full(len(x), math.nan)
    if several:
        low, high = interval(runs) if against is None else interval_of_difference(runs, against)
    return Curve(tuple(map(float, x)), _known(mean), _known(low), _known(high))


def _known(values: Array) -> tuple[float | None, ...]:
    """Replace NaN, which JSON lacks, by None."""
    return tuple(None if math.isnan(value) else float(value) for value in values)
