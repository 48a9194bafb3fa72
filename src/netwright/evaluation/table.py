"""The evaluation of one architecture by a table in the place of training. No torch is needed for it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from netwright.tasks.benchmarks.catalog import load_table
from netwright.tasks.benchmarks.table import Table
from netwright.trials import Job, Measurement


@dataclass(frozen=True)
class TableLookup:
    """An `Evaluate` that looks up what others measured; the job's seed changes nothing.

    Gives `validation_accuracy`, `test_accuracy` and `table_seconds`, what the training took that is looked up.
    """

    task: str
    path: Path | None

    @cached_property
    def table(self) -> Table:
        """The table, read at the first call."""
        return load_table(self.task, self.path)

    def __call__(self, job: Job) -> Measurement:
        """The row of the job's architecture; `DataError` where the table has none."""
        row = self.table.row(job.architecture)
        return Measurement(
            {
                "validation_accuracy": row.validation_accuracy,
                "test_accuracy": row.test_accuracy,
                "table_seconds": row.seconds,
            }
        )
