"""The tables of a comparison and what stands below them, as text for a terminal and for the page."""

from netwright.compare.comparison import Comparison
from netwright.compare.statistics import Spread

Rows = list[list[str]]
ENOUGH_RUNS = 10
"""From here on a bootstrapped interval of the mean holds the true one in about 90% of cases and more."""


def strategies(comparison: Comparison) -> tuple[list[str], Rows]:
    """Headers and rows: a strategy on each."""
    metric = comparison.plan.evaluation.reward.score_name.replace("_", " ")
    summaries = comparison.summaries
    tested = all(each.test_accuracy for each in summaries)
    known = all(each.regret for each in summaries)
    headers = ["strategy", "runs", f"best {metric}"]
    headers += ["its test accuracy"] if tested else []
    headers += ["regret", "best found"] if known else []
    rows = []
    for each in summaries:
        row = [each.strategy, str(len(each.runs)), value(each.best_score)]
        row += [value(each.test_accuracy)] if each.test_accuracy and tested else []
        if each.regret and each.found and known:
            row += [value(each.regret), share(each.found)]
        rows.append([*row, f"{each.num_trials:,.5g}", f"{each.num_distinct:,.5g}"])
    return [*headers, "trials", "distinct"], rows


def pairs(comparison: Comparison) -> tuple[list[str], Rows]:
    """Headers and rows: how probably a run of the row's strategy is better than one of the column's."""
    names = [each.strategy for each in comparison.summaries]
    rows = []
    for one in names:
        found = [comparison.better.get((one, other)) for other in names]
        rows.append([one, *(share(each) if each else "-" for each in found)])
    return ["better than", *names], rows


def notes(comparison: Comparison) -> list[str]:
    """How to read the tables."""
    plan = comparison.plan
    known = any(each.regret for each in comparison.summaries)
    found = [
        plan.budget.rule,
        f"seeds {plan.seeds[0]} to {plan.seeds[-1]}; mean ± standard deviation over runs, in brackets the 95% interval "
        "of the mean, bootstrapped, or of a share",
    ]
    if any(1 < len(each.runs) < ENOUGH_RUNS for each in comparison.summaries):
        found.append(
            f"intervals of fewer than {ENOUGH_RUNS} runs are too narrow: one bootstrapped from 5 holds the true "
            "mean in about 84% of cases, and 100% in the second table is no certainty; more --num-seeds join these"
        )
    if known:
        found.append(
            "regret: the best reward that there is, less the best found; best found: the share of runs with regret 0"
        )
    found += [
        f"{each.strategy}: {each.num_unspent} of {len(each.runs)} runs ended before their budget, after "
        f"{plan.budget.max_proposals:,} proposals; --max-proposals allows more"
        for each in comparison.summaries
        if each.num_unspent
    ]
    return found + [f"data: {note}" for note in comparison.data_notes]


def value(spread: Spread) -> str:
    """Mean ± deviation [interval], as far as they are known."""
    deviation = "" if spread.deviation is None else f" ± {spread.deviation:.2g}"
    return f"{spread.mean:.4g}{deviation}{_between(spread, '{:.4g}')}"


def share(spread: Spread) -> str:
    """Mean [interval] in percent."""
    return f"{spread.mean:.0%}{_between(spread, '{:.0%}')}"


def _between(spread: Spread, form: str) -> str:
    return "" if spread.low is None else f" [{form.format(spread.low)}, {form.format(spread.high)}]"
