"""The parts of the page that are no charts: what was found, the table of trials, failures, where it all comes from."""

import json
import shlex
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from netwright.architectures.families import equations_of
from netwright.config import flattened
from netwright.drawing.any import caption, draw, drawable, num_columns
from netwright.drawing.svg import Style
from netwright.report.html import cell, definitions, table, words
from netwright.report.statistics import failures, num_reused, quantile, trained_seconds
from netwright.searching.results import NUM_RECENT, Results, described
from netwright.trials import Trial, TrialState, Update

NUM_DRAWN_LARGE, NUM_DRAWN = 3, 50
MAX_DRAWN_CHARACTERS = 2_500_000
"""Networks of very many layers are drawn until their pictures are so large together."""
MAX_ROWS, MAX_DESCRIPTION = 500, 240
"""Rows of the table of trials, and characters of an architecture in it."""
MAX_REASONS, MAX_DETAIL = 30, 4000
SMALL, WIDE = 5, 24
"""Columns up to which drawings stand side by side, and from which one is scrolled instead of shrunk to the page."""


def tiles(results: Results) -> str:
    """The numbers that one looks for first."""
    trials = results.trials
    done = [trial for trial in trials if trial.state is TrialState.DONE]
    metric = results.score_name.replace("_", " ")
    shown: list[tuple[str, str]] = []
    best = results.top(1)
    confirmed = results.confirmed.get(best[0].fingerprint) if best else None
    if confirmed is not None and confirmed.scores:
        seeds = "one fresh seed" if len(confirmed.scores) == 1 else f"{len(confirmed.scores)} fresh seeds"
        spread = f"± {confirmed.deviation:.4f}, " if len(confirmed.scores) > 1 else ""
        shown.append((f"{confirmed.mean:.4f}", f"{spread}confirmed {metric} of the best, {seeds}"))
    if done:
        word = "highest" if results.higher_is_better else "lowest"
        shown.append((f"{results.best_score:.4f}", f"{word} {metric} of the search, optimistic"))
        recent = [trial.reward for trial in done if trial.reward is not None][-NUM_RECENT:]
        shown.append((f"{statistics.fmean(recent):.4f}", f"mean reward of the last {len(recent)}"))
    shown.append((f"{len(done):,}", f"of {results.config['num_trials']:,} trials measured"))
    shown.append((f"{num_reused(trials):,}", "trials reused: an architecture seen before"))
    shown.append((f"{sum(trial.state is TrialState.FAILED for trial in trials):,}", "trials failed"))
    if seconds := trained_seconds(trials):
        shown.append((duration(sum(seconds)), "training time, summed over children"))
    inner = "".join(
        f'<div class="tile"><b>{words(number)}</b><span>{words(what)}</span></div>' for number, what in shown
    )
    return f'<div class="tiles">{inner}</div>'


def duration(seconds: float) -> str:
    """Seconds in the unit that fits them."""
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def drawings(results: Results) -> dict[int, str]:
    """The pictures of the best architectures by trial number, where they can be drawn."""
    found: dict[int, str] = {}
    size = 0
    for trial in results.top(NUM_DRAWN):
        architecture = drawable(trial.proposal.architecture)
        if architecture is None:
            continue
        svg = draw(architecture, style=Style(stylesheet=False, background=False))
        size += len(svg)
        if size > MAX_DRAWN_CHARACTERS and found:
            break
        wide = " wide" if num_columns(architecture) >= WIDE else ""
        found[trial.number] = f'<div class="drawing{wide}">{svg}</div>'
    return found


def best(results: Results, pictures: Mapping[int, str]) -> str:
    """The best architectures, drawn, with their confirmed means where there are any."""
    parts, top = [], results.top(NUM_DRAWN_LARGE)
    for rank, trial in enumerate(top, 1):
        title = f"{rank}. Trial {trial.number}: {_quality(results, trial)}"
        picture = pictures.get(trial.number) or f"<pre>{words(described(trial.proposal.architecture))}</pre>"
        equations = _equations(drawable(trial.proposal.architecture))
        parts.append(f'<section class="network"><h3>{words(title)}</h3>{picture}{equations}</section>')
    drawn = [drawable(trial.proposal.architecture) for trial in top if trial.number in pictures]
    known = [architecture for architecture in drawn if architecture is not None]
    small = all(num_columns(architecture) <= SMALL for architecture in known)
    shown = f'<div class="networks{" small" if small else ""}">{"".join(parts)}</div>' if parts else ""
    shown += "".join(f'<p class="note">{words(each)}</p>' for each in dict.fromkeys(map(caption, known)))
    return shown


def _equations(architecture: object) -> str:
    """What a recurrent cell computes, folded away; nothing of other networks."""
    equations = equations_of(architecture, "text")
    return f"<details><summary>Equations</summary><pre>{words(equations)}</pre></details>" if equations else ""


def _quality(results: Results, trial: Trial) -> str:
    metric = results.score_name.replace("_", " ")
    in_search = f"{trial.metrics[results.score_name]:.4f} in the search (optimistic)"
    confirmed = results.confirmed.get(trial.fingerprint)
    if confirmed is not None and confirmed.scores:
        return f"confirmed {metric} {confirmed}, {in_search}"
    return f"{metric} {in_search}, not confirmed"


def trial_table(results: Results, pictures: Mapping[int, str]) -> str:
    """The best trials first; a click on a header sorts, one on a number draws."""
    ranking = {trial.number: rank for rank, trial in enumerate(results.ranking(), 1)}
    ordered = sorted(
        results.trials, key=lambda t: (ranking.get(t.number, len(ranking) + 1), -(t.reward or 0), t.number)
    )
    metric = results.score_name.replace("_", " ")
    confirmed = bool(results.confirmed)
    headers = [("rank", True), ("trial", True), ("state", False), ("reward", True), (metric, True)]
    headers += [("confirmed", True)] if confirmed else []
    counted = any("num_parameters" in trial.metrics for trial in ordered)
    headers += [("parameters", True)] if counted else []
    headers += [("seconds", True), ("architecture", False)]
    rows = []
    for trial in ordered[:MAX_ROWS]:
        rows.append(_row(results, trial, ranking.get(trial.number), pictures, confirmed=confirmed, counted=counted))
    total = len(ordered)
    said = f"All {total:,} trials" if total <= MAX_ROWS else f"The best {MAX_ROWS} of {total:,} trials"
    drawn = f"; the best {len(pictures)} architectures are drawn by a click on their trial's number" if pictures else ""
    note = (
        f"{said}{drawn}. A rank is that of the first trial with its architecture: by reward, and the best that are "
        "confirmed by mean. "
        f"The search's {metric} is one training, optimistic where it was picked for being high."
    )
    templates = "".join(f'<template id="drawing-{number}">{picture}</template>' for number, picture in pictures.items())
    return f'<p class="note">{words(note)}</p>{table(headers, rows, sortable=True)}{templates}'


def _row(
    results: Results, trial: Trial, rank: int | None, pictures: Mapping[int, str], *, confirmed: bool, counted: bool
) -> Sequence[str]:
    score = trial.metrics.get(results.score_name)
    retrained = results.confirmed.get(trial.fingerprint)
    number = str(trial.number)
    if trial.number in pictures:
        number = f'<button type="button" data-drawing="drawing-{number}" title="draw">{number}</button>'
    state = str(trial.state) if trial.reused_from is None else f"as {trial.reused_from}"
    description = described(trial.proposal.architecture)
    if len(description) > MAX_DESCRIPTION:
        description = description[:MAX_DESCRIPTION] + " …"
    cells = [
        _number(rank, "" if rank is None else str(rank)),
        cell(number, value=trial.number, number=True),
        cell(words(state)),
        _number(trial.reward, "" if trial.reward is None else f"{trial.reward:.4f}"),
        _number(score, "" if score is None else f"{score:.4f}"),
    ]
    if confirmed:
        honest = retrained is not None and bool(retrained.scores)
        cells.append(_number(retrained.mean if retrained and honest else None, str(retrained) if honest else ""))
    if counted:
        parameters = trial.metrics.get("num_parameters")
        cells.append(_number(parameters, "" if parameters is None else f"{parameters:,}"))
    cells += [
        _number(trial.seconds, "" if trial.seconds is None else f"{trial.seconds:.1f}"),
        cell(words(description), kind="architecture"),
    ]
    return cells


def _number(value: float | None, text: str) -> str:
    return cell(words(text), value=value, number=True)


def failure_list(results: Results) -> str:
    """Why trials failed, the most frequent reason first."""
    groups = failures(results.trials)
    if not groups:
        return "<p>No trial failed.</p>"
    rows = []
    for reason, trials in groups[:MAX_REASONS]:
        detail = (trials[0].error or "")[:MAX_DETAIL]
        more = f"<details><summary>trial {trials[0].number}</summary><pre>{words(detail)}</pre></details>"
        shown = ", ".join(str(trial.number) for trial in trials[:8]) + (", …" if len(trials) > 8 else "")
        reason_html = words(reason[:300]) + (more if "\n" in detail or len(reason) > 300 else "")
        rows.append([cell(str(len(trials)), value=len(trials), number=True), cell(reason_html), cell(words(shown))])
    rest = (
        f"<p class=note>{len(groups) - MAX_REASONS:,} rarer reasons are left out.</p>"
        if len(groups) > MAX_REASONS
        else ""
    )
    return table([("trials", True), ("reason", False), ("which", False)], rows) + rest


def staleness(updates: Sequence[Update]) -> str:
    """How old the gradients of replicas were; nothing of a single controller."""
    ages = sorted(update.metrics["staleness"] for update in updates if "staleness" in update.metrics)
    if not ages:
        return ""
    num_dropped = sum("dropped" in update.metrics for update in updates)
    dropped = f"; {num_dropped:,} of them were too old and dropped" if num_dropped else ""
    note = (
        "Staleness, the updates between the drawing of a batch and the arrival of its gradient: "
        f"median {quantile(ages, 0.5):g}, 95% at most {quantile(ages, 0.95):g}, highest {ages[-1]:g}, "
        f"over {len(ages):,} gradients{dropped}."
    )
    return f'<p class="note">{words(note)}</p>'


def provenance(results: Results, about: Mapping[str, Any], place: Mapping[str, Any], made_by: str) -> str:
    """The exact command, seed, versions, hardware and data that made the run."""
    versions = about.get("versions") or {}
    command = about.get("command") or []
    pairs = [
        ("command", f"<code>{words(shlex.join(map(str, command)))}</code>"),
        ("recipe", words(results.recipe)),
        ("seed", words(results.seed)),
        ("data", words(results.data_name or "none: a function of the user's")),
        ("strategy", words(results.config["strategy"]["name"])),
        ("begun", words(about.get("created", "unknown"))),
        ("versions", words(", ".join(f"{name} {number}" for name, number in versions.items()))),
        ("hardware", words(about.get("hardware", "unknown"))),
        ("workers", words(place.get("workers") or "in one process")),
        ("report by", words(made_by)),
    ]
    settings = [(name, f"<code>{words(json.dumps(value))}</code>") for name, value in flattened(results.config)]
    return f"{definitions(pairs)}<details><summary>All settings</summary>{definitions(settings)}</details>"
