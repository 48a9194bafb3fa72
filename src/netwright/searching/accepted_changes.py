"""Changes of a run's space or code that were accepted, and the marks that they leave on trials."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from netwright.architectures.values import JsonObject
from netwright.searching.stored_trials import rebuilt
from netwright.spaces.programs import Space
from netwright.trials import Trial, TrialState


@dataclass(frozen=True)
class AcceptedChange:
    """A change that was accepted: what changed, and the trials before it."""

    changed: tuple[str, ...]
    """The lines of `Identity.changes_since`."""
    outdated: frozenset[int]
    """The numbers of the trials that were measured before."""
    foreign: frozenset[int]
    """Those among all trials whose architectures the new space no longer builds."""

    def to_json(self) -> JsonObject:
        """Return the document of a store; sets of numbers as ranges [first, last]."""
        return {
            "changed": list(self.changed),
            "outdated": _ranges(self.outdated),
            "foreign": _ranges(self.foreign),
        }

    @classmethod
    def from_json(cls, document: JsonObject) -> "AcceptedChange":
        """Return the change that `to_json` wrote."""
        return cls(tuple(document["changed"]), _numbers(document["outdated"]), _numbers(document["foreign"]))

    @property
    def in_words(self) -> str:
        """One sentence for people."""
        said = f"{len(self.outdated):,} trials were measured before a change of the space or of the code was accepted"
        if self.foreign:
            said += f"; {len(self.foreign):,} of all trials do not belong to the space since then"
        return said


def accepted_change(lines: Sequence[str], trials: Sequence[Trial], space: Space) -> AcceptedChange:
    """Return the change with the trials that it concerns.

    Args:
        lines: What has changed.
        trials: All stored trials.
        space: The space as it is now.
    """
    return AcceptedChange(
        tuple(lines),
        frozenset(trial.number for trial in trials if trial.state.finished),
        frozenset(trial.number for trial in trials if rebuilt(trial.proposal, space) is None),
    )


def marked(trials: Iterable[Trial], accepted: Sequence[AcceptedChange]) -> list[Trial]:
    """Return trials with the marks of the changes that were accepted; the newest says which trials are foreign."""
    outdated = frozenset[int]().union(*(each.outdated for each in accepted))
    foreign = accepted[-1].foreign if accepted else frozenset[int]()
    return [
        replace(trial, outdated=trial.number in outdated, foreign=trial.number in foreign)
        if trial.number in outdated or trial.number in foreign
        else trial
        for trial in trials
    ]


def withdrawn(trials: Iterable[Trial], foreign: frozenset[int]) -> list[Trial]:
    """Return the foreign trials that were not measured yet, as rejected: the new space has no such architectures."""
    error = "it was sampled before a change of the space, which no longer has this architecture"
    return [
        replace(trial, state=TrialState.REJECTED, error=error)
        for trial in trials
        if trial.number in foreign and not trial.state.finished
    ]


def _ranges(numbers: Iterable[int]) -> list[list[int]]:
    ranges: list[list[int]] = []
    for number in sorted(numbers):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ranges


def _numbers(ranges: Iterable[Sequence[int]]) -> frozenset[int]:
    return frozenset(number for first, last in ranges for number in range(first, last + 1))
