"""Records of a comparison's runs: the numbers that the statistics need, and the ledger that enforces the budget."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from netwright.compare.plan import Plan
from netwright.errors import StoreError
from netwright.files import LARGEST_JSON, read_whole, replace_whole
from netwright.searching.core import SearchCore
from netwright.searching.quality import Quality
from netwright.trials import Trial, TrialState


@dataclass(frozen=True)
class Record:
    """One run; every list has one entry per trial, in their order."""

    strategy: str
    seed: int
    rewards: tuple[float | None, ...]
    """None for a trial without a measurement."""
    scores: tuple[float | None, ...]
    seconds: tuple[float | None, ...]
    """What a trial cost, or what a repeat would have cost if trained again; None if unknown."""
    test_accuracies: tuple[float | None, ...]
    """Usually None: most tasks do not measure it during a search."""
    firsts: tuple[int, ...]
    """The number of the first trial with the same architecture."""
    error: str | None = None
    """The error of the first failed trial."""

    @classmethod
    def of(cls, plan: Plan, strategy: str, seed: int, trials: Sequence[Trial]) -> Self:
        """Make the record of a run's finished trials."""
        done = [trial.state is TrialState.DONE for trial in trials]
        score_name = plan.evaluation.reward.score_name
        first: dict[str, int] = {}
        return cls(
            strategy,
            seed,
            tuple(trial.reward if ended else None for trial, ended in zip(trials, done, strict=True)),
            tuple(trial.metrics[score_name] if ended else None for trial, ended in zip(trials, done, strict=True)),
            tuple(plan.seconds(trials, number) for number in range(len(trials))),
            tuple(trial.metrics.get("test_accuracy") for trial in trials),
            tuple(first.setdefault(trial.fingerprint, trial.number) for trial in trials),
            next((trial.error for trial in trials if trial.error), None),
        )

    @property
    def repeated(self) -> list[bool]:
        """For each trial, whether an earlier one had the same architecture."""
        return [first < number for number, first in enumerate(self.firsts)]

    def in_unit_of(self, quality: Quality) -> Self:
        """Return the record with its scores in the unit in which people read them."""
        return replace(self, scores=tuple(None if score is None else quality(score) for score in self.scores))

    def write(self, path: Path) -> None:
        """Write the record as JSON, atomically."""
        replace_whole(path, json.dumps(asdict(self), separators=(",", ":")).encode())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` wrote; raise `StoreError` for anything else."""
        try:
            document = json.loads(read_whole(path, LARGEST_JSON))
            lists = {name: tuple(value) for name, value in document.items() if isinstance(value, list)}
            record = cls(**{**document, **lists})
            if not lists or len({*map(len, lists.values())}) != 1:
                raise ValueError("its lists differ in length")
            return record
        except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise StoreError(f"{path} is no record of a run ({error}); remove it to repeat the run") from None


class Ledger:
    """Adds up the costs of a run's trials in their order, and ends the run with its budget."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.spent = 0.0
        self.num_trials = 0
        """Trials that belong to the run so far."""
        self._seen: set[str] = set()

    def follow(self, core: SearchCore) -> None:
        """Count finished trials; at the end of the budget, finish `core` by limiting it to them."""
        while not self.ended and self.num_trials < len(core.trials):
            trial = core.trials[self.num_trials]
            if not trial.state.finished:
                return
            seconds = self._plan.seconds(core.trials, trial.number)
            price = self._plan.budget.price(seconds, repeated=trial.fingerprint in self._seen)
            self._seen.add(trial.fingerprint)
            self.spent += price
            self.num_trials += 1
        if self.ended:
            core.num_trials = self.num_trials

    @property
    def ended(self) -> bool:
        """Whether the budget is spent or the limit of proposals reached."""
        budget = self._plan.budget
        return self.spent >= budget.amount or self.num_trials >= budget.max_proposals
