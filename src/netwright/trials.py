"""The records passed between strategy, core, executor and store.

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
    """The state of a trial."""

    QUEUED = "queued"
    """Proposed; waiting for a free worker, a trial of the same architecture, or a higher trial limit."""
    RUNNING = "running"
    """Handed to an executor."""
    DONE = "done"
    FAILED = "failed"
    """Ended without a measurement; `error` holds the reason."""
    REJECTED = "rejected"
    """Not trained, because it exceeds a limit of the run."""

    @property
    def finished(self) -> bool:
        """Whether the state is final."""
        return self not in (TrialState.QUEUED, TrialState.RUNNING)


class FailureKind(StrEnum):
    """The reason why a child has no measurement."""

    EXCEPTION = "exception"
    NOT_FINITE = "not finite"
    OUT_OF_MEMORY = "out of memory"
    TIME_LIMIT = "time limit"
    WORKER_LOST = "worker lost"

    @property
    def is_infrastructure_failure(self) -> bool:
        """Whether the machine failed and not the child; such a job is retried and gives no reward."""
        return self is FailureKind.WORKER_LOST


MAX_ATTEMPTS = 3
"""Maximum number of attempts at a job or remote task after infrastructure failures."""


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
    """An architecture proposed by a strategy.

    (`parameters` of the space, `actions`) always rebuild the same architecture. `policy_version` is the number of
    updates of the policy before it sampled the actions.
    """

    parameters: Mapping[str, Any]
    actions: Actions
    architecture: Any
    policy_version: int = 0


@dataclass(frozen=True)
class Job:
    """One architecture to be trained from `seed`. `number` is the trial's, or another identifier of the sender."""

    number: int
    architecture: Any
    seed: int


@dataclass(frozen=True)
class RemoteTask:
    """Work of a strategy that any process may run, with priority over jobs; `number` is negative."""

    number: int
    work: Callable[[], Any]


@dataclass(frozen=True)
class Measurement:
    """The result of training a child: numbers, and lists of numbers with one entry per epoch."""

    metrics: Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """The result of a job: a measurement (of a remote task an `answer`) or a failure, after `seconds` of work.

    `begun` is the start of the work in seconds since 1970; None if unknown.
    """

    number: int
    measurement: Measurement | None
    failure: Failure | None
    seconds: float
    begun: float | None = None
    answer: Any = None

    @property
    def of_remote_task(self) -> bool:
        """Whether it belongs to a remote task and not to a job."""
        return self.number < 0

    @property
    def lost(self) -> bool:
        """Whether the infrastructure failed, so that the job is retried."""
        return self.failure is not None and self.failure.kind.is_infrastructure_failure


@dataclass(frozen=True)
class Trial:
    """A proposal with its state and result."""

    number: int
    proposal: Proposal
    state: TrialState = TrialState.QUEUED
    reward: float | None = None
    """The value that the strategy learns from; None if the trial is not learned."""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    seconds: float | None = None
    reused_from: int | None = None
    """Number of the trial with the same architecture whose measurement this one reuses."""
    error: str | None = None
    failure_kind: FailureKind | None = None

    @cached_property
    def fingerprint(self) -> str:
        """The architecture's fingerprint."""
        return fingerprint(self.proposal.architecture)

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
    """One batch to be sampled and later learned: trials `first` .. `first + size - 1`."""

    round: int
    first: int
    size: int
    replica: int = 0


@dataclass(frozen=True)
class Update:
    """The record of learning one batch; `metrics` are reported only (baseline, gradient norm, ...)."""

    round: int
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class StrategyState:
    """The complete state of a strategy: JSON values, and tensors as safetensors bytes."""

    values: Mapping[str, Any] = field(default_factory=dict)
    tensors: bytes = b""


LARGEST_REWARD = 3e38
"""Approximately the largest finite float32."""


def is_finite_number(value: object) -> bool:
    """Return whether `value` is a number that is finite also in the controller's float32, as a reward must be."""
    return isinstance(value, int | float) and math.isfinite(value) and abs(value) <= LARGEST_REWARD
