"""What the report says beside its charts, as plain values for its template."""

import shlex
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from netwright.architectures.families import equations_of
from netwright.architectures.values import JsonObject
from netwright.drawing.any import caption, draw, drawable, num_columns
from netwright.drawing.svg import Style
from netwright.report.statistics import num_reused, quantile, trained_seconds
from netwright.searching.results import NUM_RECENT, Confirmed, Results
from netwright.trials import Trial, TrialState, Update

NUM_DRAWN = 50
MAX_DRAWN_CHARACTERS = 2_500_000
"""Total size of all drawings; once it is reached, further networks are not drawn."""
MAX_ROWS = 500
"""Of the table of trials."""


def tiles(results: Results) -> list[tuple[str, str]]:
    """Return the key figures of a run, each with its meaning."""
    trials = results.trials
    done = [trial for trial in trials if trial.state is TrialState.DONE]
    metric = results.quality.name
    shown: list[tuple[str, str]] = []
    top = results.top(1)
    if top and (found := confirmed(results, top[0])):
        seeds = "one fresh seed" if len(found.scores) == 1 else f"{len(found.scores)} fresh seeds"
        spread = f"± {found.deviation:.4f}, " if len(found.scores) > 1 else ""
        shown.append((f"{found.mean:.4f}", f"{spread}confirmed {metric} of the best, {seeds}"))
    if done:
        word = "highest" if results.higher_is_better else "lowest"
        best = (max if results.higher_is_better else min)(map(results.shown, done))
        shown.append((f"{best:.4f}", f"{word} {metric} of the search, optimistic"))
        recent = [results.shown(trial) for trial in done[-NUM_RECENT:]]
        shown.append((f"{statistics.median(recent):.4f}", f"median {metric} of the last {len(recent)} trials"))
    shown.append((f"{len(done):,}", f"of {results.config['num_trials']:,} trials measured"))
    shown.append((f"{num_reused(trials):,}", "trials reused (repeated architectures)"))
    shown.append((f"{sum(trial.state is TrialState.FAILED for trial in trials):,}", "trials failed"))
    if results.num_redrawn:
        shown.append((f"{results.num_redrawn:,}", "samples above the limits on costs, redrawn"))
    if seconds := trained_seconds(trials):
        shown.append((duration(sum(seconds)), "training time, summed over children"))
    return shown


def confirmed(results: Results, trial: Trial) -> Confirmed | None:
    """Return the confirmation of a trial's architecture, unless every retraining failed."""
    found = results.shown_confirmed(trial)
    return found if found is not None and found.scores else None


def duration(seconds: float) -> str:
    """Format a duration in its largest suitable unit."""
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def largest_share(results: Results) -> str:
    """Return the sentence that accompanies the accuracies of a run; empty where nothing is classified."""
    share = results.largest_class_share
    if share is None:
        return ""
    return (
        f"Every validation accuracy is to be compared with {share:.4f}, that of always naming the largest class of the "
        "validation images."
    )


@dataclass(frozen=True)
class Drawing:
    """An architecture as SVG, styled by the page."""

    svg: str
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
        found[trial.number] = Drawing(svg, num_columns(architecture), caption(architecture), equations)
    return found


def quality(results: Results, trial: Trial) -> str:
    """Describe the scores of a trial's architecture: the confirmed mean, if any, and the score of the search."""
    metric = results.quality.name
    in_search = f"{results.shown(trial):.4f} in the search (optimistic)"
    if found := confirmed(results, trial):
        return f"confirmed {metric} {found}, {in_search}"
    return f"{metric} {in_search}, not confirmed"


def ranked(results: Results) -> tuple[list[Trial], dict[int, int]]:
    """Return the best `MAX_ROWS` trials that count, in order, and the ranks of measured trials by trial number."""
    ranks = {trial.number: rank for rank, trial in enumerate(results.ranking(), 1)}
    ordered = sorted(results.counted, key=lambda t: (ranks.get(t.number, len(ranks) + 1), -(t.reward or 0), t.number))
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
        "command": shlex.join(map(str, about.get("command") or [])),
        "recipe": results.recipe,
        "seed": results.seed,
        "data": results.data_name or "none (user-defined function)",
        "strategy": results.config["strategy"]["name"],
        "started": about.get("created", "unknown"),
        "versions": ", ".join(f"{name} {number}" for name, number in versions.items()),
        "hardware": about.get("hardware", "unknown"),
        "workers": placement.get("workers") or "in one process",
        **({"accepted changes": "; ".join(each.in_words for each in results.changes)} if results.changes else {}),
        "report written by": made_by,
    }
