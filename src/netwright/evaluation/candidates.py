"""The worker's side of a grid whose candidates are children with settings of their own."""

from dataclasses import dataclass

from netwright.execution.interface import Evaluate
from netwright.trials import Job, Measurement


@dataclass(frozen=True)
class Candidates:
    """An `Evaluate` for jobs that differ in their settings: `children[n]` trains job n."""

    children: tuple[Evaluate, ...]

    def __call__(self, job: Job) -> Measurement:
        """Train the job's architecture with the child of its number."""
        return self.children[job.number](job)
