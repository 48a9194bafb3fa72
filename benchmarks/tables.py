"""Writes docs/tables.md: the slides' result tables row by row, with what is measured here beside them.

    python benchmarks/tables.py                                     # writes docs/tables.md, seconds
    python benchmarks/tables.py --add lstm-medium models/lstm-medium --commit abc1234
    python benchmarks/tables.py --estimate --data FOLDER            # up to an hour; run it again to go on

--add reads model.json of a trained model's folder into benchmarks/results/trainings.json. --estimate times a few
mini-batches of every row's model, one after the other on one core, and writes benchmarks/results/estimates.json; run it
while the machine does nothing else. Rows are named by their keys in table_rows.py.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

from checkout import ROOT, commit
from table_models import epoch_seconds_in_own_process, epochs_of, has_estimate
from table_page import page
from table_results import ESTIMATES, FOLDER, TRAININGS, Entry, Estimate, Results, read_estimates, shown_command, write
from table_rows import TABLES, Row, Table, Training

from netwright.errors import ConfigError, DataError, NetwrightError, unknown
from netwright.models.folder import read_description
from netwright.searching.provenance import provenance

PAGE = ROOT / "docs" / "tables.md"


def find_row(key: str) -> tuple[Table, Row]:
    """Return the first row with this key and its table; `ConfigError` if there is none."""
    rows = {row.key: (table, row) for table in reversed(TABLES) for row in reversed(table.rows)}
    if key not in rows:
        raise ConfigError(unknown("row", key, rows))
    return rows[key]


def entry_of(table: Table, row: Row, model: Path, *, revision: str, changed: str, data_name: str | None) -> Entry:
    """Read the result of a trained model.

    Args:
        table: The table of the row.
        row: The row.
        model: The model's folder.
        revision: The commit with which it was trained.
        changed: What was made smaller.
        data_name: The name of the data, where model.json does not have it: "CIFAR-10 (JPEG)".

    Raises:
        ConfigError: The model is not that of the row, and `changed` is empty; or there is no such commit.
        DataError: The folder holds no model, or one without the row's metric.
    """
    document = read_description(model)
    wanted = row.training.name if row.training else row.key
    if document["origin"] != wanted and not changed:
        raise ConfigError(
            f"{model} holds {document['origin']}, and the row {row.key} is for {wanted}; for a smaller form of it say "
            'what was changed, --changed "20 layers in place of 110"'
        )
    metric, metrics = table.metric_of(row), document["metrics"]
    if metric not in metrics:
        raise DataError(
            f"the model {model} has no {metric}, which the row {row.key} is for; it has: {', '.join(metrics)}"
        )
    try:
        trained_with = commit(revision)
    except ValueError as error:
        raise ConfigError(f"--commit {revision}: {error}; give the one with which the model was trained") from None
    try:
        return Entry(
            command=shown_command(document["command"]), seed=document["plan"]["seed"],
            data=data_name or document["data"], epochs=document["settings"]["epochs"], metric=metric,
            value=metrics[metric], num_parameters=metrics["num_parameters"], hardware=document["hardware"],
            commit=trained_with, date=document["created"][:10], changed=changed,
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{model}/model.json is not as `netwright train` writes it ({error}); train it again") from None


def add(entry: Entry, key: str, folder: Path) -> None:
    """Add a training to a row in trainings.json; `ConfigError` if it is there."""
    trainings = Results(folder).trainings
    if entry in trainings.get(key, []):
        raise ConfigError(f"the row {key} has this training already; leave --add out to write the page")
    trainings = {**trainings, key: [*trainings.get(key, []), entry]}
    document = {name: [each.model_dump() for each in entries] for name, entries in trainings.items()}
    write(folder / TRAININGS, document)


def trainings_to_estimate(keys: Iterable[str]) -> list[Training]:
    """Return the trainings of the rows with these keys, of all rows if there are none, each once."""
    rows = [find_row(key)[1] for key in keys] or [row for table in TABLES for row in table.rows]
    trainings = dict.fromkeys(row.training for row in rows if row.training and not row.quoted)
    return [training for training in trainings if has_estimate(training)]


def estimate(trainings: Iterable[Training], data: Path | None, folder: Path, *, verify: bool) -> None:
    """Estimate the trainings that estimates.json lacks, one after the other, and write it after each."""
    made = provenance()
    trained_with = commit()
    for training in trainings:
        estimates = read_estimates(folder)
        if training.command in estimates:
            continue
        print(training.command, flush=True)
        epochs = epochs_of(training)
        assert epochs is not None
        seconds, problem = epoch_seconds_in_own_process(training, data, verify=verify)
        found = Estimate(
            epochs=epochs, epoch_seconds=seconds, problem=problem, hardware=made["hardware"], commit=trained_with,
            date=made["created"][:10],
        )  # fmt: skip
        documents = {name: each.model_dump() for name, each in {**estimates, training.command: found}.items()}
        write(folder / ESTIMATES, {"estimates": documents, "threads": 1, "versions": made["versions"]})
        print(f"  {found.core_hours:,.2g} core-hours" if found.core_hours else f"  none: {problem}", flush=True)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--add", nargs=2, metavar=("ROW", "FOLDER"), help="a row's key and a trained model's folder")
    parser.add_argument("--commit", help="with --add: the commit with which the model was trained")
    parser.add_argument("--changed", default="", help="with --add: what was made smaller, for example its layers")
    parser.add_argument("--data-name", help='with --add: the name of data that is no official copy, "CIFAR-10 (JPEG)"')
    parser.add_argument("--estimate", action="store_true", help="time a few mini-batches of every row")
    parser.add_argument("--only", nargs="+", default=[], metavar="ROW", help="with --estimate: only these rows")
    parser.add_argument("--data", type=Path, help="with --estimate: the folder with CIFAR-10 and Penn Treebank")
    parser.add_argument("--no-verify-data", dest="verify", action="store_false", help="needed for CIFAR-10 (JPEG)")
    options = parser.parse_args()
    if options.add and not options.commit:
        parser.error("--add needs --commit, the commit with which the model was trained")
    return options


def main() -> None:
    options = parsed()
    try:
        if options.add:
            key, model = options.add
            table, row = find_row(key)
            entry = entry_of(
                table, row, Path(model), revision=options.commit, changed=options.changed, data_name=options.data_name
            )
            add(entry, key, FOLDER)
        if options.estimate:
            estimate(trainings_to_estimate(options.only), options.data, FOLDER, verify=options.verify)
        PAGE.write_text(page(TABLES, Results()), encoding="utf-8")
    except NetwrightError as error:
        raise SystemExit(f"{error}") from None
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
