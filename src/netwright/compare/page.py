"""A comparison as one self-contained HTML page."""

import json
from collections.abc import Iterable
from pathlib import Path

from netwright.compare import tables
from netwright.compare.comparison import ByModels, Comparison, Curve
from netwright.config import flattened
from netwright.files import write_whole
from netwright.report.charts import Figure, framed, short
from netwright.report.html import Charts, cell, definitions, document, table, words

FILE_NAME = "comparison.html"
COLOURS = ("blue", "accent", "green", "warn", "muted", "ramp-6", "ramp-2", "points")
STYLES = "td, td.number, th, th.number { max-width: 150px; white-space: normal; overflow-wrap: anywhere; }"
"""Names of strategies are as long as their settings; an interval may stand below its mean."""
BAND = "30"
"""The opacity of an interval, hexadecimal."""


def write_page(comparison: Comparison, folder: Path) -> Path:
    """Write FOLDER/comparison.html; returns it."""
    target = folder / FILE_NAME
    write_whole(target, page(comparison).encode())
    return target


def page(comparison: Comparison) -> str:
    """The whole document."""
    placed = Charts()
    name = comparison.plan.config.recipe.rpartition(":")[2]
    data = f" on {comparison.data}" if comparison.data else ""
    by_models = "".join(placed.place(_by_models(comparison, top)) for top in _tops(comparison.by_models))
    body = [
        f"<header><h1>{words(name)}</h1><p class=note>{words(f'Strategies side by side{data}')}</p></header>",
        _table(*tables.strategies(comparison)),
        *(f'<p class="note">{words(note)}</p>' for note in tables.notes(comparison)),
        "<h2>Best so far</h2>",
        *(
            f'<div class="charts">{placed.place(each)}</div>'
            for each in (_best_so_far(comparison), _distance(comparison))
        ),
        "<h2>How probably one run is better than another</h2>" if len(comparison.summaries) > 1 else "",
        _table(*tables.pairs(comparison)) if len(comparison.summaries) > 1 else "",
        "<h2>The best of so many models</h2>" if by_models else "",
        f'<div class="charts">{by_models}</div>',
        "<h2>Settings</h2>",
        *(_settings(comparison, each.strategy) for each in comparison.summaries),
    ]
    return document(f"{name}, strategies side by side - netwright", body, placed.figures, styles=STYLES)


def _table(headers: list[str], rows: tables.Rows) -> str:
    unbroken = [[text.replace(", ", ",\N{NO-BREAK SPACE}") for text in row] for row in rows]  # intervals
    cells = [[cell(words(text), number=index > 0) for index, text in enumerate(row)] for row in unbroken]
    return table([(name, index > 0) for index, name in enumerate(headers)], cells)


def _best_so_far(comparison: Comparison) -> Figure:
    reward, unit = comparison.plan.evaluation.reward, comparison.plan.budget.unit
    metric = reward.score_name.replace("_", " ")
    data = _lines(((each.strategy, each.curve) for each in comparison.summaries), comparison)
    note = "The mean over runs of the best score so far, and its 95% interval; it begins where every run has one."
    return framed(f"Best {metric} so far", data, note, f"{unit} spent", metric, height=380)


def _distance(comparison: Comparison) -> Figure | None:
    """How far the best so far is from the best there is, where that is known."""
    best, unit = comparison.best_score, comparison.plan.budget.unit
    if best is None:
        return None
    means = [abs(best - mean) for each in comparison.summaries for mean in each.curve.mean if mean is not None]
    floor = min((mean for mean in means if mean), default=1.0) / 10
    curves = [(each.strategy, distances(each.curve, best, floor)) for each in comparison.summaries]
    note = "The mean over runs of the distance to the best there is, and its 95% interval."
    figure = framed("What is missing", _lines(curves, comparison), note, f"{unit} spent", "distance", height=380)
    figure["layout"]["yaxis"]["type"] = "log"
    return figure


def distances(curve: Curve, best: float, floor: float) -> Curve:
    """A logarithmic axis has no place for 0: a line ends there, an interval that reaches it ends at `floor`."""
    mean = tuple(None if value is None or value == best else abs(best - value) for value in curve.mean)
    low, high = (
        tuple(None if value is None else max(abs(best - value), floor) for value in values)
        for values in (curve.low, curve.high)
    )
    return Curve(curve.x, mean, low, high)


def _tops(by_models: Iterable[ByModels]) -> list[int]:
    return sorted({each.top for each in by_models})


def _by_models(comparison: Comparison, top: int) -> Figure:
    """The paper's comparison with random search, of every strategy."""
    group = [each for each in comparison.by_models if each.top == top]
    against = group[0].against
    data = _lines(((each.strategy, each.curve) for each in group), comparison)
    what = "best model" if top == 1 else f"mean of the best {top} different models"
    note = f"Above 0 a strategy is better than {against} after as many models; mean over runs and its 95% interval."
    return framed(f"The {what}, less that of {against}", data, note, "models", "difference")


def _lines(curves: Iterable[tuple[str, Curve]], comparison: Comparison) -> list[Figure]:
    """A line with its band for each strategy, which has the same colour in all charts."""
    order = [each.strategy for each in comparison.summaries]
    data: list[Figure] = []
    for strategy, curve in curves:
        colour = f"var:{COLOURS[order.index(strategy) % len(COLOURS)]}"
        sure = [
            (x, low, high)
            for x, low, high in zip(curve.x, curve.low, curve.high, strict=True)
            if low is not None and high is not None
        ]
        if sure:
            band: Figure = {"mode": "lines", "line": {"width": 0}, "fill": "toself", "fillcolor": f"{colour}/{BAND}"}
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


def _settings(comparison: Comparison, strategy: str) -> str:
    settings = flattened(comparison.plan.configs[strategy].to_json())
    shown = definitions((name, f"<code>{words(json.dumps(value))}</code>") for name, value in settings)
    return f"<details><summary>{words(strategy)}</summary>{shown}</details>"
