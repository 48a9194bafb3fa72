"""The grid of a final training: candidates, their validation accuracies on disk, and the choice among them."""

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from netwright.architectures.convolutional import ConvNet
from netwright.architectures.values import fingerprint, to_json
from netwright.config import FinalSettings, ImageSettings, RunConfig
from netwright.errors import RunError, StoreError
from netwright.rewards import AccuracyReward
from netwright.running import Place, make_executor
from netwright.training.image_child import Candidates, ImageChild
from netwright.trials import Job, Outcome, derive_seed
from netwright.writing import replace_whole

EPOCHS_FACTOR = 6
"""Epochs of a final training for each of a child's: DenseNet's 300 where the paper's children have 50."""
MAX_ATTEMPTS = 3
"""A candidate whose worker was lost is tried so many times."""

OnProgress = Callable[[str, int, int], None]
"""Told what is under way, how much of it has ended, and how much there is."""


@dataclass(frozen=True)
class Candidate:
    """An architecture with the settings of one grid point; `origin` says where the architecture is from.

    `settings` are those that differ from the search's: keyword arguments of `train_classifier`, and epsilon.
    """

    origin: str
    architecture: ConvNet
    settings: Mapping[str, Any]


def candidates_of(found: Mapping[str, ConvNet], settings: ImageSettings, final: FinalSettings) -> tuple[Candidate, ...]:
    """Every architecture with every point of the grid, the search's own settings first."""
    schedule = final.schedule or settings.schedule
    decays_at = final.decays_at if schedule != "constant" else (None,)
    grid = [
        {
            "epochs": final.epochs or EPOCHS_FACTOR * settings.epochs,
            "schedule": schedule,
            "label_smoothing": final.label_smoothing,
            "learning_rate": settings.learning_rate * learning_rate,
            "weight_decay": settings.weight_decay * weight_decay,
            "epsilon": epsilon,
            "decay_at": decay_at,
        }
        for learning_rate, weight_decay, epsilon, decay_at in itertools.product(
            final.learning_rates, final.weight_decays, final.epsilons, decays_at
        )
    ]
    return tuple(Candidate(origin, network, point) for origin, network in found.items() for point in grid)


class Measured:
    """What the candidates' trainings gave, in a JSON file that is replaced as a whole after each of them.

    `common` is everything beside the candidate that decides a result: what was measured under other circumstances is
    not found.
    """

    def __init__(self, path: Path, common: Mapping[str, Any]) -> None:
        self._path, self._common = path, dict(common)
        self._entries: dict[str, dict[str, Any]] = {}
        if path.exists():
            try:
                self._entries = dict(json.loads(path.read_text(encoding="utf-8")))
            except (OSError, ValueError, TypeError) as error:
                raise StoreError(f"{path} is corrupted ({error}); remove it to train the grid anew") from None

    def of(self, candidate: Candidate) -> dict[str, Any] | None:
        """`validation_accuracy` and `seconds`, or `error` and `seconds`; None where it was not trained yet."""
        return self._entries.get(self._key(candidate))

    def add(self, candidate: Candidate, outcome: Outcome, accuracy: float | None) -> None:
        """Keep an outcome; one that says nothing of the candidate only until this process ends.

        `RunError` where the disk is full.
        """
        result = {"validation_accuracy": accuracy} if accuracy is not None else {"error": str(outcome.failure)}
        self._entries[self._key(candidate)] = {**result, "seconds": round(outcome.seconds, 2)}
        if outcome.failure is None or not outcome.failure.kind.says_nothing_of_the_child:
            replace_whole(self._path, json.dumps(self._entries).encode())

    def _key(self, candidate: Candidate) -> str:
        return fingerprint(
            {**self._common, "architecture": to_json(candidate.architecture), "settings": dict(candidate.settings)}
        )


def train_candidates(
    candidates: Sequence[Candidate],
    *,
    child: ImageChild,
    config: RunConfig,
    seed: int,
    last_epochs: int,
    place: Place,
    measured: Measured,
    on_progress: OnProgress,
) -> None:
    """Train on the search's split what is not in `measured` yet, and put it there.

    All points of an architecture start from the same weights. The accuracy is that of the search's score.
    """
    todo = [number for number, candidate in enumerate(candidates) if measured.of(candidate) is None]
    on_progress("grid", len(candidates) - len(todo), len(candidates))
    if not todo:
        return
    score = AccuracyReward(last_epochs).score
    evaluate = Candidates(child, tuple(candidate.settings for candidate in candidates))
    workers = None if place.workers is None else min(place.workers, len(todo))
    # The time limit was meant for the search's short trainings.
    executor = make_executor(config.changed(time_limit_seconds=None), evaluate, replace(place, workers=workers))
    attempts = dict.fromkeys(todo, 0)

    def submit(number: int) -> None:
        attempts[number] += 1
        architecture = candidates[number].architecture
        executor.submit(Job(number, architecture, derive_seed(seed, "grid", fingerprint(architecture))))

    try:
        for number in todo:
            submit(number)
        while attempts:
            for outcome in executor.wait():
                number = outcome.number
                lost = outcome.failure is not None and outcome.failure.kind.says_nothing_of_the_child
                if lost and attempts[number] < MAX_ATTEMPTS:
                    submit(number)
                    continue
                accuracy = None if outcome.measurement is None else score(outcome.measurement)
                measured.add(candidates[number], outcome, accuracy)
                del attempts[number]
                on_progress("grid", len(candidates) - len(attempts), len(candidates))
    finally:
        executor.close()


def best_candidate(candidates: Sequence[Candidate], measured: Measured) -> tuple[Candidate, float]:
    """The candidate with the highest validation accuracy, the earlier one of equals, and that accuracy."""
    results = [measured.of(candidate) or {} for candidate in candidates]
    accuracies = [result["validation_accuracy"] for result in results if "validation_accuracy" in result]
    if not accuracies:
        raise RunError(
            f"every training of the grid failed, the first with {results[0].get('error')}\nMend the cause, or change "
            "the settings with --set evaluate.NAME=VALUE"
        )
    best = max(accuracies)
    winner = next(c for c, result in zip(candidates, results, strict=True) if result.get("validation_accuracy") == best)
    return winner, best
