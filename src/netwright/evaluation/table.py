"""Architectures that others have trained, looked up in a table in the place of training; needs no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from netwright.architectures.nasbench201 import NasBench201Cell
from netwright.config import TableSettings
from netwright.config.final_training import FinalTrainingSettings
from netwright.errors import ConfigError, DataError
from netwright.evaluation.interface import DatasetInfo, Evaluation
from netwright.evaluation.rewards import Reward, ValueReward
from netwright.tasks.benchmarks.catalog import find_table, load_table
from netwright.tasks.benchmarks.table import Table
from netwright.trials import Job, Measurement


@dataclass(frozen=True)
class TableEvaluation(Evaluation):
    """Implements `Evaluation` for tables."""

    settings: TableSettings

    is_instant = True
    seconds_metric = "table_seconds"
    architectures = (NasBench201Cell,)

    @property
    def reward(self) -> Reward:
        """The validation accuracy itself."""
        return ValueReward(score_name="validation_accuracy")

    def open(self, path: Path | None, *, verify: bool) -> DatasetInfo:
        """Find and read the table, which has no official checksum."""
        file = find_table(self.settings.task, path)
        table = load_table(self.settings.task, file)
        return DatasetInfo(
            table.name, table.notes, file, best_score=table.best.validation_accuracy, identity=table.identity
        )

    def evaluate(self, folder: Path | None) -> "TableLookup":
        """Return what looks up one architecture; `folder` is the table's file."""
        return TableLookup(self.settings.task, folder)

    def costs(self, architecture: object, shape: object) -> Mapping[str, int]:
        """Return no costs: all that a table has of them is its seconds."""
        return {}

    @property
    def final_settings(self) -> type[FinalTrainingSettings]:
        """Raises `ConfigError`: the table's architectures are not trained here."""
        raise ConfigError(
            f"this run looks up what others have trained, in the table {self.settings.task}, and there is nothing to "
            "train; its test accuracies are in `netwright show RUN --json`"
        )


@dataclass(frozen=True)
class TableLookup:
    """An `Evaluate` that looks up what others measured; the job's seed changes nothing.

    The measurement has `validation_accuracy`, `test_accuracy` and `table_seconds`, the time that the training took. A
    job with a number of epochs gets the validation accuracy after as many. Its seconds are those of the search's
    training times the ratio of the epochs.
    """

    task: str
    path: Path | None

    @cached_property
    def table(self) -> Table:
        """The table, read at the first call."""
        return load_table(self.task, self.path)

    def __call__(self, job: Job) -> Measurement:
        """Return the row of the job's architecture; `DataError` if the table lacks it or the number of epochs."""
        row = self.table.row(job.architecture)
        accuracy, seconds = row.validation_accuracy, row.seconds
        if job.epochs is not None:
            if self.table.epochs is None or job.epochs not in row.longer:
                known = " and ".join(map(str, row.longer)) or "no number of epochs beside the search's"
                raise DataError(f"the table {self.table.name} has no results after {job.epochs} epochs; it has {known}")
            accuracy, seconds = row.longer[job.epochs], seconds * job.epochs / self.table.epochs
        return Measurement(
            {"validation_accuracy": accuracy, "test_accuracy": row.test_accuracy, "table_seconds": seconds}
        )
