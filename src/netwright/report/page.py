"""The page: what is read from the store, the charts and sections, the one file that holds them all."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from netwright.drawing.svg import stylesheet
from netwright.errors import ConfigError
from netwright.files import write_whole
from netwright.report import charts, sections
from netwright.report.html import Charts, document, words
from netwright.report.statistics import preferences
from netwright.searching.results import Results
from netwright.searching.store import Session, Store
from netwright.spaces.references import load_file, space_from_json
from netwright.trials import Update

FILE_NAME = "report.html"
MAX_DECISIONS = 24
"""Charts of decisions; a space with more names shows the first of them."""


@dataclass(frozen=True)
class RunOnDisk:
    """Everything that the page tells."""

    folder: Path
    results: Results
    updates: list[Update]
    sessions: list[Session]
    about: Mapping[str, Any]
    place: Mapping[str, Any]


def write_report(folder: Path, file: Path | None = None) -> Path:
    """Write the report of the run in `folder`, also while it goes on; returns the file, FOLDER/report.html by default.

    A run with a recipe FILE.py:FUNCTION loads that file, as continuing it would; where that fails the report says so
    and goes without what the space alone can tell. `StoreError` where there is no run, `ConfigError` where the file
    cannot be written.
    """
    with Store.read(folder) as store:
        # Updates first: a search that goes on meanwhile may add trials, never take updates back.
        run = RunOnDisk(folder, *_read(store))
    target = file or folder / FILE_NAME
    with store.understood():
        content = page(run)
    write_whole(target, content.encode())
    return target


def _read(
    store: Store,
) -> tuple[Results, list[Update], list[Session], Mapping[str, Any], Mapping[str, Any]]:
    updates = store.updates()
    return Results.of(store), updates, store.sessions(), store.document("about"), store.document("place")


def page(run: RunOnDisk) -> str:
    """The whole document."""
    results = run.results
    placement_with = Charts()
    place_chart = placement_with.place
    pictures = sections.drawings(results)
    learned = charts.learning(run.updates, results.config["batch_size"])
    now = datetime.now(UTC)
    name = results.recipe.rpartition(":")[2]
    body = [
        f"<header><h1>{words(name)}</h1><p class=note>{words(_subtitle(results, now))}</p></header>",
        sections.tiles(results),
        "<h2>Reward</h2>",
        place_chart(charts.rewards(results)) or "<p>Nothing has been measured yet.</p>",
        "<h2>Best architectures</h2>",
        sections.best(results, pictures) or "<p>Nothing has been measured yet.</p>",
        f"<h2>{_strategy_title(results)}</h2>",
        _preferences(run, place_chart),
        f'<div class="charts">{"".join(map(place_chart, learned))}</div>',
        sections.staleness(run.updates),
        "<h2>Samples and time</h2>",
        f'<div class="charts">{place_chart(charts.diversity(results))}{place_chart(charts.times(results))}'
        f"{place_chart(charts.workers_busy(run.sessions))}</div>",
        "<h2>Trials</h2>",
        sections.trial_table(results, pictures),
        "<h2>Failures</h2>",
        sections.failure_list(results),
        "<h2>Where it comes from</h2>",
        sections.provenance(
            results, run.about, run.place, f"netwright {version('netwright')}, {now.isoformat(timespec='seconds')}"
        ),
    ]
    title = f"{name}, seed {results.seed} - netwright"
    return document(title, body, placement_with.figures, styles=stylesheet(adaptive=True))


def _subtitle(results: Results, now: datetime) -> str:
    data = f" on {results.data_name}" if results.data_name else ""
    refresh = "; netwright report, run again, brings newer numbers" if results.state == "running" else ""
    return (
        f"{results.config['strategy']['name']}{data}, seed {results.seed}: {results.state}, as of "
        f"{now:%Y-%m-%d %H:%M} UTC{refresh}"
    )


def _strategy_title(results: Results) -> str:
    learns = results.config["strategy"]["name"] != "random"
    return "What the controller has come to prefer" if learns else "What was chosen"


def _preferences(run: RunOnDisk, place_chart: Any) -> str:
    results = run.results
    if not results.trials:
        return "<p>Nothing has been drawn yet.</p>"
    try:
        path, _, function = results.recipe.rpartition(":")
        if path.endswith(".py") and function:
            load_file(Path(path))
        series, num_replayed = preferences(space_from_json(results.config["space"]), results.trials)
    except Exception as error:  # whatever a user's file and program raise
        reason = str(error) if isinstance(error, ConfigError) else f"{type(error).__name__}: {error}"
        return f"<p>The decisions cannot be told apart here, since the space cannot be used: {words(reason)}</p>"
    note = "The frequency of each option among the samples, over all places where its decision is asked."
    if any(not each.stacked for each in series):
        note += " Of a choice of earlier layers: how often those so far back were selected."
    if num_replayed < len(results.trials):
        note += f" Counted on {num_replayed:,} of {len(results.trials):,} trials, evenly spaced."
    if len(series) > MAX_DECISIONS:
        note += f" The first {MAX_DECISIONS} of {len(series)} decisions."
    shown = "".join(place_chart(charts.preference(each)) for each in series[:MAX_DECISIONS])
    return f'<p class="note">{words(note)}</p><div class="charts">{shown}</div>'
