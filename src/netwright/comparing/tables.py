"""The tables of a comparison and what stands below them, as text for a terminal and for the page."""

from netwright.comparing.comparison import Comparison
from netwright.comparing.statistics import Spread

Rows = list[list[str]]


def strategies(comparison: Comparison) -> tuple[list[str], Rows]:
    """Headers and rows: a strategy on each."""
    metric = comparison.plan.evaluation.reward.score_name.replace("_", " ")
    summaries = comparison.summaries
    tested = all(each.test_accuracy for each in summaries)
    known = all(each.regret for each in summaries)
    headers = ["strategy", "runs", f"best {metric}", "95% interval"]
    headers += ["its test accuracy"] if tested else []
    headers += ["regret", "95% interval", "best found", "95% interval"] if known else []
    rows = []
    for each in summaries:
        row = [each.strategy, str(len(each.runs)), value(each.best_score), between(each.best_score)]
        row += [value(each.test_accuracy)] if each.test_accuracy and tested else []
        if each.regret and each.found and known:
            row += [value(each.regret), between(each.regret), f"{each.found.mean:.0%}", between(each.found, "{:.0%}")]
        rows.append([*row, f"{each.num_trials:,.5g}", f"{each.num_distinct:,.5g}"])
    return [*headers, "trials", "distinct"], rows


def pairs(comparison: Comparison) -> tuple[list[str], Rows]:
    """Headers and rows: how probably a run of the row's strategy is better than one of the column's."""
    names = [each.strategy for each in comparison.summaries]
    rows = []
    for one in names:
        found = [comparison.better.get((one, other)) for other in names]
        cells = [f"{each.mean:.0%} {between(each, '{:.0%}')}".strip() if each else "-" for each in found]
        rows.append([one, *cells])
    return ["better than", *names], rows


def notes(comparison: Comparison) -> list[str]:
    """How to read the tables."""
    plan = comparison.plan
    known = any(each.regret for each in comparison.summaries)
    found = [
        plan.budget.rule,
        f"seeds {plan.seeds[0]} to {plan.seeds[-1]}; mean ± standard deviation over runs, and the bootstrapped "
        "interval of the mean",
    ]
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
    """Mean ± deviation."""
    return f"{spread.mean:.4g}" + ("" if spread.deviation is None else f" ± {spread.deviation:.2g}")


def between(spread: Spread, form: str = "{:.4g}") -> str:
    """The interval, if there is one."""
    return "" if spread.low is None else f"[{form.format(spread.low)}, {form.format(spread.high)}]"
