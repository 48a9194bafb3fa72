"""The ladder of confirmation at the end of a comparison's run: what it chose, and what it cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from netwright.compare.plan import Plan
from netwright.config import RunConfig
from netwright.errors import RunError
from netwright.execution.in_process import InProcessExecutor
from netwright.execution.interface import Evaluate
from netwright.searching.confirmation import best_trials, confirm, ladder
from netwright.searching.results import retrained_scores
from netwright.searching.store import Confirmation, Store
from netwright.trials import Trial


@dataclass(frozen=True)
class Finalist:
    """What a ladder chose, the architecture with the best mean score on its last step, and what all steps cost."""

    score: float
    """The mean over its retrainings with the most epochs."""
    test_accuracy: float | None
    """The mean over the same retrainings; None for most tasks, which do not measure it."""
    num_trainings: int
    """Of all architectures on all steps; the following two belong to these as well."""
    seconds: float | None
    """None if unknown."""
    epochs: int | None
    """None if the children report no epochs."""


def confirmed_in_memory(
    plan: Plan, config: RunConfig, trials: Sequence[Trial], evaluate: Evaluate
) -> Sequence[Confirmation]:
    """Retrain the best architectures of a run that is in memory.

    Args:
        plan: The plan of the run.
        config: Its settings, with those of the ladder.
        trials: Its trials.
        evaluate: Trains a child.
    """
    best = best_trials(trials)
    steps = ladder(config.confirm, len(best), getattr(config.evaluate, "epochs", None))
    reward, executor = plan.evaluation.reward, InProcessExecutor(evaluate)
    with Store.in_memory({}) as store:
        confirm(best, config=config, reward=reward, store=store, executor=executor, steps=steps)
        return store.confirmations()


def finalist(plan: Plan, trials: Sequence[Trial], confirmations: Sequence[Confirmation]) -> Finalist | None:
    """Return what the ladder of a run chose; None if it has none.

    Args:
        plan: The plan of the run.
        trials: Its trials.
        confirmations: All of its retrainings.

    Raises:
        RunError: Every training of the last step failed.
    """
    reward = plan.evaluation.reward
    steps = retrained_scores(confirmations, reward.score_name)
    if not steps:
        return None
    means = {key: found.mean for key, found in steps[-1].items() if found.scores}
    if not means:
        error = next(each.error for each in confirmations if each.error)
        raise RunError(f"every retraining of the ladder's last step failed; the first error: {error}")
    order = [trial.fingerprint for trial in best_trials(trials) if trial.fingerprint in means]
    chosen = max(order, key=lambda key: reward(means[key]))  # of equal ones the first, the best of the search
    group = [
        each
        for each in confirmations
        if (each.fingerprint, each.epochs) == (chosen, steps[-1][chosen].epochs) and each.error is None
    ]
    tests = [each.metrics.get("test_accuracy") for each in group]
    known = [test for test in tests if test is not None]
    seconds = [plan.seconds_of(each.metrics, each.seconds) for each in confirmations]
    epochs = [plan.epochs_of(each.metrics) for each in confirmations]
    return Finalist(
        means[chosen],
        sum(known) / len(known) if len(known) == len(tests) else None,
        len(confirmations),
        None if None in seconds else sum(each for each in seconds if each is not None),
        None if None in epochs else sum(each for each in epochs if each is not None),
    )
