"""The table of a run's best architectures and the notes below it, for a terminal and for a file."""

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from netwright.architectures.families import architecture_from_json, legend_of
from netwright.errors import printable
from netwright.searching.results import Results, described
from netwright.terminal import Terminal
from netwright.trials import TrialState


def print_table(console: Terminal, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a framed table in a terminal, and elsewhere plain aligned columns without cutting anything off."""
    rows = [[printable(cell, one_line=True) for cell in row] for row in rows]
    if console.is_terminal:
        table = Table(*headers, header_style="bold", row_styles=("", "dim"))
        for row in rows:
            table.add_row(*map(escape, row))
        console.print(table)
        return
    widths = [max(map(len, column)) for column in zip(headers, *rows, strict=True)]
    for row in (headers, *rows):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        console.print(line.rstrip(), soft_wrap=True, highlight=False, markup=False)


UNRANKED = (TrialState.STOPPED, TrialState.FAILED, TrialState.REJECTED)
"""The states in which a trial ends without a place in the ranking."""


def print_results(console: Terminal, results: Results, top: int) -> None:
    """Print the `top` best architectures of a run, all confirmed ones, and the first failures."""
    counts = {state: sum(trial.state is state for trial in results.counted) for state in TrialState}
    reused = sum(trial.reused_from is not None for trial in results.trials)
    data = f" on {results.data_name}" if results.data_name else ""
    console.print(
        f"{results.recipe}{data}, seed {results.seed}: {results.state}, {counts[TrialState.DONE]} of "
        f"{results.config['num_trials']} trials {'trained to the end' if counts[TrialState.STOPPED] else 'measured'}"
        + (f" ({reused} reused, having the architecture of an earlier one)" if reused else "")
        + "".join(f", {counts[state]} {state}" for state in UNRANKED if counts[state])
        + (f"; {results.redrawn}" if results.num_redrawn else ""),
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    ranking = results.ranking()
    if not ranking:
        console.print("Nothing has been measured yet.")
        for note in _mishaps(results):
            console.print(note, style="dim", highlight=False, soft_wrap=True, markup=False)
        return
    metric = results.quality.name
    confirmed = bool(results.confirmed)
    headers = [
        "rank",
        "trial",
        *(["confirmed"] if confirmed else []),
        f"search's {metric}",
        "parameters",
        "architecture",
    ]
    rows = []
    for rank, trial in enumerate(ranking, 1):
        retrained = results.shown_confirmed(trial)
        if rank > top and retrained is None:
            continue
        parameters = trial.metrics.get("num_parameters")
        rows.append(
            [
                str(rank),
                str(trial.number),
                *([str(retrained) if retrained else "-"] if confirmed else []),
                f"{results.shown(trial):.4f}",
                f"{parameters:,}" if parameters else "-",
                described(trial.proposal.architecture),
            ]
        )
    print_table(console, headers, rows)
    _print_notes(console, results, metric)


def _print_notes(console: Terminal, results: Results, metric: str) -> None:
    notes = []
    if legend := legend_of(architecture_from_json(results.trials[0].proposal.architecture)):
        notes.append(legend)
    if results.confirmed:
        quoted = "to be quoted."
        if results.explained_by_largest_class(results.best):
            quoted = "not to be quoted, since the first one is no better than always naming the largest class."
        notes.append(f"confirmed: mean ± deviation of the {metric} over fresh seeds on the same split, {quoted}")
        notes.append(
            f"search's {metric}: of the search's one training, optimistic because it was picked for being "
            f"{'high' if results.higher_is_better else 'low'}."
        )
    elif results.config["evaluate"]["kind"] == "table":
        test = results.best.metrics["test_accuracy"]
        notes.append(f"{metric}: as it stands in the table, where the best one has the test accuracy {test:.4f}")
    else:
        word = "high" if results.higher_is_better else "low"
        notes.append(f"search's {metric}: picked for being {word}, so optimistic.")
    notes += [*_measures_of_best(results), *_mishaps(results)]
    notes += [f"data: {printable(note, one_line=True)}" for note in results.data_notes]
    notes += [f"changed: {change.in_words}" for change in results.changes]
    for note in notes:
        console.print(note, style="dim", highlight=False, soft_wrap=True, markup=False)


def _measures_of_best(results: Results) -> list[str]:
    """A line with what stands beside the accuracy of the best trial on images."""
    share, metrics = results.largest_class_share, results.best.metrics
    if share is None:
        return []
    others = {"balanced accuracy": "validation_balanced_accuracies", "macro F1": "validation_macro_f1s"}
    measured = [f"{name} {metrics[values][-1]:.4f}" for name, values in others.items() if metrics.get(values)]
    of_best = f"; the first one after its last epoch: {', '.join(measured)}" if measured else ""
    return [f"always naming the largest class of the validation images has the accuracy {share:.4f}{of_best}"]


def _mishaps(results: Results) -> list[str]:
    """A line each for the first failed and the first rejected trial."""
    notes = []
    for state, what in ((TrialState.FAILED, "failure"), (TrialState.REJECTED, "rejected")):
        if first := next((trial for trial in results.trials if trial.state is state), None):
            notes.append(f"first {what}, trial {first.number}: {(first.error or '').splitlines()[0]}")
    return notes
