"""Runs on disk that nobody trained, for what reads runs."""

import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from netwright.config import ConfirmSettings, ImageSettings, RunConfig
from netwright.searching.store import Confirmation, Store
from netwright.spaces.convolutional import convolutional
from netwright.spaces.exploring import sample
from netwright.spaces.programs import Space
from netwright.trials import FailureKind, Outcome, Proposal, StrategyState, Trial, TrialState, Update

SCORE = "validation_accuracy"
BEGUN = 1.75e9


def make_run(
    folder: Path,
    *,
    num_trials: int = 64,
    num_drawn: int | None = None,
    space: Space | None = None,
    num_distinct: int | None = None,
    error: str = "out of memory: 3 GiB wanted\nTraceback: line 1",
    fails: Callable[[int], bool] = lambda number: number % 10 == 3,
    num_confirmed: int = 3,
    learns: bool = True,
    recipe: str = "made-up",
    command: Sequence[str] = ("netwright", "search", "made-up"),
    metrics: dict[str, Any] | None = None,
) -> Path:
    """A run of `num_trials` of which `num_drawn` exist, with rewards that rise, failures and confirmed means."""
    space = space or convolutional(4)
    config = RunConfig(
        recipe=recipe,
        space=space,
        evaluate=ImageSettings(task="digits", num_validation=500),
        strategy={"name": "reinforce" if learns else "random"},
        num_trials=num_trials,
        confirm=ConfirmSettings(top=3, num_seeds=2),
    )
    about = {
        "data": "made-up digits",
        "score_name": SCORE,
        "command": list(command),
        "created": "2026-01-02T03:04:05+00:00",
        "versions": {"netwright": "0.1.0", "torch": "2.13.0"},
        "hardware": "an abacus",
    }
    placement = {"workers": 2, "data": None, "verify": True}
    count = num_trials if num_drawn is None else num_drawn
    rng = random.Random(0)
    trials = _trials(_proposals(space, count, num_distinct, rng), count, fails, error, metrics or {}, rng)
    updates = [
        Update(
            n, {"mean_reward": 0.3 + n / 100, "baseline": 0.29, "entropy": 40 - n / 10, "gradient_norm": rng.random()}
        )
        for n in range(count // 8)
    ]
    with Store.create(folder, {"config": config.to_json(), "place": placement, "about": about}) as store:
        store.begin_session(BEGUN, workers=2)
        ended = [Outcome(t.number, None, None, t.seconds or 0.0, BEGUN + 2 + 2 * t.number) for t in trials]
        store.commit(trials, updates if learns else (), StrategyState(), ended)
        best = sorted((t for t in trials if t.state is TrialState.DONE and t.reused_from is None), key=_reward)
        for trial in best[:num_confirmed]:
            for repeat in range(2):
                confirmation = Confirmation(trial.fingerprint, repeat, {SCORE: 0.7 + repeat / 10}, 1.0)
                store.confirm(confirmation, Outcome(0, None, None, 1.0))
    return folder


def _proposals(space: Space, count: int, num_distinct: int | None, rng: random.Random) -> Iterator[Proposal]:
    """`count` of them; after `num_distinct` the same come again."""
    drawn: list[Proposal] = []
    for number in range(count):
        if num_distinct is None or number < num_distinct:
            episode = sample(space.at(number), rng)
            drawn.append(Proposal(episode.space.parameters, tuple(episode.actions), episode.architecture))
        yield drawn[number % len(drawn)]


def _trials(
    proposals: Iterable[Proposal],
    count: int,
    fails: Callable[[int], bool],
    error: str,
    metrics: dict[str, Any],
    rng: random.Random,
) -> list[Trial]:
    """What became of `count` proposals, in a run of which some repeat and some fail."""
    trials: list[Trial] = []
    first: dict[str, Trial] = {}
    for number, proposal in enumerate(proposals):
        trial = Trial(number, proposal)
        if trial.fingerprint in first:
            trial = trial.reusing(first[trial.fingerprint])
        elif fails(number):
            kind = FailureKind.OUT_OF_MEMORY
            trial = replace(trial, state=TrialState.FAILED, reward=0.0, seconds=3.0, error=error, failure_kind=kind)
        else:
            score = min(0.99, 0.6 + 0.25 * (1 - math.exp(-3 * number / count)) + rng.gauss(0, 0.02))
            measured = {SCORE: score, "num_parameters": 970 + number, **metrics}
            trial = replace(
                trial, state=TrialState.DONE, reward=score**3, metrics=measured, seconds=rng.lognormvariate(1, 0.4)
            )
        first.setdefault(trial.fingerprint, trial)
        trials.append(trial)
    return trials


def _reward(trial: Trial) -> float:
    return -(trial.reward or 0.0)
