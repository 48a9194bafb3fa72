"""docs/tables.md as text, from the rows and their results."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from table_models import epochs_of, has_estimate, num_parameters_of
from table_results import TRAININGS, Entry, Results
from table_rows import Row, Table

from netwright.compare.statistics import Spread, interval_of_difference, spread
from netwright.errors import DataError, unknown
from netwright.report.numbers import duration

INTRODUCTION = """\
# The slides' result tables, beside what is measured here

Written by `python benchmarks/tables.py` from [table_rows.py](../benchmarks/table_rows.py) and the files in
[benchmarks/results](../benchmarks/results); do not edit it. The published numbers are those of the slides, which are
the paper's (Zoph & Le 2017, arXiv 1611.01578). The names behind `netwright train` are in [reference.md](reference.md).

"Parameters" are those of the table; "counted here" are those of the code. "Here" is one of three:

- **measured**: a model of the row's size, trained by the whole recipe and tested once. A mean of several seeds has its
  95% interval (Student's t).
- **smaller**: a smaller form, a shorter training or other data, with what was changed. It is no result of the row.
- **quoted**: nothing was trained, and the number is the table's. Beside it stands the reason, or the time of one core
  (core-hours) that the training would take, by a few timed mini-batches (`netwright train NAME --estimate`) and the
  epochs of the recipe.

A training on a GPU names it; all others took place on a processor{hardware}. A trained model is added to its row by
`python benchmarks/tables.py --add ROW FOLDER --commit COMMIT`.
"""


@dataclass(frozen=True)
class Group:
    """The trainings of one row that differ by nothing but their seeds.

    Args:
        row: The row.
        entries: One for each seed.
        changes: What makes them smaller than the row; empty if nothing does.
        budget: What trainings of different rows have in common that are compared.
    """

    row: Row
    entries: tuple[Entry, ...]
    changes: tuple[str, ...]
    budget: str

    @property
    def spread(self) -> Spread:
        """Mean and interval of the results."""
        return spread(self.values)

    @property
    def values(self) -> list[float]:
        """The results, in the unit of the table."""
        return [as_shown(entry) for entry in self.entries]

    @property
    def name(self) -> str:
        """The row's model, with what was changed if that is its own."""
        first = self.entries[0]
        return f"{self.row.model} ({first.changed})" if first.minutes and first.changed else self.row.model


def as_shown(entry: Entry) -> float:
    """Return the result in the unit of its table: the percentage of errors for an accuracy."""
    return 100 * (1 - entry.value) if entry.metric == "test_accuracy" else entry.value


def page(tables: Sequence[Table], results: Results) -> str:
    """Return the whole page.

    Raises:
        ConfigError: A row names a model that does not exist.
        DataError: There are results of a row that does not exist.
    """
    keys = {row.key for table in tables for row in table.rows}
    for key in results.trainings:
        if key not in keys:
            raise DataError(f"{TRAININGS} cannot be used: {unknown('row', key, keys)}; rename or remove it")
    used = sorted({estimate.hardware for estimate in results.estimates.values()})
    hardware = f"; the times are those of {' and '.join(used)}" if used else ""
    introduction = INTRODUCTION.replace("{hardware}", hardware)
    return "\n".join([introduction, *(section(table, results) for table in tables)])


def section(table: Table, results: Results) -> str:
    """Return one table with its heading, its footnotes, and who wins."""
    notes: list[str] = []
    lines = [
        f"## {table.title}\n\n{table.about}\n",
        f"| model | published {table.unit} | parameters | counted here | here |",
        "|---|---|---|---|---|",
        *(line(table, row, results, notes) for row in table.rows),
        "",
        *(f"{number}. {note}" for number, note in enumerate(notes, 1)),
        *([""] if notes else []),
        *winners(table, results),
        *(["", table.caution] if table.caution else []),
        "",
    ]
    return "\n".join(lines)


def line(table: Table, row: Row, results: Results, notes: list[str]) -> str:
    """Return one row; its footnote is added to `notes` unless it is there."""
    model = row.model
    if row.training is not None:
        model += f"<br>`{row.training.command}`"
    count = num_parameters_of(row.training, results) if row.training else None
    counted = f"{count:,}" if count is not None else "-"
    if row.note:
        if row.note not in notes:
            notes.append(row.note)
        counted += f" ({notes.index(row.note) + 1})"
    cells = [model, row.published, row.parameters, counted, here(table, row, results)]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def here(table: Table, row: Row, results: Results) -> str:
    """Return the last cell of a row: its groups of trainings, and what the whole recipe would take if none had it."""
    groups = groups_of(table, row, results)
    told = [described(group, table.digits) for group in sorted(groups, key=lambda group: bool(group.changes))]
    if not any(not group.changes for group in groups):
        told.append(quoted(row, results))
    return "<br>".join(told)


def groups_of(table: Table, row: Row, results: Results) -> list[Group]:
    """Return the trainings of a row, grouped by what was trained and how long."""
    found: dict[tuple[str, tuple[str, ...], str], list[Entry]] = {}
    count = num_parameters_of(row.training, results) if row.training else None
    epochs = epochs_of(row.training) if row.training else None
    for entry in results.of(row, table.metric_of(row)):
        shorter = shortened(entry, table, epochs)
        size = () if entry.num_parameters == count else (f"{entry.num_parameters:,} parameters",)
        changes = (*((entry.changed,) if entry.changed else ()), *shorter, *size)
        budget = ", ".join(shorter if entry.minutes else changes[: len(changes) - len(size)])
        if epochs is None and entry.epochs:
            budget += f", {entry.epochs:,} epochs"
        found.setdefault((entry.data, changes, budget or "the whole recipe"), []).append(entry)
    return [
        Group(row, tuple(sorted(entries, key=lambda entry: entry.seed or 0)), changes, budget)
        for (_, changes, budget), entries in found.items()
    ]


def shortened(entry: Entry, table: Table, epochs: int | None) -> tuple[str, ...]:
    """Return by what a training is smaller than one of the row with its `epochs`, but for the model."""
    found = []
    if entry.minutes:
        found.append(f"{entry.minutes:g} minutes of one core")
    elif epochs is not None and entry.epochs is not None and entry.epochs < epochs:
        found.append(f"{entry.epochs:,} of {epochs:,} epochs")
    if entry.data not in table.data:
        found.append(f"{entry.data} in place of {table.data[0]}")
    return tuple(found)


def described(group: Group, digits: int) -> str:
    """Return the result of a group with its data, epochs, seeds, interval, command and commit."""
    first = group.entries[0]
    epochs = sorted({entry.epochs for entry in group.entries if entry.epochs is not None})
    length = (
        f", epochs: {' to '.join(f'{each:,}' for each in dict.fromkeys((epochs[0], epochs[-1])))}" if epochs else ""
    )
    seeds = [str(entry.seed) for entry in group.entries if entry.seed is not None]
    chance = f", seeds: {', '.join(seeds)}" if seeds else ", nothing is random"
    commands = dict.fromkeys(without_seed(entry.command, len(seeds)) for entry in group.entries)
    commits = dict.fromkeys(entry.commit for entry in group.entries)
    state = f"smaller ({'; '.join(group.changes)})" if group.changes else "measured"
    cards = dict.fromkeys(entry.card for entry in group.entries if entry.card)
    where = f", on an {' and an '.join(cards)}" if cards else ""
    return (
        f"{state}: **{interval_shown(group.spread, digits)}** on {first.data}{length}{chance}; "
        f"{', '.join(f'`{command}`' for command in commands)}, commit {', '.join(commits)}{where}"
    )


def without_seed(command: str, num_seeds: int) -> str:
    """Return a command with SEED in place of its seed, where several seeds ran it."""
    if num_seeds < 2:
        return command
    shown, found = re.subn(r"--seed[ =]\d+", "--seed SEED", command)
    return shown if found else f"{shown} --seed SEED"


def interval_shown(result: Spread, digits: int) -> str:
    """Return a mean with its interval, if it has one."""
    mean = f"{result.mean:.{digits}f}"
    if result.low is None or result.high is None:
        return mean
    return f"{mean} ({result.low:.{digits}f} to {result.high:.{digits}f})"


def quoted(row: Row, results: Results) -> str:
    """Return why a row is quoted, or the time that its training would take."""
    if row.quoted or row.training is None:
        return f"quoted: {row.quoted}"
    if not has_estimate(row.training):
        return f"quoted: not run yet, `{row.training.command}`"
    estimate = results.estimates.get(row.training.command)
    if estimate is None:
        return "quoted: its time is not estimated yet"
    if estimate.core_hours is None:
        return f"quoted: its time could not be estimated here, {estimate.problem}"
    hours = f"{estimate.core_hours:,.0f}" if estimate.core_hours >= 10 else f"{estimate.core_hours:.2g}"
    assert estimate.epoch_seconds is not None
    return (
        f"quoted: about {hours} core-hours for {estimate.epochs:,} epochs of {duration(estimate.epoch_seconds)} "
        f"(estimated at commit {estimate.commit})"
    )


def winners(table: Table, results: Results) -> list[str]:
    """Return who wins in the published table, and among the trainings here that can be compared."""
    sign = -1 if table.highest_wins else 1
    told = [published_winner(table)]
    compared: dict[tuple[str, str], list[Group]] = {}
    rows = {row.key: row for row in reversed(table.rows)}  # the first of those with the same key
    for row in reversed(rows.values()):
        for group in groups_of(table, row, results):
            compared.setdefault((group.entries[0].data, group.budget), []).append(group)
    for (data, budget), groups in compared.items():
        ranked = sorted(groups, key=lambda group: sign * group.spread.mean)
        if len(ranked) > 1:
            shown = [f"{group.name} {interval_shown(group.spread, table.digits)}" for group in ranked]
            told.append(f"Here ({data}, {budget}): {'; '.join(shown)}. {lead(ranked[0], ranked[1], table)}")
    if len(told) == 1:
        told.append("Here: no two rows have been trained alike yet.")
    return [line for each in told for line in (each, "")][:-1]


def published_winner(table: Table) -> str:
    """Return which row of the published table is best, and the best of the others: found by the search, or not."""
    ranked = sorted(table.rows, key=lambda row: float(row.published), reverse=table.highest_wins)
    best = ranked[0]
    other = next(row for row in ranked if row.is_found != best.is_found)
    what = "found by Neural Architecture Search" if other.is_found else "of the others"
    return (
        f"Published: the best is {best.model} with {best.published}. The best {what} is {other.model} with "
        f"{other.published}."
    )


def lead(first: Group, second: Group, table: Table) -> str:
    """Return by how much the first group is better than the second, with Welch's interval from several seeds."""
    ours, theirs = np.array(first.values)[:, None], np.array(second.values)[:, None]
    told = f"The best is {first.name}, by {abs(first.spread.mean - second.spread.mean):.{table.digits}f}"
    if all(entry.seed is None for entry in (*first.entries, *second.entries)):
        return f"{told}; nothing in either is random."
    if len(ours) < 2 or len(theirs) < 2:
        return f"{told}; with one seed each, that is not yet evidence."
    (low,), (high,) = interval_of_difference(*((ours, theirs) if table.highest_wins else (theirs, ours)))
    return f"{told} (95% interval {low:.{table.digits}f} to {high:.{table.digits}f})."
