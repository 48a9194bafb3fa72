"""Confirmation: the maximum of many noisy scores is optimistic, so the best are trained again with fresh seeds."""

from collections.abc import Callable, Sequence
from pathlib import Path

from netwright.config import RunConfig
from netwright.errors import ConfigError, command
from netwright.evaluation.rewards import Reward
from netwright.execution.attempts import check_none_lost, run_all
from netwright.execution.interface import Executor
from netwright.searching.error_log import logged
from netwright.searching.store import Confirmation, Store
from netwright.seeds import derive_seed
from netwright.trials import Job, Outcome, Trial, TrialState, is_finite_number


def best_trials(trials: Sequence[Trial], top: int) -> list[Trial]:
    """Return the first trials of the `top` architectures with the highest rewards."""
    first: dict[str, Trial] = {}
    for trial in trials:
        if trial.state is TrialState.DONE:
            first.setdefault(trial.fingerprint, trial)
    return sorted(first.values(), key=lambda trial: (-(trial.reward or 0.0), trial.number))[:top]


def trials_numbered(trials: Sequence[Trial], numbers: Sequence[int], run: Path | None) -> list[Trial]:
    """Return the trials of `run` with these numbers; `ConfigError` for one that was not measured."""
    for number in numbers:
        if not 0 <= number < len(trials) or trials[number].state is not TrialState.DONE:
            every = command("show", run, "--top", max(1, len(trials)))
            raise ConfigError(f"trial {number} was not measured in this run; `{every}` lists those that were")
    return [trials[number] for number in numbers]


def confirm(
    trials: Sequence[Trial],
    *,
    config: RunConfig,
    reward: Reward,
    store: Store,
    executor: Executor,
    num_seeds: int,
    on_result: Callable[[int, int], None] = lambda ended, total: None,
) -> None:
    """Train each architecture `num_seeds` times on the run's split and store the scores.

    Seeds derive from (run seed, architecture, repeat) and differ from the search's. Stored retrainings are not
    repeated, so an interrupted confirmation continues where it stopped.

    Args:
        trials: The trials whose architectures are trained again.
        config: The run's settings.
        reward: Gives the score of a measurement.
        store: Stores every score when it is there.
        executor: Runs the trainings.
        num_seeds: Trainings of each architecture.
        on_result: Called with the numbers of ended trainings and of all, first with 0.

    Raises:
        RunError: Some trainings lost their workers; all others are stored.
    """
    stored = {(each.fingerprint, each.repeat) for each in store.confirmations()}
    wanted = [
        (trial, repeat) for repeat in range(num_seeds) for trial in trials if (trial.fingerprint, repeat) not in stored
    ]
    jobs = [
        Job(number, trial.proposal.architecture, derive_seed(config.seed, "confirm", trial.fingerprint, repeat))
        for number, (trial, repeat) in enumerate(wanted)
    ]
    lost: list[str] = []
    on_result(0, len(wanted))
    for num_ended, ended in enumerate(run_all(executor, jobs), start=1):
        trial, repeat = wanted[ended.number]
        outcome = logged(ended, store.folder, f"retraining {repeat} of trial {trial.number}")
        if outcome.lost:
            lost.append(str(outcome.failure))
        else:
            store.confirm(_confirmation(outcome, trial.fingerprint, repeat, reward), outcome)
        on_result(num_ended, len(wanted))
    check_none_lost("retrainings", len(wanted), lost)


def _confirmation(outcome: Outcome, fingerprint: str, repeat: int, reward: Reward) -> Confirmation:
    if outcome.measurement is None:
        return Confirmation(fingerprint, repeat, {}, outcome.seconds, str(outcome.failure))
    score = reward.score(outcome.measurement)
    if not is_finite_number(score):
        return Confirmation(fingerprint, repeat, {}, outcome.seconds, f"the {reward.score_name} is {score}")
    metrics = {**outcome.measurement.metrics, reward.score_name: score}
    return Confirmation(fingerprint, repeat, metrics, outcome.seconds)
