"""The results of a run: the ranking, the confirmed means, the JSON document."""

import math
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import takewhile

from netwright.architectures.families import architecture_from_json
from netwright.architectures.values import JsonObject, to_json
from netwright.config import max_redraws
from netwright.errors import RunError
from netwright.files import is_being_written
from netwright.searching.accepted_changes import AcceptedChange
from netwright.searching.failure_values import learned
from netwright.searching.quality import Quality
from netwright.searching.redraws import TrialCount
from netwright.searching.store import Confirmation, Store
from netwright.searching.stored_trials import check_scores
from netwright.spaces.decisions import actions_to_json
from netwright.trials import Trial, TrialState

NUM_RECENT = 50
"""The median score is over so many last trials, so that it shows the current policy."""

NORMAL_QUANTILE = 1.959964
"""The 97.5% quantile of the standard normal distribution."""


@dataclass(frozen=True)
class Confirmed:
    """Scores of one architecture retrained with fresh seeds: unlike a search's maximum, not picked for being high."""

    scores: tuple[float, ...]
    num_failed: int = 0
    epochs: int | None = None
    """Of each training; None: those of the search."""

    @property
    def mean(self) -> float:
        """The mean score; NaN where every retraining failed."""
        return statistics.fmean(self.scores) if self.scores else math.nan

    @property
    def deviation(self) -> float | None:
        """The standard deviation between seeds; None where there are not two."""
        return statistics.stdev(self.scores) if len(self.scores) > 1 else None

    def __str__(self) -> str:
        deviation = "" if self.deviation is None else f" ± {self.deviation:.4f}"
        return f"{self.mean:.4f}{deviation} ({self.trainings})"

    @property
    def trainings(self) -> str:
        """The number of trainings, in short, with their epochs if these are not the search's."""
        failed = f", {self.num_failed} failed" if self.num_failed else ""
        epochs = f", {self.epochs} epochs" if self.epochs is not None else ""
        return f"n={len(self.scores)}{failed}{epochs}"


@dataclass(frozen=True)
class Results:
    """The state of a run and all its trials."""

    recipe: str
    seed: int
    state: str
    """finished, running or interrupted."""
    data_name: str | None
    data_notes: tuple[str, ...]
    """What was changed in the data before anything was trained on it."""
    score_name: str
    higher_is_better: bool
    """Whether a high score is a good one."""
    config: JsonObject
    trials: tuple[Trial, ...]
    """Those below the trial limit, in the order of sampling, with the samples that were redrawn."""
    retrained: tuple[Mapping[str, Confirmed], ...]
    """The steps of the ladder of confirmation, fewest epochs first, each by fingerprint."""
    changes: tuple[AcceptedChange, ...] = ()
    """Changes of the space or of the code that were accepted."""

    @classmethod
    def of(cls, store: Store, *, running: bool | None = None, trials: Sequence[Trial] | None = None) -> "Results":
        """Read the results from `store`.

        Args:
            store: The run's store.
            running: Whether a search is under way; None finds that out.
            trials: The trials with their architectures; None reads them from the store, where architectures are JSON.
        """
        config, about = store.document("config"), store.document("about")
        all_trials = store.trials() if trials is None else trials
        updates = store.updates()
        with store.understood():
            all_trials = learned(all_trials, updates, config["batch_size"])
            count = TrialCount(max_redraws(config), all_trials)
            finished = count.all_ended(all_trials, config["num_trials"])
            trials, score_name = tuple(all_trials[: count.end(config["num_trials"])]), about["score_name"]
            check_scores(trials, score_name)
            if running is None:
                running = store.folder is not None and not finished and is_being_written(store.folder)
            state = "finished" if finished else "running" if running else "interrupted"
            retrained = retrained_scores(store.confirmations(), score_name)
            data_notes = tuple(about.get("data_notes", ()))
            return cls(
                config["recipe"],
                config["seed"],
                state,
                about["data"],
                data_notes,
                score_name,
                about.get("higher_is_better", True),
                config,
                trials,
                retrained,
                tuple(store.accepted_changes()),
            )

    @cached_property
    def confirmed(self) -> Mapping[str, Confirmed]:
        """The scores of the longest retrainings of every retrained architecture, by fingerprint."""
        return {fingerprint: found for step in self.retrained for fingerprint, found in step.items()}

    @cached_property
    def counted(self) -> Sequence[Trial]:
        """The trials that count towards `num_trials`: all except redrawn samples, whose costs are above a limit."""
        count = TrialCount(max_redraws(self.config), self.trials)
        return [trial for trial in self.trials if count.counts(trial.number)]

    @property
    def num_redrawn(self) -> int:
        """How many samples above a limit on costs were redrawn, and count as no trials."""
        return len(self.trials) - len(self.counted)

    @property
    def redrawn(self) -> str:
        """The number of samples that were redrawn, in words."""
        number = self.num_redrawn
        return f"{number:,} {'sample' if number == 1 else 'samples'} above the limits on costs, redrawn"

    @property
    def quality(self) -> Quality:
        """How the scores are shown."""
        return Quality(self.score_name, self.config["evaluate"].get("task"), self.higher_is_better)

    def shown(self, trial: Trial) -> float:
        """Return what is shown for the score of a measured trial."""
        return self.quality(trial.metrics[self.score_name])

    def shown_confirmed(self, trial: Trial) -> Confirmed | None:
        """Return the scores of the retrainings of a trial's architecture as they are shown; None if there are none."""
        found = self.confirmed.get(trial.fingerprint)
        return found and replace(found, scores=tuple(map(self.quality, found.scores)))

    @property
    def best_score(self) -> float | None:
        """The best score of any trial of the search, which is optimistic; None before the first."""
        scores = [trial.metrics[self.score_name] for trial in self.trials if trial.state is TrialState.DONE]
        return (max if self.higher_is_better else min)(scores, default=None)

    @property
    def largest_class_share(self) -> float | None:
        """The validation accuracy of always naming the largest class; None where older or other trials lack it."""
        shares = (trial.metrics.get("largest_class_share") for trial in self.trials)
        return next((share for share in shares if share is not None), None)

    def explained_by_largest_class(self, trial: Trial) -> bool:
        """Return whether the confirmed accuracy of a trial is no better than always naming the largest class.

        It is not if its 95% interval, for the number of the validation images, reaches the share of that class.
        """
        confirmed, share = self.confirmed.get(trial.fingerprint), self.largest_class_share
        count = trial.metrics.get("num_validation_images")
        if share is None or not count or confirmed is None or not confirmed.scores:
            return False
        return self.score_name == "validation_accuracy" and wilson_interval(confirmed.mean, count)[0] <= share

    def ranking(self) -> list[Trial]:
        """Return the first measured trial of every architecture by reward, the confirmed ones at the top by mean.

        A measurement before a change that was accepted counts only where there is none after it.

        A confirmed mean is unbiased and a single reward is optimistic, so they are not comparable: a trial that is
        confirmed stands above one that is not only if all that had higher rewards are confirmed too. The same holds for
        retrainings of more epochs and those of fewer.
        """
        measured = [trial for trial in reversed(self.trials) if trial.state is TrialState.DONE]
        first = {trial.fingerprint: trial for trial in sorted(measured, key=lambda trial: not trial.outdated)}
        ranking = sorted(first.values(), key=lambda trial: (-(trial.reward or 0.0), trial.number))
        for step in self.retrained:
            known = list(takewhile(lambda trial: trial.fingerprint in step, ranking))  # noqa: B023, used at once
            ranking = sorted(known, key=lambda trial: self._by_mean(step[trial.fingerprint])) + ranking[len(known) :]
        return ranking

    def top(self, count: int) -> list[Trial]:
        """Return the best `count` trials of different architectures."""
        return self.ranking()[:count]

    @property
    def best(self) -> Trial:
        """The first of `ranking`: by confirmed mean, or else by reward (optimistic). `RunError` if there is none."""
        if not (found := self.top(1)):
            raise RunError("no trial was measured, so none is the best; .trials and their .error say why")
        return found[0]

    def _by_mean(self, confirmed: Confirmed) -> float:
        """Return a sort key: the best first, and last if every retraining failed; equal ones stay in their order."""
        if not confirmed.scores:
            return math.inf
        return -confirmed.mean if self.higher_is_better else confirmed.mean

    def to_json(self) -> JsonObject:
        """Return the document of `netwright show --json`."""
        ranking = self.ranking()
        best = None
        if ranking:
            confirmed = self.confirmed.get(ranking[0].fingerprint)
            best = trial_to_json(ranking[0], self.state)
            best["confirmed"] = None if confirmed is None or not confirmed.scores else {
                "metric": self.score_name, "mean": confirmed.mean, "deviation": confirmed.deviation,
                "scores": list(confirmed.scores),
                **({} if confirmed.epochs is None else {"epochs": confirmed.epochs}),
            }  # fmt: skip
        return {
            "recipe": self.recipe,
            "seed": self.seed,
            "state": self.state,
            "data": self.data_name,
            "data_notes": list(self.data_notes),
            "config": self.config,
            "num_redrawn": self.num_redrawn,
            "trials": [trial_to_json(trial, self.state) for trial in self.trials],
            "best": best,
            **({"accepted_changes": [list(each.changed) for each in self.changes]} if self.changes else {}),
        }


def retrained_scores(confirmations: Sequence[Confirmation], score_name: str) -> tuple[dict[str, Confirmed], ...]:
    """Group retrainings by epochs, those of the search first, and then by the fingerprint of the architecture."""
    steps: dict[int | None, dict[str, list[Confirmation]]] = defaultdict(lambda: defaultdict(list))
    for each in confirmations:
        steps[each.epochs][each.fingerprint].append(each)
    return tuple(
        {
            fingerprint: Confirmed(
                tuple(each.metrics[score_name] for each in group if each.error is None),
                sum(each.error is not None for each in group),
                epochs,
            )
            for fingerprint, group in steps[epochs].items()
        }
        for epochs in sorted(steps, key=lambda epochs: epochs or 0)
    )


def trial_to_json(trial: Trial, run_state: str = "finished") -> JsonObject:
    """Return a trial as `netwright show --json` lists it; in a stopped run a running trial is queued again."""
    orphaned = trial.state is TrialState.RUNNING and run_state != "running"
    return {
        "number": trial.number,
        "state": str(TrialState.QUEUED if orphaned else trial.state),
        "reward": trial.reward,
        "actions": actions_to_json(trial.proposal.actions),
        "parameters": dict(trial.proposal.parameters),
        "architecture": to_json(trial.proposal.architecture),
        "metrics": dict(trial.metrics),
        "seconds": trial.seconds,
        "policy_version": trial.proposal.policy_version,
        "reused_from": trial.reused_from,
        "error": trial.error,
        **({"outdated": True} if trial.outdated else {}),
        **({"foreign": True} if trial.foreign else {}),
    }


def described(architecture: object) -> str:
    """Format an architecture on one line, in the notation of its kind."""
    known = architecture_from_json(architecture)
    if known is not None:
        return str(known)
    document = to_json(architecture)
    if isinstance(document, dict):
        return ", ".join(f"{key}={value}" for key, value in document.items() if key != "type")
    return str(document)


def wilson_interval(share: float, count: float) -> tuple[float, float]:
    """Return the 95% confidence interval of a success probability (Wilson 1927, without continuity correction).

    Args:
        share: The observed share of successes, from 0 to 1.
        count: The number of independent attempts, or their effective number, at least 1.
    """
    squared = NORMAL_QUANTILE**2
    centre = share + squared / (2 * count)
    half = NORMAL_QUANTILE * math.sqrt(share * (1 - share) / count + squared / (4 * count**2))
    scale = 1 + squared / count
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)
