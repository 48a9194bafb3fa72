"""Confirmation: the maximum of many noisy scores is optimistic, so the best are trained again with fresh seeds.

It is a ladder where the settings say so: the best share of all architectures is trained once for more epochs than in
the search, and the best of these with several seeds for more epochs still. Each step chooses by the step before.
"""

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from netwright.config import ConfirmSettings, RunConfig
from netwright.errors import ConfigError, command
from netwright.evaluation.rewards import Reward
from netwright.execution.attempts import check_none_lost, run_all
from netwright.execution.interface import Executor
from netwright.searching.error_log import logged
from netwright.searching.store import Confirmation, Store
from netwright.seeds import derive_seed
from netwright.trials import Job, Outcome, Trial, TrialState, is_finite_number


def best_trials(trials: Sequence[Trial]) -> list[Trial]:
    """Return the first measured trial of each architecture, those with the highest rewards first."""
    first: dict[str, Trial] = {}
    for trial in trials:
        if trial.state is TrialState.DONE:
            first.setdefault(trial.fingerprint, trial)
    return sorted(first.values(), key=lambda trial: (-(trial.reward or 0.0), trial.number))


def trials_numbered(trials: Sequence[Trial], numbers: Sequence[int], run: Path | None) -> list[Trial]:
    """Return the trials of `run` with these numbers; `ConfigError` for one that was not measured."""
    for number in numbers:
        if not 0 <= number < len(trials) or trials[number].state is not TrialState.DONE:
            every = command("show", run, "--top", max(1, len(trials)))
            raise ConfigError(f"trial {number} was not measured in this run; `{every}` lists those that were")
    return [trials[number] for number in numbers]


@dataclass(frozen=True)
class Step:
    """One step of the ladder: so many architectures, each trained with `num_seeds` seeds for so many epochs."""

    num_architectures: int
    epochs: int | None
    """None: those of the search."""
    num_seeds: int

    @property
    def num_trainings(self) -> int:
        """Of all of them."""
        return self.num_architectures * self.num_seeds


def ladder(settings: ConfirmSettings, num_architectures: int, epochs: int | None = None) -> list[Step]:
    """Return the steps of a confirmation.

    Args:
        settings: Those of the run. A share of `first` is one of the architectures of the step before; at least `top`
            go on.
        num_architectures: The number of different architectures to choose from.
        epochs: Those of the search.
    """
    steps, count = [], num_architectures
    for more, share in settings.first:
        count = min(count, max(settings.top, math.ceil(share * count)))
        steps.append(Step(count, more, num_seeds=1))
    last = None if settings.epochs == epochs else settings.epochs
    return [*steps, Step(min(settings.top, count), last, settings.num_seeds)]


def next_step(
    trials: Sequence[Trial], steps: Sequence[Step], store: Store, reward: Reward
) -> tuple[int, list[tuple[Trial, int]]] | None:
    """Return the number of the first step that is incomplete, with the trials and repeats to train; None if none is.

    Args:
        trials: Trials of different architectures, the best first.
        steps: The ladder.
        store: Holds the retrainings that have ended.
        reward: Compares scores.
    """
    stored = store.confirmations()
    keys = {each.key for each in stored}
    rewards: dict[tuple[str, int | None], list[float]] = defaultdict(list)
    with store.understood():
        for each in stored:
            if each.error is None:
                rewards[each.fingerprint, each.epochs].append(reward(each.metrics[reward.score_name]))
    for number, step in enumerate(steps):
        trials = trials[: step.num_architectures]
        wanted = [(trial, repeat) for repeat in range(step.num_seeds) for trial in trials]
        left = [(trial, repeat) for trial, repeat in wanted if (trial.fingerprint, step.epochs, repeat) not in keys]
        if left:
            return number, left
        means = {trial.number: _mean(rewards[trial.fingerprint, step.epochs]) for trial in trials}
        trials = sorted(trials, key=lambda trial: -means[trial.number])  # equal ones stay in the order before
    return None


def _mean(rewards: Sequence[float]) -> float:
    return statistics.fmean(rewards) if rewards else -math.inf


def confirm(
    trials: Sequence[Trial],
    *,
    config: RunConfig,
    reward: Reward,
    store: Store,
    executor: Executor,
    steps: Sequence[Step],
    on_result: Callable[[int, int], None] = lambda ended, total: None,
) -> None:
    """Train architectures again on the run's split and store the scores.

    Seeds derive from (run seed, architecture, repeat), and from the epochs where these are not the search's; they
    differ from those of the search. Stored retrainings are not repeated, so an interrupted confirmation continues where
    it stopped.

    Args:
        trials: Trials of different architectures, the best first.
        config: The run's settings.
        reward: Gives the score of a measurement.
        store: Stores every score when it is there.
        executor: Runs the trainings.
        steps: How many of the trials are trained, and how.
        on_result: Called with the numbers of ended trainings and of all, first with 0.

    Raises:
        RunError: Some trainings lost their workers; all others are stored.
    """
    num_ended = 0
    while (found := next_step(trials, steps, store, reward)) is not None:
        number, wanted = found
        epochs = steps[number].epochs
        total = num_ended + len(wanted) + sum(step.num_trainings for step in steps[number + 1 :])
        jobs = [
            Job(
                place,
                trial.proposal.architecture,
                derive_seed(config.seed, "confirm", trial.fingerprint, *([] if epochs is None else [epochs]), repeat),
                epochs=epochs,
            )
            for place, (trial, repeat) in enumerate(wanted)
        ]
        lost: list[str] = []
        on_result(num_ended, total)
        for ended in run_all(executor, jobs):
            trial, repeat = wanted[ended.number]
            outcome = logged(ended, store.folder, f"retraining {repeat} of trial {trial.number}")
            if outcome.lost:
                lost.append(str(outcome.failure))
            else:
                store.confirm(_confirmation(outcome, trial.fingerprint, repeat, epochs, reward), outcome)
            num_ended += 1
            on_result(num_ended, total)
        check_none_lost("retrainings", len(wanted), lost)


def _confirmation(outcome: Outcome, fingerprint: str, repeat: int, epochs: int | None, reward: Reward) -> Confirmation:
    if outcome.measurement is None:
        return Confirmation(fingerprint, repeat, {}, outcome.seconds, str(outcome.failure), epochs)
    score = reward.score(outcome.measurement)
    if not is_finite_number(score):
        return Confirmation(fingerprint, repeat, {}, outcome.seconds, f"the {reward.score_name} is {score}", epochs)
    metrics = {**outcome.measurement.metrics, reward.score_name: score}
    return Confirmation(fingerprint, repeat, metrics, outcome.seconds, epochs=epochs)
