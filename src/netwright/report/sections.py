"""What the report says beside its charts, as plain values for its template."""

import re
import shlex
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from netwright.architectures.families import equations_of
from netwright.architectures.values import JsonObject
from netwright.drawing.any import caption, draw, drawable, num_columns
from netwright.drawing.svg import Style
from netwright.models.names import PAGE
from netwright.report.numbers import Form, duration, percent
from netwright.report.statistics import num_reused, quantile, trained_seconds
from netwright.searching.devices import devices_in_words
from netwright.searching.results import NUM_RECENT, Confirmed, Results
from netwright.searching.trained_model import TrainedModel
from netwright.trials import Trial, TrialState, Update

NUM_DRAWN = 50
MAX_DRAWN_CHARACTERS = 2_500_000
"""Total size of all drawings; once it is reached, further networks are not drawn."""
MAX_ROWS = 500
"""Of the table of trials."""


def tiles(results: Results) -> list[tuple[str, str]]:
    """Return the key figures of a run, each with its meaning."""
    trials, form = results.trials, Form(results.quality)
    done = [trial for trial in trials if trial.state is TrialState.DONE]
    metric = results.quality.name
    shown: list[tuple[str, str]] = []
    top = results.top(1)
    if top and (found := confirmed(results, top[0])):
        seeds = "one fresh seed" if len(found.scores) == 1 else f"{len(found.scores)} fresh seeds"
        spread = "" if found.deviation is None else f"± {form(found.deviation)}: "
        shown.append((form(found.mean), f"{spread}confirmed {metric} of the best, {seeds}"))
    if done:
        word = "highest" if results.higher_is_better else "lowest"
        best = (max if results.higher_is_better else min)(map(results.shown, done))
        shown.append((form(best), f"{word} {metric} of the search, optimistic"))
        recent = [results.shown(trial) for trial in done[-NUM_RECENT:]]
        shown.append((form(statistics.median(recent)), f"median {metric} of the last {len(recent)} trials"))
    if results.largest_class_share is not None:
        shown.append((percent(results.largest_class_share), "validation images in the largest class"))
    stopped = sum(trial.state is TrialState.STOPPED for trial in trials)
    ended = "trained to the end" if stopped else "measured"
    shown.append((f"{len(done):,}", f"of {results.config['num_trials']:,} trials {ended}"))
    counts = {
        "trials stopped early": stopped,
        "trials reused (repeated architectures)": num_reused(trials),
        "trials failed": sum(trial.state is TrialState.FAILED for trial in trials),
        "trials rejected by limits": sum(trial.state is TrialState.REJECTED for trial in results.counted),
        "samples above the limits on costs, redrawn": results.num_redrawn,
    }
    shown += [(f"{count:,}", meaning) for meaning, count in counts.items() if count]
    if (seconds := trained_seconds(trials)) and results.config["evaluate"]["kind"] != "table":
        shown.append((duration(sum(seconds)), "training time, summed over trials"))
    return shown


def confirmed(results: Results, trial: Trial) -> Confirmed | None:
    """Return the confirmation of a trial's architecture, unless every retraining failed."""
    found = results.shown_confirmed(trial)
    return found if found is not None and found.scores else None


def tested_tiles(model: JsonObject) -> list[tuple[str, str]]:
    """Return the figures of a trained network's test, each with its meaning; none for other kinds and older models."""
    metrics = model["metrics"]
    meanings = {
        "test_accuracy": "accuracy on the test images",
        "largest_class_share": "share of the largest class",
        "test_balanced_accuracy": "balanced accuracy: mean recall of the classes",
        "test_macro_f1": "macro F1: mean F1 of the classes",
    }
    return [(percent(metrics[name]), meaning) for name, meaning in meanings.items() if name in metrics]


def model_page(model: TrainedModel | None) -> Path | None:
    """Return the page of a trained network; None if there is none."""
    return model.folder / PAGE if model is not None and (model.folder / PAGE).exists() else None


@dataclass(frozen=True)
class Drawing:
    """An architecture as SVG, styled by the page."""

    svg: str
    width: float
    """In pixels, as drawn."""
    num_columns: int
    caption: str
    equations: str
    """What a recurrent cell computes; empty for other architectures."""


def drawings(results: Results) -> dict[int, Drawing]:
    """Draw the best architectures that can be drawn, by trial number."""
    found: dict[int, Drawing] = {}
    size = 0
    for trial in results.top(NUM_DRAWN):
        architecture = drawable(trial.proposal.architecture)
        if architecture is None:
            continue
        svg = draw(architecture, style=Style(stylesheet=False, background=False))
        size += len(svg)
        if size > MAX_DRAWN_CHARACTERS and found:
            break
        equations = equations_of(architecture, "text") or ""
        found[trial.number] = Drawing(svg, _width(svg), num_columns(architecture), caption(architecture), equations)
    return found


def _width(svg: str) -> float:
    found = re.search(r' width="([\d.]+)"', svg)
    assert found is not None, "every drawing has a width"
    return float(found[1])


def quality(results: Results, trial: Trial) -> str:
    """Describe the scores of a trial's architecture: the confirmed mean, if any, and the score of the search."""
    metric, form = results.quality.short_name, Form(results.quality)
    in_search = f"{form(results.shown(trial), 2)} in the search (optimistic)"
    if found := confirmed(results, trial):
        return f"confirmed {metric} {form.confirmed(found)}, {in_search}"
    if results.config["evaluate"]["kind"] == "table":
        return f"{metric} {form(results.shown(trial), 2)}"
    return f"{metric} {in_search}, not confirmed"


def ranked(results: Results) -> tuple[list[Trial], dict[int, int]]:
    """Return the best `MAX_ROWS` ended trials that count, in order, and the ranks of measured ones by trial number."""
    ranks = {trial.number: rank for rank, trial in enumerate(results.ranking(), 1)}
    ended = (trial for trial in results.counted if trial.state.finished)
    ordered = sorted(ended, key=lambda t: (ranks.get(t.number, len(ranks) + 1), -(t.reward or 0), t.number))
    return ordered[:MAX_ROWS], ranks


def staleness(updates: Sequence[Update]) -> str:
    """Summarise the staleness of the gradients of controller replicas; empty for a single controller."""
    ages = sorted(update.metrics["staleness"] for update in updates if "staleness" in update.metrics)
    if not ages:
        return ""
    num_dropped = sum("dropped" in update.metrics for update in updates)
    dropped = f"; {num_dropped:,} of them were too stale and dropped" if num_dropped else ""
    return (
        "Gradient staleness (updates between the sampling of a batch and the arrival of its gradient): "
        f"median {quantile(ages, 0.5):g}, 95th percentile {quantile(ages, 0.95):g}, maximum {ages[-1]:g}, "
        f"over {len(ages):,} gradients{dropped}."
    )


def provenance(results: Results, about: JsonObject, placement: JsonObject, made_by: str) -> dict[str, object]:
    """Return the command, seed, data, versions and hardware that made the run."""
    versions: JsonObject = about.get("versions") or {}
    return {
        "command": _command(list(map(str, about.get("command") or []))),
        "recipe": results.recipe,
        "seed": results.seed,
        "data": results.data_name or "none (user-defined function)",
        "strategy": results.config["strategy"]["name"],
        "started": about.get("created", "unknown"),
        "versions": ", ".join(f"{name} {number}" for name, number in versions.items()),
        "hardware": about.get("hardware", "unknown"),
        **({"children trained on": devices_in_words(about)} if "devices" in about else {}),
        "workers": placement.get("workers") or "in one process",
        **({"accepted changes": "; ".join(each.in_words for each in results.changes)} if results.changes else {}),
        "report written by": made_by,
    }


def _command(words: list[str]) -> str:
    """Return the command line of a run, with the program's name in the place of its path."""
    program = ["netwright" if Path(word).stem in ("netwright", "__main__") else word for word in words[:1]]
    return shlex.join(program + words[1:])
