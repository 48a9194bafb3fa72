"""The charts as plotly figures: plain dictionaries, which the page's script draws. Colours are names of the page's.

A figure holds {"data", "layout", "title", "note"}; "var:NAME" stands for the CSS variable --NAME, so that a chart
follows the page from light to dark.
"""

from collections.abc import Sequence
from typing import Any

from netwright.report.statistics import (
    Series,
    bins_of,
    busy,
    evenly,
    middles,
    quantile,
    records,
    running_mean,
    shapes,
    trained_seconds,
    uniqueness,
)
from netwright.searching.results import NUM_RECENT, Results
from netwright.searching.store import Session
from netwright.trials import Trial, TrialState, Update

Figure = dict[str, Any]
MAX_POINTS = 2000
"""Points of a chart; more of them are thinned out, evenly."""
RAMP = tuple(f"var:ramp-{index}" for index in range(8))
"""For options in their order, from blue to orange."""
LINES = ("var:blue", "var:accent", "var:green", "var:muted")
NEW = "New: samples whose architecture had not been drawn before."
SHAPES = (
    " Rectangular: filters that are not as high as wide. Density: pairs of layers of which the later one reads the "
    "earlier one."
)
NUM_TIME_BINS = 40


def rewards(results: Results) -> Figure | None:
    """The reward of every trial, the running mean and the best so far."""
    rewarded = [trial for trial in results.trials if trial.reward is not None and trial.state.finished]
    if not rewarded:
        return None
    values = [trial.reward or 0.0 for trial in rewarded]
    numbers = [trial.number for trial in rewarded]
    best = records(values)
    kept = sorted({*evenly(len(rewarded), MAX_POINTS), *best})
    shown = [rewarded[index] for index in kept]
    means = running_mean(values, NUM_RECENT)
    thinned = evenly(len(values), MAX_POINTS // 2)
    data = [
        _points("measured", [trial for trial in shown if trial.state is TrialState.DONE], results, "points", "circle"),
        _points("failed", [trial for trial in shown if trial.state is not TrialState.DONE], results, "warn", "x"),
        {
            "name": f"mean of the last {NUM_RECENT}",
            "mode": "lines",
            "x": [numbers[index] for index in thinned],
            "y": [short(means[index]) for index in thinned],
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
    note = "Best so far is the luckiest of many noisy trainings; the mean shows what the controller has learned."
    if len(shown) < len(rewarded):
        note += f" {len(shown):,} of {len(rewarded):,} trials are drawn as points; both lines are of all."
    return framed("Reward of every trial", [each for each in data if each["x"]], note, "trial", "reward", height=380)


def _points(name: str, trials: Sequence[Trial], results: Results, colour: str, symbol: str) -> Figure:
    metric = results.score_name
    return {
        "name": name,
        "mode": "markers",
        "x": [trial.number for trial in trials],
        "y": [short(trial.reward) for trial in trials],
        "text": [f"{metric} {trial.metrics[metric]:.4f}" if metric in trial.metrics else "" for trial in trials],
        "hovertemplate": "trial %{x}<br>reward %{y}<br>%{text}<extra></extra>",
        "marker": {"color": f"var:{colour}", "size": 5, "symbol": symbol},
    }


def preference(series: Series) -> Figure:
    """How often each option of one decision was chosen: stacked where exactly one is, lines where any may be."""
    count = len(series.shares)
    data = []
    for index, (label, shares) in enumerate(series.shares.items()):
        colour = RAMP[round(index * (len(RAMP) - 1) / max(1, count - 1))]
        filled = {"stackgroup": "one", "fillcolor": colour, "line": {"width": 0.5, "color": colour}}
        line = {"line": {"width": 2, "color": LINES[index % len(LINES)]}}
        data.append(
            {
                "name": label,
                "mode": "lines",
                "x": series.numbers,
                "y": [None if share is None else short(share) for share in shares],
                "hovertemplate": "%{y:.1%}",
                **(filled if series.stacked else line),
            }
        )
    figure = framed(series.name, data, "", "trial", "share", share=True)
    figure["layout"]["hovermode"] = "x unified"
    return figure


def learning(updates: Sequence[Update], batch_size: int) -> list[Figure]:
    """What the strategy says of its learning, one chart for each number; nothing for one that does not learn."""
    groups = {
        "Entropy of the controller": ["entropy"],
        "Baseline and mean reward of a batch": ["mean_reward", "baseline"],
        "Norm of the gradient": ["gradient_norm"],
    }
    colours = {"mean_reward": "points", "baseline": "accent"}
    figures = []
    for title, names in groups.items():
        data = []
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
            figures.append(framed(title, data, "", "trials learned", unit, legend=len(data) > 1))
    return figures


def diversity(results: Results) -> Figure | None:
    """Shares over time: unique samples and, of ConvNets, rectangular filters and density of skip connections."""
    if not results.trials:
        return None
    shares = {"new architectures": uniqueness(results.trials)}
    convnets = shapes([trial.proposal.architecture for trial in results.trials])
    shares |= convnets or {}
    numbers = middles(bins_of(len(results.trials)))
    data = [
        {
            "name": name,
            "mode": "lines",
            "x": numbers,
            "y": [None if value is None else short(value) for value in values],
            "hovertemplate": "%{y:.1%}",
            "line": {"color": f"var:{colour}", "width": 2.2},
        }
        for (name, values), colour in zip(shares.items(), ("muted", "blue", "accent"), strict=False)
    ]
    figure = framed("What is drawn", data, NEW + (SHAPES if convnets else ""), "trial", "share", share=True)
    figure["layout"]["hovermode"] = "x unified"
    return figure


def times(results: Results) -> Figure | None:
    """How long the training of a child took."""
    seconds = trained_seconds(results.trials)
    if not seconds:
        return None
    # The slowest percent would squeeze all others into the first bar.
    low, high = min(seconds), quantile(seconds, 0.99)
    width = (high - low) / NUM_TIME_BINS or 1.0
    counts = [0] * (NUM_TIME_BINS + 1)
    for value in seconds:
        counts[min(NUM_TIME_BINS, int((value - low) / width))] += 1
    data = [
        {
            "type": "bar",
            "name": "children",
            "x": [short(low + (index + 0.5) * width) for index in range(len(counts))],
            "y": counts,
            "marker": {"color": "var:blue"},
            "hovertemplate": "about %{x} s: %{y}<extra></extra>",
        }
    ]
    half, most, longest = (
        f"{value:.3g} s" for value in (quantile(seconds, 0.5), quantile(seconds, 0.95), max(seconds))
    )
    note = f"{len(seconds):,} trained: half within {half}, 95% within {most}, the longest {longest}."
    note += " The last bar is the slowest percent."
    figure = framed("Time per child", data, note, "seconds", "children", legend=False)
    figure["layout"]["bargap"] = 0.08
    return figure


def workers_busy(sessions: Sequence[Session]) -> Figure | None:
    """How many of the workers had work, over time."""
    found = busy(sessions)
    if found is None:
        return None
    unit, size = ("minutes", 60.0) if found.seconds[-1] < 2 * 3600 else ("hours", 3600.0)
    data = [
        {
            "name": "busy",
            "mode": "lines",
            "x": [short(seconds / size) for seconds in found.seconds],
            "y": [short(share) for share in found.shares],
            "hovertemplate": f"after %{{x}} {unit}: %{{y:.0%}}<extra></extra>",
            "line": {"color": "var:blue", "width": 1.8, "shape": "hvh"},
            "fill": "tozeroy",
        }
    ]
    workers = sorted({session.workers for session in sessions})
    counted = "1 worker" if workers == [1] else f"{' or '.join(map(str, workers))} workers"
    note = f"{counted}, {found.share:.1%} busy, the time in which they start included."
    if found.num_pauses:
        note += f" Pauses between starts of the run ({found.num_pauses}) are cut out."
    return framed("Workers at work", data, note, unit, "share of the workers", share=True, legend=False)


def framed(
    title: str,
    data: list[Figure],
    note: str,
    x: str,
    y: str,
    *,
    height: int = 270,
    share: bool = False,
    legend: bool = True,
) -> Figure:
    """A chart of plotly's traces `data` with what is around them."""
    y_axis: Figure = {"title": {"text": y}, "automargin": True}
    if share:
        y_axis |= {"range": [0, 1], "tickformat": ".0%"}
    layout = {
        "height": height,
        "margin": {"l": 56, "r": 14, "t": 8, "b": 40},
        "xaxis": {"title": {"text": x}, "automargin": True},
        "yaxis": y_axis,
        "showlegend": legend,
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
    }
    return {"title": title, "note": note, "data": data, "layout": layout}


def short(value: float | None) -> float | None:
    """Five significant digits: enough for any screen, and half of the bytes."""
    return None if value is None else float(f"{value:.5g}")
