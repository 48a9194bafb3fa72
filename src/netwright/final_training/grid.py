"""The grid of a final training: candidates, their stored scores on the search's split, the choice among them."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from netwright.architectures.convolutional import ConvNet
from netwright.architectures.families import Architecture
from netwright.architectures.values import JsonObject, fingerprint, to_json
from netwright.config import RunConfig
from netwright.errors import RunError, StoreError
from netwright.evaluation.rewards import Reward
from netwright.execution.attempts import check_none_lost, run_all
from netwright.execution.interface import Evaluate
from netwright.files import LARGEST_JSON, read_whole, replace_whole
from netwright.final_training.interface import Candidate, once_each
from netwright.searching.error_log import logged
from netwright.searching.placement import Placement, make_executor
from netwright.seeds import derive_seed
from netwright.trials import Job, Outcome

OnProgress = Callable[[str, int, int], None]
"""Called with the name of a stage, the number of its ended parts, and the number of all."""


ALSO_STORED = ("temperature",)
"""What is stored of a candidate's training beside its score, if its kind measures that."""


def candidates_of(found: Mapping[str, Architecture], grid: Sequence[JsonObject]) -> tuple[Candidate, ...]:
    """Combine every architecture with every point of the grid, in their order.

    The epsilon of batch normalisation is a setting of ConvNets alone; other networks have the first one, once.
    """
    return tuple(
        Candidate(origin, network, point) for origin, network in found.items() for point in _points(network, grid)
    )


def _points(network: Architecture, grid: Sequence[JsonObject]) -> Sequence[JsonObject]:
    if isinstance(network, ConvNet) or "epsilon" not in grid[0]:
        return grid
    return once_each({**point, "epsilon": grid[0]["epsilon"]} for point in grid)


class Measured:
    """The results of the candidates' trainings, in a JSON file that is replaced as a whole after each of them.

    Args:
        path: The JSON file; results that it holds are used again.
        common: Everything beside the candidate that decides a result; results with other values are not used.
        reward: Gives the score of a measurement.

    Raises:
        StoreError: The file is corrupted.
    """

    def __init__(self, path: Path, common: Mapping[str, object], reward: Reward) -> None:
        self._path, self._common, self.reward = path, dict(common), reward
        self._entries: dict[str, JsonObject] = {}
        self._lost: dict[str, JsonObject] = {}
        """Results of lost workers, which say nothing about a candidate and are not stored."""
        if path.exists():
            try:
                self._entries = dict(json.loads(read_whole(path, LARGEST_JSON)))
            except (OSError, ValueError, TypeError, RecursionError) as error:
                raise StoreError(f"{path} is corrupted ({error}); remove it to train the grid anew") from None

    def of(self, candidate: Candidate) -> JsonObject | None:
        """Return the score by its name and `seconds`, or `error` and `seconds`; None if it was not trained yet."""
        key = self._key(candidate)
        return self._entries.get(key) or self._lost.get(key)

    def add(self, candidate: Candidate, outcome: Outcome) -> None:
        """Store an outcome; that of a lost worker is kept only until this process ends.

        Raises:
            RunError: The disk is full.
        """
        result: JsonObject = {"error": str(outcome.failure)}
        if outcome.measurement is not None:
            kept = {name: value for name, value in outcome.measurement.metrics.items() if name in ALSO_STORED}
            result = {self.reward.score_name: self.reward.score(outcome.measurement), **kept}
        entries = self._lost if outcome.lost else self._entries
        entries[self._key(candidate)] = {**result, "seconds": round(outcome.seconds, 2)}
        if not outcome.lost:
            replace_whole(self._path, json.dumps(self._entries).encode())

    def table(self, candidates: Sequence[Candidate]) -> list[JsonObject]:
        """Return every candidate with what its training gave, as JSON values."""
        return [{"origin": each.origin, "settings": each.settings, **(self.of(each) or {})} for each in candidates]

    @property
    def lost(self) -> list[str]:
        """The errors of the candidates that lost their workers."""
        return [entry["error"] for entry in self._lost.values()]

    def _key(self, candidate: Candidate) -> str:
        return fingerprint(
            {**self._common, "architecture": to_json(candidate.architecture), "settings": dict(candidate.settings)}
        )


def train_candidates(
    candidates: Sequence[Candidate],
    measured: Measured,
    *,
    evaluate: Evaluate,
    config: RunConfig,
    seed: int,
    placement: Placement,
    on_progress: OnProgress,
    run: Path | None = None,
) -> None:
    """Train the candidates that are not in `measured` yet on the search's split, and store their results there.

    All points of an architecture have the same seed.

    Args:
        candidates: The candidates.
        measured: The stored results.
        evaluate: Trains job n as `candidates[n]` says.
        config: The search's settings.
        seed: Of the final training.
        placement: Where candidates are trained.
        on_progress: Called before the first training and after each.
        run: The folder of the run whose architectures these are, if there is one.

    Raises:
        RunError: Some trainings lost their workers; the results of all others are stored.
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
        for num_ended, ended in enumerate(run_all(executor, [job(number) for number in todo]), start=1):
            candidate = candidates[ended.number]
            measured.add(candidate, logged(ended, run, f"point {ended.number} of the grid, {candidate.origin}"))
            on_progress("grid", len(candidates) - len(todo) + num_ended, len(candidates))
    check_none_lost("trainings of the grid", len(todo), measured.lost)


def best_candidate(candidates: Sequence[Candidate], measured: Measured) -> tuple[Candidate, float]:
    """Return the candidate with the best score, the earlier one of equals, and that score."""
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
