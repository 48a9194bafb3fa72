"""Records of a comparison's runs: the numbers that the statistics need, and the ledger that enforces the budget."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from netwright.compare.ladder import Finalist, finalist
from netwright.compare.plan import Plan
from netwright.errors import StoreError
from netwright.files import LARGEST_JSON, read_whole, replace_whole
from netwright.searching.core import SearchCore
from netwright.searching.quality import Quality
from netwright.searching.redraws import TrialCount
from netwright.searching.store import Confirmation
from netwright.trials import Trial, TrialState


@dataclass(frozen=True)
class Record:
    """One run; every list has one entry per trial that counts, in their order."""

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
    """The place in these lists of the first trial with the same architecture."""
    epochs: tuple[int | None, ...]
    """The epochs of each trial's training, as `seconds`."""
    error: str | None = None
    """The error of the first failed trial."""
    num_redrawn: int = 0
    """Samples above a limit on costs that do not count as trials."""
    finalist: Finalist | None = None
    """What the ladder of confirmation chose; None without one."""

    @classmethod
    def of(
        cls, plan: Plan, strategy: str, seed: int, trials: Sequence[Trial], confirmations: Sequence[Confirmation] = ()
    ) -> Self:
        """Make the record of a run's finished trials and of its retrainings."""
        count = TrialCount(plan.config.constraints.max_redraws, trials)
        counted = [trial for trial in trials if count.counts(trial.number)]
        done = [trial.state is TrialState.DONE for trial in counted]
        score_name = plan.evaluation.reward.score_name
        first: dict[str, int] = {}
        return cls(
            strategy,
            seed,
            tuple(trial.reward if ended else None for trial, ended in zip(counted, done, strict=True)),
            tuple(trial.metrics[score_name] if ended else None for trial, ended in zip(counted, done, strict=True)),
            tuple(plan.seconds(trials, trial.number) for trial in counted),
            tuple(trial.metrics.get("test_accuracy") for trial in counted),
            tuple(first.setdefault(trial.fingerprint, place) for place, trial in enumerate(counted)),
            tuple(plan.epochs(trials, trial.number) for trial in counted),
            next((trial.error for trial in trials if trial.error), None),
            count.num_redrawn(0, len(trials)),
            finalist(plan, trials, confirmations),
        )

    @property
    def repeated(self) -> list[bool]:
        """For each trial, whether an earlier one had the same architecture."""
        return [first < place for place, first in enumerate(self.firsts)]

    def in_unit_of(self, quality: Quality) -> Self:
        """Return the record with its scores converted to the displayed unit, for example bits per character."""
        found = self.finalist
        return replace(
            self,
            scores=tuple(None if score is None else quality(score) for score in self.scores),
            finalist=None if found is None else replace(found, score=quality(found.score)),
        )

    def write(self, path: Path) -> None:
        """Write the record as JSON, atomically."""
        replace_whole(path, json.dumps(asdict(self), separators=(",", ":")).encode())

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` wrote; raise `StoreError` for anything else."""
        try:
            document = json.loads(read_whole(path, LARGEST_JSON))
            document.setdefault("epochs", [None] * len(document["rewards"]))  # older records have none
            if document.get("finalist") is not None:
                document["finalist"] = Finalist(**document["finalist"])
            lists = {name: tuple(value) for name, value in document.items() if isinstance(value, list)}
            record = cls(**{**document, **lists})
            if not lists or len({*map(len, lists.values())}) != 1:
                raise ValueError("its lists differ in length")
            return record
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise StoreError(f"{path} is no record of a run ({error}); remove it to repeat the run") from None


class Ledger:
    """Adds up the costs of a run's trials in their order, and ends the run with its budget."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.spent = 0.0
        self._count = TrialCount(plan.config.constraints.max_redraws)
        """Of the trials that belong to the run so far."""
        self._seen: set[str] = set()

    @property
    def num_trials(self) -> int:
        """How many trials belong to the run so far, without the samples that were redrawn."""
        return self._count.num_counted

    def of_run(self, core: SearchCore) -> Sequence[Trial]:
        """Return the trials that belong to the run so far, with the samples that were redrawn."""
        return core.trials[: self._count.num_taken]

    def follow(self, core: SearchCore) -> None:
        """Count finished trials; at the end of the budget, finish `core` by limiting it to them."""
        while not self.ended and self._count.num_taken < len(core.trials):
            trial = core.trials[self._count.num_taken]
            if not trial.state.finished:
                return
            self._count.take(trial)
            if self._count.counts(trial.number):
                seconds = self._plan.seconds(core.trials, trial.number)
                epochs = self._plan.epochs(core.trials, trial.number)
                self.spent += self._plan.budget.price(seconds, epochs, repeated=trial.fingerprint in self._seen)
                self._seen.add(trial.fingerprint)
        if self.ended:
            core.num_trials = self.num_trials

    @property
    def ended(self) -> bool:
        """Whether the budget is spent or the limit of proposals, without those that were redrawn, is reached."""
        budget = self._plan.budget
        return self.spent >= budget.amount or self.num_trials >= budget.max_proposals
