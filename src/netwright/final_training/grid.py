"""The grid of a final training: candidates, their scores on the search's split on disk, and the choice among them."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from netwright.architectures.families import Architecture
from netwright.architectures.values import fingerprint, to_json
from netwright.config import RunConfig
from netwright.errors import RunError, StoreError
from netwright.evaluation.rewards import Reward
from netwright.execution.attempts import check_none_lost, run_all
from netwright.execution.interface import Evaluate
from netwright.files import replace_whole
from netwright.final_training.interface import Candidate
from netwright.searching.run import Placement, make_executor
from netwright.seeds import derive_seed
from netwright.trials import Job, Outcome

OnProgress = Callable[[str, int, int], None]
"""Told what is under way, how much of it has ended, and how much there is."""


def candidates_of(found: Mapping[str, Architecture], grid: Sequence[Mapping[str, Any]]) -> tuple[Candidate, ...]:
    """Every architecture with every point of the grid, in their order."""
    return tuple(Candidate(origin, network, point) for origin, network in found.items() for point in grid)


class Measured:
    """What the candidates' trainings gave, in a JSON file that is replaced as a whole after each of them.

    `common` is everything beside the candidate that decides a result: what was measured under other circumstances is
    not found.
    """

    def __init__(self, path: Path, common: Mapping[str, Any], reward: Reward) -> None:
        self._path, self._common, self.reward = path, dict(common), reward
        self._entries: dict[str, dict[str, Any]] = {}
        self._lost: dict[str, dict[str, Any]] = {}
        """What says nothing of its candidate, and is not kept on disk."""
        if path.exists():
            try:
                self._entries = dict(json.loads(path.read_text(encoding="utf-8")))
            except (OSError, ValueError, TypeError) as error:
                raise StoreError(f"{path} is corrupted ({error}); remove it to train the grid anew") from None

    def of(self, candidate: Candidate) -> dict[str, Any] | None:
        """The score by its name and `seconds`, or `error` and `seconds`; None where it was not trained yet."""
        key = self._key(candidate)
        return self._entries.get(key) or self._lost.get(key)

    def add(self, candidate: Candidate, outcome: Outcome) -> None:
        """Keep an outcome; one that says nothing of the candidate only until this process ends.

        `RunError` where the disk is full.
        """
        result: dict[str, Any] = {"error": str(outcome.failure)}
        if outcome.measurement is not None:
            result = {self.reward.score_name: self.reward.score(outcome.measurement)}
        entries = self._lost if outcome.lost else self._entries
        entries[self._key(candidate)] = {**result, "seconds": round(outcome.seconds, 2)}
        if not outcome.lost:
            replace_whole(self._path, json.dumps(self._entries).encode())

    @property
    def lost(self) -> list[str]:
        """How candidates lost their workers."""
        return [entry["error"] for entry in self._lost.values()]

    def _key(self, candidate: Candidate) -> str:
        return fingerprint(
            {**self._common, "architecture": to_json(candidate.architecture), "settings": dict(candidate.settings)}
        )


def train_candidates(
    candidates: Sequence[Candidate],
    *,
    evaluate: Evaluate,
    config: RunConfig,
    seed: int,
    placement: Placement,
    measured: Measured,
    on_progress: OnProgress,
) -> None:
    """Train on the search's split what is not in `measured` yet, and put it there.

    `evaluate` trains job n as `candidates[n]` says. All points of an architecture have one seed. `RunError` if some
    lost their workers, when all others are kept.
    """
    todo = [number for number, candidate in enumerate(candidates) if measured.of(candidate) is None]
    on_progress("grid", len(candidates) - len(todo), len(candidates))
    if not todo:
        return

    def job(number: int) -> Job:
        architecture = candidates[number].architecture
        return Job(number, architecture, derive_seed(seed, "grid", fingerprint(architecture)))

    workers = None if placement.workers is None else min(placement.workers, len(todo))
    # The time limit was meant for the search's short trainings.
    executor = make_executor(config.changed(time_limit_seconds=None), evaluate, replace(placement, workers=workers))
    with closing(executor):
        for num_ended, outcome in enumerate(run_all(executor, [job(number) for number in todo]), start=1):
            measured.add(candidates[outcome.number], outcome)
            on_progress("grid", len(candidates) - len(todo) + num_ended, len(candidates))
    check_none_lost("trainings of the grid", len(todo), measured.lost)


def best_candidate(candidates: Sequence[Candidate], measured: Measured) -> tuple[Candidate, float]:
    """The candidate with the best score, the earlier one of equals, and that score."""
    name, results = measured.reward.score_name, [measured.of(candidate) or {} for candidate in candidates]
    scored = [
        (result[name], candidate) for result, candidate in zip(results, candidates, strict=True) if name in result
    ]
    if not scored:
        raise RunError(
            f"every training of the grid failed, the first with {results[0].get('error')}\nMend the cause, or change "
            "the settings with --set evaluate.NAME=VALUE"
        )
    best = (max if measured.reward.higher_is_better else min)(score for score, _ in scored)
    return next(candidate for score, candidate in scored if score == best), best
