"""A comparison as one self-contained HTML page."""

import json
from collections.abc import Iterable
from pathlib import Path

from netwright.architectures.values import JsonObject
from netwright.compare import tables
from netwright.compare.comparison import Comparison, Curve
from netwright.compare.runs import PAGE
from netwright.config import flattened
from netwright.files import utf8, write_whole
from netwright.report.charts import Figure, framed, short
from netwright.report.html import render

COLOURS = ("blue", "accent", "green", "warn", "muted", "ramp-6", "ramp-2", "points")
STYLES = "td, td.number, th, th.number { max-width: 150px; white-space: normal; overflow-wrap: anywhere; }"
"""A strategy's name is as long as its settings, and an interval may stand below its mean."""
BAND = "30"
"""The opacity of an interval, hexadecimal."""


def write_page(comparison: Comparison, folder: Path) -> Path:
    """Write FOLDER/comparison.html and return its path."""
    target = folder / PAGE
    write_whole(target, utf8(page(comparison)))
    return target


def page(comparison: Comparison) -> str:
    """Render the comparison as one HTML document."""
    best = [_best_so_far(comparison), *_regret(comparison)]
    by_models = [_by_models(comparison, top) for top in sorted({each.top for each in comparison.by_models})]
    return render(
        "compare/comparison.html.jinja",
        [*best, *by_models],
        styles=STYLES,
        name=comparison.plan.config.recipe.rpartition(":")[2],
        data=comparison.data,
        strategies=tables.strategies(comparison),
        notes=tables.notes(comparison),
        best=best,
        pairs=tables.pairs(comparison) if len(comparison.summaries) > 1 else None,
        by_models=by_models,
        settings={
            each.strategy: {
                name: json.dumps(value) for name, value in flattened(comparison.plan.configs[each.strategy].to_json())
            }
            for each in comparison.summaries
        },
    )


def _best_so_far(comparison: Comparison) -> Figure:
    metric, unit = comparison.metric, comparison.plan.budget.unit
    data = _lines(((each.strategy, each.curve) for each in comparison.summaries), comparison)
    note = "Mean over runs with its 95% interval; it begins where every run has a score."
    return framed(f"Best {metric} so far", data, note, f"{unit} spent", metric, height=380)


def _regret(comparison: Comparison) -> list[Figure]:
    """Plot the difference between the best score there is and the best so far; empty if the former is unknown."""
    best, unit = comparison.best_score, comparison.plan.budget.unit
    if best is None:
        return []
    means = [abs(best - mean) for each in comparison.summaries for mean in each.curve.mean if mean is not None]
    floor = min((mean for mean in means if mean), default=1.0) / 10
    curves = [(each.strategy, regrets(each.curve, best, floor)) for each in comparison.summaries]
    note = f"The difference between the best {comparison.metric} there is and the best so far"
    note += "; mean over runs with its 95% interval."
    figure = framed("Regret", _lines(curves, comparison), note, f"{unit} spent", "regret", height=380)
    figure.layout["yaxis"]["type"] = "log"
    return [figure]


def regrets(curve: Curve, best: float, floor: float) -> Curve:
    """Return the distances of a curve to `best`, for a logarithmic axis.

    Such an axis has no place for 0: a line ends there, and an interval that reaches or passes 0 ends at `floor`.
    """
    below = any(value < best for value in curve.mean if value is not None)
    mean = tuple(None if value is None or value == best else abs(best - value) for value in curve.mean)
    low, high = (
        tuple(None if value is None else max(best - value if below else value - best, floor) for value in values)
        for values in (curve.low, curve.high)
    )
    return Curve(curve.x, mean, low, high)


def _by_models(comparison: Comparison, top: int) -> Figure:
    """Plot the paper's comparison with random search, for every strategy."""
    group = [each for each in comparison.by_models if each.top == top]
    against = group[0].against
    data = _lines(((each.strategy, each.curve) for each in group), comparison)
    what = "Best model" if top == 1 else f"Mean of the top {top} distinct models"
    note = f"Above 0 a strategy is better than {against} after as many models; mean over runs with its 95% interval."
    return framed(f"{what}: improvement over {against}", data, note, "models", "improvement")


def _lines(curves: Iterable[tuple[str, Curve]], comparison: Comparison) -> list[JsonObject]:
    """Return a line and its band for each strategy, which has the same colour in all charts."""
    order = [each.strategy for each in comparison.summaries]
    data: list[JsonObject] = []
    for strategy, curve in curves:
        colour = f"var:{COLOURS[order.index(strategy) % len(COLOURS)]}"
        sure = [
            (x, low, high)
            for x, low, high in zip(curve.x, curve.low, curve.high, strict=True)
            if low is not None and high is not None
        ]
        if sure:
            band: JsonObject = {
                "mode": "lines",
                "line": {"width": 0},
                "fill": "toself",
                "fillcolor": f"{colour}/{BAND}",
            }
            x, low, high = (list(map(short, values)) for values in zip(*sure, strict=True))
            band |= {"x": x + x[::-1], "y": high + low[::-1], "hoverinfo": "skip", "showlegend": False}
            data.append({"legendgroup": strategy, **band})
        data.append(
            {
                "name": strategy,
                "legendgroup": strategy,
                "mode": "lines",
                "x": list(map(short, curve.x)),
                "y": list(map(short, curve.mean)),
                "line": {"color": colour, "width": 2},
            }
        )
    return data
