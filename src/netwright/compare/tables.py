"""The tables of a comparison and the notes below them, as text for a terminal and for the page."""

import math

from netwright.compare.comparison import Comparison
from netwright.compare.statistics import Spread

Rows = list[list[str]]
CAVEAT = (
    "an interval holds for one comparison whose number of seeds was fixed beforehand: adding seeds until a difference "
    "is significant, or selecting among many pairs, finds differences by chance in more than 5% of cases"
)


def strategies(comparison: Comparison) -> tuple[list[str], Rows]:
    """Return headers and rows: one row for each strategy."""
    summaries = comparison.summaries
    tested = all(each.test_accuracy for each in summaries)
    known = all(each.regret for each in summaries)
    headers = ["strategy", "runs", f"best {comparison.metric}"]
    headers += ["test accuracy"] if tested else []
    headers += ["regret", "optimum found"] if known else []
    laddered = all(each.after_ladder for each in summaries)
    tested_after = all(each.after_ladder and each.after_ladder.test_accuracy for each in summaries)
    headers += ["score after the ladder"] if laddered else []
    headers += ["test accuracy after it"] if tested_after else []
    rows = []
    for each in summaries:
        row = [each.strategy, str(len(each.runs)), value(each.best_score)]
        row += [value(each.test_accuracy)] if each.test_accuracy and tested else []
        if each.regret and each.found and known:
            row += [value(each.regret), share(each.found)]
        if each.after_ladder and laddered:
            row.append(value(each.after_ladder.score))
            row += [value(each.after_ladder.test_accuracy)] if each.after_ladder.test_accuracy and tested_after else []
        rows.append([*row, f"{each.num_trials:,.5g}", f"{each.num_distinct:,.5g}"])
    return [*headers, "trials", "distinct architectures"], rows


def pairs(comparison: Comparison) -> tuple[list[str], Rows]:
    """Return headers and rows: the probability that a run of the row's strategy beats one of the column's."""
    names = [each.strategy for each in comparison.summaries]
    rows = []
    for one in names:
        found = [comparison.better.get((one, other)) for other in names]
        rows.append([one, *(share(each) if each else "-" for each in found)])
    return ["better than", *names], rows


def notes(comparison: Comparison) -> list[str]:
    """Explain the tables: budget, seeds, intervals, caveats, columns, incomplete runs, treatment of the data."""
    plan = comparison.plan
    known = any(each.regret for each in comparison.summaries)
    found = [
        plan.budget.rule,
        f"seeds {plan.seeds[0]} to {plan.seeds[-1]}; mean ± standard deviation over runs; in brackets the 95% "
        "confidence interval, Student's for means, Wilson's for probabilities and shares",
    ]
    if any(each.best_score.deviation == 0 for each in comparison.summaries):
        found.append("there is no interval of a mean where all runs have the same result")
    if len(comparison.summaries) > 1:
        num_pairs = math.comb(len(comparison.summaries), 2)
        found.append(f"{CAVEAT} ({num_pairs} {'pair' if num_pairs == 1 else 'pairs'} here)")
    if len(comparison.num_seeds) > 1:
        numbers = ", then ".join(map(str, comparison.num_seeds))
        found.append(
            f"the number of seeds was raised after results had been shown: {numbers}; the intervals do not account for "
            "this. Repeat the comparison with other seeds: --set seed=N and another --out"
        )
    if known:
        found.append(
            "regret: the best possible reward minus the best found; optimum found: the share of runs with regret 0"
        )
    found += [
        f"{each.strategy}: the ladder cost {each.after_ladder.cost:,.0f} {_unit_of_ladder(comparison)} a run, which "
        "the budget does not include"
        for each in comparison.summaries
        if each.after_ladder and each.after_ladder.cost is not None
    ]
    found += [
        f"{each.strategy}: {each.num_unspent} of {len(each.runs)} runs ended before their budget, after "
        f"{plan.budget.max_proposals:,} proposals; --max-proposals allows more"
        for each in comparison.summaries
        if each.num_unspent
    ]
    found += [
        f"{each.strategy}: {num_redrawn:,} samples above the limits on costs were redrawn; they cost nothing and count "
        "as no trials"
        for each in comparison.summaries
        if (num_redrawn := sum(run.num_redrawn for run in each.runs))
    ]
    return found + [f"data: {note}" for note in comparison.data_notes]


def _unit_of_ladder(comparison: Comparison) -> str:
    unit = comparison.plan.budget.unit
    return "trainings" if unit == "trials" else unit


def value(spread: Spread) -> str:
    """Format as mean ± deviation [interval], leaving out what is unknown."""
    deviation = "" if spread.deviation is None else f" ± {spread.deviation:.2g}"
    return f"{spread.mean:.4g}{deviation}{_between(spread, '{:.4g}')}"


def share(spread: Spread) -> str:
    """Format as mean [interval] in percent."""
    return f"{spread.mean:.0%}{_between(spread, '{:.0%}')}"


def _between(spread: Spread, form: str) -> str:
    return "" if spread.low is None else f" [{form.format(spread.low)}, {form.format(spread.high)}]"
