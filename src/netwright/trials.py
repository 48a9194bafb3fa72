"""The values that cross borders: what is proposed, what is to be trained, what was measured, what is kept.

strategy -> Proposal -> core -> Job -> executor -> Outcome -> core -> Trial -> store, strategy
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from netwright.architectures.values import fingerprint
from netwright.spaces.decisions import Actions


class TrialState(StrEnum):
    """Where a trial stands."""

    QUEUED = "queued"
    """Drawn, and waiting: for a free place, for a trial with the same architecture, or for a higher trial limit."""
    RUNNING = "running"
    """Handed to an executor."""
    DONE = "done"
    FAILED = "failed"
    """Trained without a result; `error` says why."""
    REJECTED = "rejected"
    """Not trained, because it broke a limit of the run."""

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen to the trial."""
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
        """Whether the machine failed and not the child: retried, and never learned from."""
        return self is FailureKind.WORKER_LOST


MAX_ATTEMPTS = 3
"""How often a child is tried, or a chore, that ends with such a failure."""


@dataclass(frozen=True)
class Failure:
    """A child's failure; `message` is one line, `detail` a traceback or empty."""

    kind: FailureKind
    message: str
    detail: str = ""

    def __str__(self) -> str:
        head = f"{self.kind}: {self.message}"
        return f"{head}\n{self.detail}" if self.detail else head


@dataclass(frozen=True)
class Proposal:
    """An architecture as a strategy wrote it.

    (`parameters` of the space, `actions`) always rebuild the same architecture. `policy_version` is the number of
    updates that the policy had seen when it drew the actions.
    """

    parameters: Mapping[str, Any]
    actions: Actions
    architecture: Any
    policy_version: int = 0


@dataclass(frozen=True)
class Job:
    """One architecture to be trained from `seed`. `number` is the trial's, or any other that the sender chose."""

    number: int
    architecture: Any
    seed: int


@dataclass(frozen=True)
class RemoteTask:
    """Work of the strategy's own that any process may do, before it takes up another job; `number` is below 0."""

    number: int
    work: Callable[[], Any]


@dataclass(frozen=True)
class Measurement:
    """What training a child gave: numbers, and lists of numbers with one entry per epoch."""

    metrics: Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """The end of a job: a measurement (of a chore an `answer`) or a failure, after `seconds` of work.

    `begun` is when the work began, in seconds since 1970; None where nobody knows.
    """

    number: int
    measurement: Measurement | None
    failure: Failure | None
    seconds: float
    begun: float | None = None
    answer: Any = None

    @property
    def of_remote_task(self) -> bool:
        """Whether it was no child's."""
        return self.number < 0

    @property
    def lost(self) -> bool:
        """Whether it says nothing of the child, so that the job is tried again."""
        return self.failure is not None and self.failure.kind.is_infrastructure_failure


@dataclass(frozen=True)
class Trial:
    """One proposal and everything that became of it."""

    number: int
    proposal: Proposal
    state: TrialState = TrialState.QUEUED
    reward: float | None = None
    """What the strategy learned from; None where there is nothing to learn."""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    reused_from: int | None = None
    """The trial with the same architecture whose measurement this one took over."""
    error: str | None = None
    failure_kind: FailureKind | None = None

    @cached_property
    def fingerprint(self) -> str:
        """The architecture's fingerprint."""
        return fingerprint(self.proposal.architecture)

    def reusing(self, other: "Trial") -> "Trial":
        """This trial with the result of `other`, a finished trial of the same architecture."""
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
    """One batch to be drawn and later learned: trials `first` .. `first + size - 1`."""

    round: int
    first: int
    size: int
    replica: int = 0


@dataclass(frozen=True)
class Update:
    """What learning one batch did; `metrics` are numbers for people (baseline, gradient norm, ...)."""

    round: int
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class StrategyState:
    """Everything a strategy needs to go on: JSON values, and tensors as safetensors bytes."""

    values: Mapping[str, Any] = field(default_factory=dict)
    tensors: bytes = b""


LARGEST_REWARD = 3e38
"""About the largest number of float32."""


def is_finite_number(value: object) -> bool:
    """Whether `value` is a number that can be a reward: finite, also in the controller's float32."""
    return isinstance(value, int | float) and math.isfinite(value) and abs(value) <= LARGEST_REWARD
