"""The report's charts as Plotly figures, which the page's script draws.

Colours are CSS variables of the page, so that a chart follows it from light to dark: "var:NAME" stands for --NAME.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from netwright.architectures.values import JsonObject
from netwright.evaluation.rewards import curve_of
from netwright.report.numbers import Form
from netwright.report.statistics import (
    Series,
    best_by_cost,
    bins_of,
    busy,
    evenly,
    middles,
    quantile,
    records,
    running_median,
    search_seconds,
    shapes,
    trained_seconds,
    uniqueness,
)
from netwright.searching.quality import PERPLEXITY
from netwright.searching.results import NUM_RECENT, Results
from netwright.searching.store import Session
from netwright.trials import Trial, TrialState, Update

MAX_POINTS = 2000
"""Points of a chart; of more, evenly spaced ones are kept."""
RAMP = tuple(f"var:ramp-{index}" for index in range(8))
"""Colours of ordered options, from blue to orange."""
LINES = ("var:blue", "var:accent", "var:green", "var:muted")
NEW = "New architectures: samples that no earlier trial had."
SHAPES = (
    " Rectangular filters: height and width differ. Density of skip connections: the share of all pairs of layers in "
    "which the later layer reads the earlier one."
)
NUM_BEST_CURVES, MAX_CURVES = 5, 100
"""Curves of the best trials, and of others; of more, evenly spaced ones are kept."""
NUM_TIME_BINS = 40
LEAST_TRIALS, LEAST_BINS, LEAST_UPDATES, LEAST_CHILDREN, LEAST_EPOCHS = 2, 3, 3, 8, 2
"""Measured trials, bins of trials over time, updates, trained children and epochs from which a chart says something."""
LEAST_BUSY_SECONDS = 60.0
"""Duration of a search from which the utilisation of its workers says something beside their start-up."""
COSTS = {
    "num_parameters": ("parameters", "parameters"),
    "multiply_adds": ("multiply-adds", "multiply-adds for one image"),
}
"""The costs in a trial's metrics: what they are called in a title and on an axis."""
WIDE_RANGE, WIDE_PERPLEXITIES = 8.0, 3.0
"""The ratio of the largest to the smallest cost, and perplexity, from which their axis is logarithmic."""
SHARE_FORMAT = ".2~%"
"""Plotly's format of an accuracy on an axis: percent, without trailing zeros."""


@dataclass(frozen=True, eq=False)
class Figure:
    """A chart with its title and note; `data` (traces) and `layout` are Plotly's."""

    title: str
    note: str
    data: list[JsonObject]
    layout: JsonObject


def scores(results: Results) -> Figure | None:
    """Plot the score of every trial, its moving median and the best so far; None with fewer than two scores."""
    measured = [trial for trial in results.trials if trial.state is TrialState.DONE]
    if len(measured) < LEAST_TRIALS:
        return None
    quality = results.quality
    values = [results.shown(trial) for trial in measured]
    worst = (min if quality.higher_is_better else max)(values)  # where failures, which have no score, are shown
    failed = [trial for trial in results.counted if trial.state in (TrialState.FAILED, TrialState.REJECTED)]
    numbers = [trial.number for trial in measured]
    best = records(values if quality.higher_is_better else [-value for value in values])
    kept = sorted({*evenly(len(measured), MAX_POINTS), *best})
    shown = [measured[index] for index in kept]
    medians = running_median(values, NUM_RECENT)
    thinned = evenly(len(values), MAX_POINTS // 2)
    some = [failed[i] for i in evenly(len(failed), MAX_POINTS)]
    form = Form(quality)
    data: list[JsonObject] = [
        _points("measured", form, shown, [values[index] for index in kept], "points", "circle"),
        _points("failed (no score)", form, some, [worst] * len(some), "warn", "x"),
        {
            "name": f"median of the last {NUM_RECENT}" if len(measured) > NUM_RECENT else "median so far",
            "mode": "lines",
            "x": [numbers[index] for index in thinned],
            "y": [short(medians[index]) for index in thinned],
            "line": {"color": "var:accent", "width": 2.5},
        },
        {
            "name": "best so far (optimistic)",
            "mode": "lines",
            "x": [*(numbers[index] for index in best), numbers[-1]],
            "y": [short(values[index]) for index in (*best, best[-1])],
            "line": {"color": "var:blue", "width": 2, "shape": "hv"},
        },
    ]
    note = (
        f"The best {quality.short_name} so far is optimistic, since it is the best of many noisy measurements; the "
        "median shows what the strategy has learned."
    )
    if len(shown) < len(measured):
        note += f" {len(shown):,} of {len(measured):,} trials are shown as points; both lines include all."
    title = f"{quality.name.capitalize()} per trial"
    figure = framed(title, [each for each in data if each["x"]], note, "trial", quality.name, height=380)
    figure.layout["yaxis"] |= _score_axis(form, values)
    return figure


def curves(results: Results) -> Figure | None:
    """Plot scores over the epochs of a training: the best, others, and those that were stopped.

    None with fewer than two curves, or if all have one epoch.
    """
    found = {
        trial.number: curve
        for trial in results.trials
        if trial.state.measured and trial.reused_from is None and (curve := curve_of(results.score_name, trial.metrics))
    }
    if len(found) < LEAST_TRIALS or max(map(len, found.values())) < LEAST_EPOCHS:
        return None
    best = [trial.number for trial in results.top(NUM_BEST_CURVES) if trial.number in found]
    numbers = [number for number in found if number not in best]
    others = [numbers[index] for index in evenly(len(numbers), MAX_CURVES)]
    is_stopped = {trial.number: trial.state is TrialState.STOPPED for trial in results.trials}
    name, colour = ("trained to the end", "blue") if any(is_stopped.values()) else ("others", "points")
    groups = {
        "stopped": ([number for number in others if is_stopped[number]], "muted", 1.2),
        name: ([number for number in others if not is_stopped[number]], colour, 1.2),
        f"the best {len(best)}" if len(best) > 1 else "the best": (best, "accent", 2.2),
    }
    quality = results.quality
    data = [
        _lines(name, {number: [quality(value) for value in found[number]] for number in group}, colour, width)
        for name, (group, colour, width) in groups.items()
        if group
    ]
    note = "" if len(others) == len(numbers) else f"{len(others) + len(best)} of {len(found):,} trainings are shown."
    if any(is_stopped.values()):
        note = f"A training is stopped where it is worse than earlier ones were after as many epochs. {note}".strip()
    figure = framed(f"{quality.short_name.capitalize()} while training", data, note, "epoch", quality.name, height=380)
    figure.layout["yaxis"] |= _score_axis(
        Form(quality), [quality(value) for curve in found.values() for value in curve]
    )
    return figure


def _lines(name: str, curves: Mapping[int, Sequence[float]], colour: str, width: float) -> JsonObject:
    """Return the curves of several trials as one trace; each ends with a gap, and begins at epoch 1."""
    return {
        "name": name,
        "mode": "lines+markers",
        "x": [epoch for curve in curves.values() for epoch in (*range(1, len(curve) + 1), None)],
        "y": [value for curve in curves.values() for value in (*map(short, curve), None)],
        "customdata": [number for number, curve in curves.items() for _ in range(len(curve) + 1)],
        "hovertemplate": "trial %{customdata}, epoch %{x}: %{y}<extra></extra>",
        "line": {"color": f"var:{colour}", "width": width},
        "marker": {"color": f"var:{colour}", "size": 3},
    }


def _points(
    name: str, form: Form, trials: Sequence[Trial], values: Sequence[float], colour: str, symbol: str
) -> JsonObject:
    return {
        "name": name,
        "mode": "markers",
        "x": [trial.number for trial in trials],
        "y": [short(value) for value in values],
        "text": [
            str(trial.state) if trial.state is not TrialState.DONE else form(value, 2)
            for trial, value in zip(trials, values, strict=True)
        ],
        "hovertemplate": "trial %{x}: %{text}<extra></extra>",
        "marker": {"color": f"var:{colour}", "size": 6, "symbol": symbol},
    }


def _score_axis(form: Form, values: Sequence[float]) -> JsonObject:
    """Return what Plotly needs to know of an axis of scores: percent, and a logarithm for perplexities far apart."""
    if form.in_percent:
        return {"tickformat": SHARE_FORMAT}
    return _logarithmic(values, WIDE_PERPLEXITIES) if form.quality.score_name == PERPLEXITY else {}


def _logarithmic(values: Sequence[float], widest: float) -> JsonObject:
    """Return a logarithmic axis with the ticks 1, 2, 5, 10, ... if the ratio of `values` exceeds `widest`."""
    if min(values) <= 0 or max(values) <= widest * min(values):
        return {}
    powers = range(math.floor(math.log10(min(values))), math.ceil(math.log10(max(values))) + 1)
    return {"type": "log", "tickvals": [digit * 10**power for power in powers for digit in (1, 2, 5)]}


def costs(results: Results) -> list[Figure]:
    """Plot the scores of different architectures against their costs: a chart for each cost that differs."""
    figures = []
    ranking, quality, form = results.ranking(), results.quality, Form(results.quality)
    for metric, (name, axis) in COSTS.items():
        counted = [trial for trial in ranking if trial.metrics.get(metric)]
        if len({trial.metrics[metric] for trial in counted}) < LEAST_TRIALS:
            continue
        amounts = [trial.metrics[metric] for trial in counted]
        values = [results.shown(trial) for trial in counted]
        front = best_by_cost(amounts, values if quality.higher_is_better else [-value for value in values])
        kept = sorted({*evenly(len(counted), MAX_POINTS), *front})
        points = _points("measured", form, [counted[i] for i in kept], [values[i] for i in kept], "points", "circle")
        points |= {
            "x": [amounts[index] for index in kept],
            "customdata": [counted[index].number for index in kept],
            "hovertemplate": f"trial %{{customdata}}: %{{text}}, %{{x:,}} {name}<extra></extra>",
        }
        best: JsonObject = {
            "name": "best trade-off",
            "mode": "lines+markers",
            "x": [amounts[index] for index in front],
            "y": [short(values[index]) for index in front],
            "hoverinfo": "skip",
            "line": {"color": "var:blue", "width": 2, "shape": "hv"},
            "marker": {"color": "var:blue", "size": 7},
        }
        figure = framed(f"{quality.short_name.capitalize()} against {name}", [points, best], "", axis, quality.name)
        figure.layout["yaxis"] |= _score_axis(form, values)
        figure.layout["xaxis"] |= {"tickformat": "~s", **_logarithmic(amounts, WIDE_RANGE)}
        figures.append(figure)
    return figures


def preference(series: Series) -> Figure | None:
    """Plot how often each option of a decision was sampled: stacked for a choice, as lines for a subset.

    None with too few trials, and for a decision with a single option.
    """
    count = len(series.shares)
    if len(series.numbers) < LEAST_BINS or (series.stacked and count == 1):
        return None
    data = []
    for index, (label, shares) in enumerate(series.shares.items()):
        colour = RAMP[round(index * (len(RAMP) - 1) / max(1, count - 1))]
        filled = {"stackgroup": "one", "fillcolor": colour, "line": {"width": 0.5, "color": colour}}
        line = {"line": {"width": 2, "color": LINES[index % len(LINES)]}}
        data.append(_shares(label, series.numbers, shares) | (filled if series.stacked else line))
    return framed(series.name, data, "", "trial", "frequency", share=True, hover="x unified")


def _shares(name: str, numbers: Sequence[float], shares: Sequence[float | None]) -> JsonObject:
    """A line of shares over the trials."""
    y = [short(share) for share in shares]
    return {"name": name, "mode": "lines", "x": numbers, "y": y, "hovertemplate": "%{y:.1%}"}


def learning(updates: Sequence[Update], batch_size: int) -> list[Figure]:
    """Plot the training of the strategy, one chart for each kind of number that it reports."""
    groups = {
        "Policy entropy": ["entropy"],
        "Mean reward of a batch and baseline": ["mean_reward", "baseline"],
        "Gradient norm": ["gradient_norm"],
    }
    colours = {"mean_reward": "points", "baseline": "accent"}
    figures = []
    for title, names in groups.items():
        data: list[JsonObject] = []
        for name in names:
            points = [(update.round, update.metrics[name]) for update in updates if name in update.metrics]
            kept = [points[index] for index in evenly(len(points), MAX_POINTS // 2)]
            if len(kept) >= LEAST_UPDATES:
                data.append(
                    {
                        "name": name.replace("_", " "),
                        "mode": "lines",
                        "x": [(round_number + 1) * batch_size for round_number, _ in kept],
                        "y": [short(value) for _, value in kept],
                        "line": {"color": f"var:{colours.get(name, 'blue')}", "width": 1.8},
                    }
                )
        if any(len(set(each["y"])) > 1 for each in data):
            unit = "nats per architecture" if names == ["entropy"] else ""
            figures.append(framed(title, data, "", "trials learned from", unit, legend=len(data) > 1))
    return figures


def diversity(results: Results) -> Figure | None:
    """Plot the share of new architectures and, of ConvNets, rectangular filters and skip connections.

    None with too few trials, or if nothing changes.
    """
    numbers = middles(bins_of(len(results.trials)))
    if len(numbers) < LEAST_BINS:
        return None
    shares = {"new architectures": uniqueness(results.trials)}
    convnets = shapes([trial.proposal.architecture for trial in results.trials])
    shares |= convnets or {}
    if all(len(set(values)) == 1 for values in shares.values()):
        return None
    data = [
        _shares(name, numbers, values) | {"line": {"color": f"var:{colour}", "width": 2.2}}
        for (name, values), colour in zip(shares.items(), ("muted", "blue", "accent"), strict=False)
    ]
    note = NEW + (SHAPES if convnets else "")
    return framed("Sample diversity", data, note, "trial", "share", share=True, hover="x unified")


def times(results: Results) -> Figure | None:
    """Plot a histogram of the training times of children; None for too few, and where nothing was trained."""
    seconds = trained_seconds(results.trials)
    if len(seconds) < LEAST_CHILDREN or results.config["evaluate"]["kind"] == "table":
        return None
    # The slowest percent would squeeze all others into the first bar.
    low, high = min(seconds), quantile(seconds, 0.99)
    num_bins = min(NUM_TIME_BINS, round(2 * math.sqrt(len(seconds))))
    width = (high - low) / num_bins or 1.0
    counts = [0] * (num_bins + 1)
    for value in seconds:
        counts[min(num_bins, int((value - low) / width))] += 1
    data: JsonObject = {
        "type": "bar",
        "name": "trainings",
        "x": [short(low + (index + 0.5) * width) for index in range(len(counts))],
        "y": counts,
        "marker": {"color": "var:blue"},
        "hovertemplate": "about %{x} s: %{y}<extra></extra>",
    }
    half, most, longest = (
        f"{value:.3g} s" for value in (quantile(seconds, 0.5), quantile(seconds, 0.95), max(seconds))
    )
    note = f"{len(seconds):,} trainings: median {half}, 95th percentile {most}, maximum {longest}."
    if len(seconds) > 100:
        note += " The last bar holds the slowest percent."
    figure = framed("Training time per network", [data], note, "seconds", "trainings", legend=False)
    figure.layout["bargap"] = 0.08
    return figure


def utilisation(sessions: Sequence[Session]) -> Figure | None:
    """Plot the share of busy workers over time; None for a short search and if no times are known."""
    found = busy(sessions)
    if found is None or (search_seconds(sessions) or 0.0) < LEAST_BUSY_SECONDS:
        return None
    unit, size = ("minutes", 60.0) if found.seconds[-1] < 2 * 3600 else ("hours", 3600.0)
    data: JsonObject = {
        "name": "busy",
        "mode": "lines",
        "x": [short(seconds / size) for seconds in found.seconds],
        "y": [short(share) for share in found.shares],
        "hovertemplate": f"after %{{x}} {unit}: %{{y:.0%}}<extra></extra>",
        "line": {"color": "var:blue", "width": 1.8, "shape": "hvh"},
        "fill": "tozeroy",
    }
    workers = sorted({session.workers for session in sessions})
    counted = "1 worker" if workers == [1] else f"{' or '.join(map(str, workers))} workers"
    note = f"{counted}, busy {found.share:.1%} of the time, including their start-up."
    if found.num_pauses:
        note += f" The pauses between sessions ({found.num_pauses}) are cut out."
    return framed("Worker utilisation", [data], note, unit, "busy workers", share=True, legend=False)


def framed(
    title: str,
    data: list[JsonObject],
    note: str,
    x: str,
    y: str,
    *,
    height: int = 270,
    share: bool = False,
    legend: bool = True,
    hover: str = "closest",
) -> Figure:
    """Return a chart of the traces `data` with axes titled `x` and `y`.

    Args:
        title: Shown above the chart.
        data: Plotly's traces.
        note: Shown below the chart; may be empty.
        x: Title of the horizontal axis.
        y: Title of the vertical axis.
        height: In pixels.
        share: Whether y runs from 0% to 100%.
        legend: Whether the traces are named.
        hover: Plotly's `hovermode`.
    """
    y_axis: JsonObject = {"title": {"text": y, "standoff": 10}, "automargin": True}
    if share:
        y_axis |= {"range": [0, 1], "tickformat": ".0%"}
    layout = {
        "height": height,
        "margin": {"l": 56, "r": 14, "t": 8, "b": 40},
        "xaxis": {"title": {"text": x}, "automargin": True},
        "yaxis": y_axis,
        "showlegend": legend,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        "hovermode": hover,
    }
    return Figure(title, note, data, layout)


def short(value: float | None) -> float | None:
    """Round to five significant digits, which is enough for any screen and halves the page's size."""
    return None if value is None else float(f"{value:.5g}")
