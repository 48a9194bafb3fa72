"""The values that pass between rooms: what is proposed, trained, measured and stored.

strategy -> Proposal -> core -> Job -> executor -> Outcome -> core -> Trial -> store, strategy
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from functools import cached_property

from netwright.architectures.values import JsonObject, fingerprint
from netwright.spaces.decisions import Actions


class TrialState(StrEnum):
    """The state of a trial."""

    QUEUED = "queued"
    """Sampled; waits for a free worker, for a trial with the same architecture, or for a higher trial limit."""
    RUNNING = "running"
    """Submitted to an executor."""
    DONE = "done"
    STOPPED = "stopped"
    """Training was stopped early, since the child was worse than others after as many epochs."""
    FAILED = "failed"
    """Training gave no result; `error` holds the reason."""
    REJECTED = "rejected"
    """Not trained, because its costs are above a limit of the run."""

    @property
    def measured(self) -> bool:
        """Whether there is a score: after the whole training, or where it was stopped."""
        return self in (TrialState.DONE, TrialState.STOPPED)

    @property
    def finished(self) -> bool:
        """Whether the trial has ended."""
        return self not in (TrialState.QUEUED, TrialState.RUNNING)


class FailureKind(StrEnum):
    """Why a child gave no measurement."""

    EXCEPTION = "exception"
    NOT_FINITE = "not finite"
    OUT_OF_MEMORY = "out of memory"
    TIME_LIMIT = "time limit"
    WORKER_LOST = "worker lost"

    @property
    def is_infrastructure_failure(self) -> bool:
        """Whether the machine failed and not the child. Such a child is tried again and never learned from."""
        return self is FailureKind.WORKER_LOST


MAX_ATTEMPTS = 3
"""Attempts at a child or remote task that ends with an infrastructure failure."""


@dataclass(frozen=True)
class Failure:
    """A child's failure; `message` is one line, `detail` a traceback or empty."""

    kind: FailureKind
    message: str
    detail: str = ""
    uncut: str = ""
    """For a log: the text before it was cut to a few kB, itself limited to 1 MB; empty if nothing was cut."""

    def __str__(self) -> str:
        head = f"{self.kind}: {self.message}"
        return f"{head}\n{self.detail}" if self.detail else head


@dataclass(frozen=True, eq=False)
class Proposal:
    """An architecture that a strategy proposes.

    The space's `parameters` and the `actions` always rebuild the same architecture. `policy_version` is the number of
    updates before the actions were sampled.
    """

    parameters: Mapping[str, object]
    actions: Actions
    architecture: object
    policy_version: int = 0

    @cached_property
    def fingerprint(self) -> str:
        """The architecture's fingerprint."""
        return fingerprint(self.architecture)

    def __eq__(self, other: object) -> bool:
        """Compare the values, however they are held."""
        return isinstance(other, Proposal) and all(
            getattr(self, each.name) == getattr(other, each.name) for each in fields(Proposal)
        )


def never(metrics: JsonObject) -> bool:
    """Return False: a child without thresholds is trained to the end."""
    return False


@dataclass(frozen=True)
class Job:
    """One architecture to train from `seed`. `number` is the trial's, or any other that identifies the job."""

    number: int
    architecture: object
    seed: int
    is_over: Callable[[JsonObject], bool] = never
    """Called after every epoch with the metrics so far: whether the child is to be stopped; picklable."""
    epochs: int | None = None
    """How many epochs to train; None is as many as the settings say."""

    @property
    def changes(self) -> Mapping[str, object]:
        """The arguments of the training that differ from the settings."""
        return {} if self.epochs is None else {"epochs": self.epochs}


@dataclass(frozen=True)
class RemoteTask:
    """Work of the strategy for any process, done before other jobs; `number` is below 0."""

    number: int
    work: Callable[[], object]


@dataclass(frozen=True)
class Measurement:
    """What training a child gave: numbers, and lists of numbers with one entry per epoch; all are JSON values."""

    metrics: JsonObject


@dataclass(frozen=True)
class Outcome:
    """The end of a job: a measurement (for a remote task an `answer`) or a failure, after `seconds` of work.

    `begun` is when the work began, in seconds since 1970; None if unknown.
    """

    number: int
    measurement: Measurement | None
    failure: Failure | None
    seconds: float
    begun: float | None = None
    answer: object = None

    @property
    def of_remote_task(self) -> bool:
        """Whether a remote task ended and not a child."""
        return self.number < 0

    @property
    def lost(self) -> bool:
        """Whether the machine failed and not the child, so that the job is tried again."""
        return self.failure is not None and self.failure.kind.is_infrastructure_failure


@dataclass(frozen=True)
class Trial:
    """A proposal with its state and result."""

    number: int
    proposal: Proposal
    state: TrialState = TrialState.QUEUED
    reward: float | None = None
    """What the strategy learns from; None if there is nothing to learn, or until the batch of a failed trial is learned
    (`netwright.searching.failure_values`)."""
    metrics: JsonObject = field(default_factory=dict)
    seconds: float | None = None
    reused_from: int | None = None
    """The number of the trial with the same architecture whose measurement this one has."""
    error: str | None = None
    failure_kind: FailureKind | None = None
    outdated: bool = False
    """Whether it was measured before a change of the user's code that was accepted, so that it is not reused."""
    foreign: bool = False
    """Whether the space, since it was changed, no longer builds this architecture, so that it is not learned from."""

    @property
    def fingerprint(self) -> str:
        """The architecture's fingerprint."""
        return self.proposal.fingerprint

    @property
    def above_limit(self) -> bool:
        """Whether it was rejected for its costs, which are its metrics; a trial that a changed space lost has none."""
        return self.state is TrialState.REJECTED and bool(self.metrics)

    def reusing(self, other: "Trial") -> "Trial":
        """Return this trial with the result of `other`, a finished trial of the same architecture."""
        return replace(
            self,
            state=other.state,
            reward=other.reward,
            metrics=other.metrics,
            seconds=0.0,
            reused_from=other.number if other.reused_from is None else other.reused_from,
            error=other.error,
            failure_kind=other.failure_kind,
        )


@dataclass(frozen=True)
class Ticket:
    """One batch to sample and later learn: trials `first` .. `first + size - 1`."""

    round: int
    first: int
    size: int
    replica: int = 0
    redrawn: int = 0
    """How many trials of the batches learned before do not count towards the number of trials (limits on costs)."""

    def sample_number(self, index: int) -> int:
        """Return the sample number of trial `first + index` for the schedules of a space (`Space.at`).

        Samples that were redrawn do not advance a schedule. Only those of the batches that were learned before are
        known when the batch is sampled, with any number of replicas.
        """
        return self.first - self.redrawn + index


@dataclass(frozen=True)
class Update:
    """The effect of learning one batch; `metrics` are for display (baseline, gradient norm, ...)."""

    round: int
    metrics: Mapping[str, float]

    @property
    def batch(self) -> int:
        """The number of the batch; a single controller learns batches in their order."""
        return int(self.metrics.get("batch", self.round))


@dataclass(frozen=True)
class StrategyState:
    """Everything that a strategy needs to continue: JSON values, and tensors as safetensors bytes."""

    values: JsonObject = field(default_factory=dict)
    tensors: bytes = b""


LARGEST_REWARD = 3e38
"""About the largest number of float32."""


def is_finite_number(value: object) -> bool:
    """Return whether `value` can be a reward: a number that is finite in the controller's float32, too."""
    return isinstance(value, int | float) and math.isfinite(value) and abs(value) <= LARGEST_REWARD
