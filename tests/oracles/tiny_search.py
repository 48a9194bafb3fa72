"""A space of 64 architectures, functions that judge them, and what is compared of two searches."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import netwright as nw
from netwright.trials import Proposal, Ticket, Trial, TrialState

Architecture = dict[str, list[int]]


@nw.space
def tiny(num_layers: int = 3):  # type: ignore[no-untyped-def]
    widths = []
    for _ in range(num_layers):
        widths.append((yield nw.Choice("width", (1, 2, 3, 4))))
    return {"widths": widths}


def total(architecture: Architecture) -> float:
    return float(sum(architecture["widths"]))


def raise_always(architecture: Architecture) -> float:
    raise LookupError(f"no such network: {architecture}")  # the line that a user looks for


def seen(trials: tuple[Trial, ...]) -> list[tuple[object, ...]]:
    """What must be the same where a search is repeated."""
    drawn = [(trial.number, trial.proposal.actions, trial.proposal.policy_version) for trial in trials]
    ended = [(trial.state, trial.reward, trial.reused_from, trial.failure_kind) for trial in trials]
    return list(zip(drawn, ended, strict=True))


def states(results: Any) -> Counter[TrialState]:
    return Counter(trial.state for trial in results.trials)


def ended(ticket: Ticket, proposals: Sequence[Proposal], rewards: Sequence[float | None]) -> list[Trial]:
    return [
        Trial(ticket.first + index, proposal, TrialState.DONE, reward)
        for index, (proposal, reward) in enumerate(zip(proposals, rewards, strict=True))
    ]


def distance(one: Sequence[Any], other: Sequence[Any]) -> int:
    return sum(a != b for a, b in zip(one, other, strict=True))
