"""The report's charts as Plotly figures, which the page's script draws.

Colours are CSS variables of the page, so that a chart follows it from light to dark: "var:NAME" stands for --NAME.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from netwright.architectures.values import JsonObject
from netwright.report.statistics import (
    Series,
    bins_of,
    busy,
    evenly,
    middles,
    quantile,
    records,
    running_median,
    shapes,
    trained_seconds,
    uniqueness,
)
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
NUM_TIME_BINS = 40


@dataclass(frozen=True, eq=False)
class Figure:
    """A chart with its title and note; `data` (traces) and `layout` are Plotly's."""

    title: str
    note: str
    data: list[JsonObject]
    layout: JsonObject


def scores(results: Results) -> Figure | None:
    """Plot the score of every trial, its moving median and the best so far; None before the first measured trial."""
    measured = [trial for trial in results.trials if trial.state is TrialState.DONE]
    if not measured:
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
    data: list[JsonObject] = [
        _points("measured", shown, [values[index] for index in kept], "points", "circle"),
        _points(
            "failed", (some := [failed[i] for i in evenly(len(failed), MAX_POINTS)]), [worst] * len(some), "warn", "x"
        ),
        {
            "name": f"median of the last {NUM_RECENT}",
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
    return framed(title, [each for each in data if each["x"]], note, "trial", quality.name, height=380)


def _points(name: str, trials: Sequence[Trial], values: Sequence[float], colour: str, symbol: str) -> JsonObject:
    return {
        "name": name,
        "mode": "markers",
        "x": [trial.number for trial in trials],
        "y": [short(value) for value in values],
        "text": [str(trial.state) for trial in trials],
        "hovertemplate": "trial %{x}<br>%{text} %{y}<extra></extra>",
        "marker": {"color": f"var:{colour}", "size": 5, "symbol": symbol},
    }


def preference(series: Series) -> Figure:
    """Plot how often each option of a decision was sampled: stacked for a choice, as lines for a subset."""
    count = len(series.shares)
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
            if kept:
                data.append(
                    {
                        "name": name.replace("_", " "),
                        "mode": "lines",
                        "x": [(round_number + 1) * batch_size for round_number, _ in kept],
                        "y": [short(value) for _, value in kept],
                        "line": {"color": f"var:{colours.get(name, 'blue')}", "width": 1.8},
                    }
                )
        if data:
            unit = "nats per architecture" if names == ["entropy"] else ""
            figures.append(framed(title, data, "", "trials learned from", unit, legend=len(data) > 1))
    return figures


def diversity(results: Results) -> Figure | None:
    """Plot the share of new architectures and, of ConvNets, rectangular filters and skip connections."""
    if not results.trials:
        return None
    shares = {"new architectures": uniqueness(results.trials)}
    convnets = shapes([trial.proposal.architecture for trial in results.trials])
    shares |= convnets or {}
    numbers = middles(bins_of(len(results.trials)))
    data = [
        _shares(name, numbers, values) | {"line": {"color": f"var:{colour}", "width": 2.2}}
        for (name, values), colour in zip(shares.items(), ("muted", "blue", "accent"), strict=False)
    ]
    note = NEW + (SHAPES if convnets else "")
    return framed("Sample diversity", data, note, "trial", "share", share=True, hover="x unified")


def times(results: Results) -> Figure | None:
    """Plot a histogram of the training times of children; None if none was trained."""
    seconds = trained_seconds(results.trials)
    if not seconds:
        return None
    # The slowest percent would squeeze all others into the first bar.
    low, high = min(seconds), quantile(seconds, 0.99)
    width = (high - low) / NUM_TIME_BINS or 1.0
    counts = [0] * (NUM_TIME_BINS + 1)
    for value in seconds:
        counts[min(NUM_TIME_BINS, int((value - low) / width))] += 1
    data: JsonObject = {
        "type": "bar",
        "name": "children",
        "x": [short(low + (index + 0.5) * width) for index in range(len(counts))],
        "y": counts,
        "marker": {"color": "var:blue"},
        "hovertemplate": "about %{x} s: %{y}<extra></extra>",
    }
    half, most, longest = (
        f"{value:.3g} s" for value in (quantile(seconds, 0.5), quantile(seconds, 0.95), max(seconds))
    )
    note = f"{len(seconds):,} children: median {half}, 95th percentile {most}, maximum {longest}."
    note += " The last bar holds the slowest percent."
    figure = framed("Training time per child", [data], note, "seconds", "children", legend=False)
    figure.layout["bargap"] = 0.08
    return figure


def utilisation(sessions: Sequence[Session]) -> Figure | None:
    """Plot the share of busy workers over time; None if no times are known."""
    found = busy(sessions)
    if found is None:
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
    y_axis: JsonObject = {"title": {"text": y}, "automargin": True}
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
