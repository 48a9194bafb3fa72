"""The report of a run: one HTML file, written from what the run's store holds."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from netwright.architectures.values import JsonObject
from netwright.config import flattened
from netwright.drawing.svg import stylesheet
from netwright.errors import ConfigError
from netwright.files import utf8, write_whole
from netwright.report import charts, sections
from netwright.report.charts import Figure
from netwright.report.html import render
from netwright.report.lead import lead, sentence_on_test
from netwright.report.next_commands import next_commands
from netwright.report.numbers import Form
from netwright.report.statistics import failures, preferences, search_seconds
from netwright.searching.results import Results, described
from netwright.searching.store import Session, Store
from netwright.searching.trained_model import TrainedModel, trained_in
from netwright.spaces.references import stored_space
from netwright.trials import Update

FILE_NAME = "report.html"
MAX_DECISIONS = 24
"""Charts of decisions; of a space with more, the first ones are shown."""
NUM_DRAWN_LARGE = 3
SMALL = 5
"""Columns of a drawing up to which drawings stand side by side."""


@dataclass(frozen=True)
class StoredRun:
    """Everything that the report is made from."""

    results: Results
    updates: list[Update]
    sessions: list[Session]
    about: JsonObject
    placement: JsonObject
    folder: Path | None = None
    model: TrainedModel | None = None
    """What was trained to the end of what the search found."""
    images: JsonObject | None = None
    """How a user's own images were read, with pictures."""

    @classmethod
    def of(cls, store: Store) -> "StoredRun":
        """Read the run in `store`, which a search may still be extending."""
        # Updates first: a search in progress may add trials meanwhile, but never removes updates.
        updates = store.updates()
        model = None if store.folder is None else trained_in(store.folder)
        return cls(
            results=Results.of(store),
            updates=updates,
            sessions=store.sessions(),
            about=store.document("about"),
            placement=store.document("place"),
            folder=store.folder,
            model=model,
            images=store.find_document("images"),
        )


def write_report(
    folder: Path,
    file: Path | None = None,
    *,
    trust_code: bool = False,
    on_note: Callable[[str], None] = lambda note: None,
) -> Path:
    """Write the report of a finished, interrupted or running search.

    If the space is defined in the file of a recipe FILE.py:FUNCTION, the option frequencies need this file; it is
    executed if it is trusted. If that fails, the report says so and leaves out the option frequencies.

    Args:
        folder: The run's folder.
        file: Where to write; FOLDER/report.html by default.
        trust_code: Whether the user trusts the recipe's file. Without, it must be in the user's trust list.
        on_note: Called with the sentence of the report that says why there are no option frequencies.

    Returns:
        The path of the report.

    Raises:
        StoreError: There is no run in `folder`.
        ConfigError: The file cannot be written.
    """
    with Store.read(folder) as store:
        run = StoredRun.of(store)
    target = file or folder / FILE_NAME
    with store.understood():
        content = page(run, trust_code=trust_code, on_note=on_note)
    write_whole(target, utf8(content))
    return target


def page(run: StoredRun, *, trust_code: bool = False, on_note: Callable[[str], None] = lambda note: None) -> str:
    """Render the report as one HTML document; the arguments are those of `write_report`."""
    results, now = run.results, datetime.now(UTC)
    drawings = sections.drawings(results)
    top = results.top(NUM_DRAWN_LARGE)
    top_drawings = [drawings[trial.number] for trial in top if trial.number in drawings]
    shown, ranks = sections.ranked(results)
    scores, costs = _present(charts.scores(results), charts.curves(results)), charts.costs(results)
    model = run.model.document if run.model else None
    frequencies, note = _frequencies(results, trust_code=trust_code)
    if note and not frequencies:
        on_note(note)
    learning = charts.learning(run.updates, results.config["batch_size"])
    sampling = _present(charts.diversity(results), charts.times(results), charts.utilisation(run.sessions))
    made_by = f"netwright {version('netwright')}, {now.isoformat(timespec='seconds')}"
    return render(
        "report/report.html.jinja",
        [*scores, *costs, *frequencies, *learning, *sampling],
        styles=stylesheet(adaptive=True),
        results=results,
        name=results.recipe.rpartition(":")[2],
        subtitle=_subtitle(results, now),
        metric=results.quality.name,
        tiles=sections.tiles(results),
        lead=lead(results, model, search_seconds(run.sessions)),
        commands=next_commands(results, run.folder, run.model) if run.folder else [],
        scores=scores,
        costs=costs,
        images=run.images,
        form=Form(results.quality),
        top=top,
        drawings=drawings,
        are_small=all(each.num_columns <= SMALL for each in top_drawings),
        captions=dict.fromkeys(each.caption for each in top_drawings),
        frequencies=frequencies,
        frequencies_note=note,
        learning=learning,
        staleness=sections.staleness(run.updates),
        sampling=sampling,
        shown=shown,
        num_ended=sum(trial.state.finished for trial in results.counted),
        ranks=ranks,
        failures=failures(results.counted),
        provenance=sections.provenance(results, run.about, run.placement, made_by),
        settings={name: json.dumps(value) for name, value in flattened(results.config)},
        described=described,
        quality=sections.quality,
        confirmed=sections.confirmed,
        model=run.model,
        model_page=sections.model_page(run.model),
        model_note=model.get("metrics", {}).get("note", "") if model else "",
        tested=sentence_on_test(model) if model else None,
        tested_tiles=sections.tested_tiles(model) if model else [],
    )


def _present(*figures: Figure | None) -> list[Figure]:
    return [figure for figure in figures if figure is not None]


def _subtitle(results: Results, now: datetime) -> str:
    data = f" on {results.data_name}" if results.data_name else ""
    refresh = "; run `netwright report RUN` again for newer numbers" if results.state == "running" else ""
    return (
        f"{results.config['strategy']['name']}{data}, seed {results.seed}: {results.state}, as of "
        f"{now:%Y-%m-%d %H:%M} UTC{refresh}"
    )


def _frequencies(results: Results, *, trust_code: bool) -> tuple[list[Figure], str]:
    """Return the charts of option frequencies, and how to read them or why there are none."""
    if not results.trials:
        return [], ""
    try:
        series, num_replayed = preferences(stored_space(results.config, trust_code=trust_code), results.trials)
    except Exception as error:  # whatever a user's file and program raise
        reason = str(error) if isinstance(error, ConfigError) else f"{type(error).__name__}: {error}"
        return [], f"There are no option frequencies, since the space cannot be used: {reason}"
    shown = _present(*map(charts.preference, series[:MAX_DECISIONS]))
    if not shown:
        return [], ""
    note = "How often each option was sampled, over all occurrences of its decision."
    if any(not each.stacked for each in series):
        note += " For a subset of earlier layers: how often a layer at each distance was selected."
    if num_replayed < len(results.trials):
        note += f" Counted on {num_replayed:,} of {len(results.trials):,} trials, evenly spaced."
    if len(series) > MAX_DECISIONS:
        note += f" The first {MAX_DECISIONS} of {len(series)} decisions are shown."
    return shown, note
