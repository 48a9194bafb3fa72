"""A confirmation trains again with seeds of its own, so that its scores are new measurements."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from netwright.config import ConfirmSettings, FunctionSettings, RandomSettings, RunConfig
from netwright.errors import ConfigError
from netwright.evaluation.rewards import ValueReward
from netwright.execution.in_process import InProcessExecutor
from netwright.recipes.networks import digits
from netwright.searching.confirmation import Step, best_trials, confirm, ladder
from netwright.searching.factory import make_core
from netwright.searching.loop import drive
from netwright.searching.results import Results
from netwright.searching.store import Store
from netwright.trials import Job, Measurement
from oracles.tiny_search import tiny, total


def seed_as_score(job: Job) -> Measurement:
    """A training whose result depends on its seed alone."""
    return Measurement({"value": job.seed / 2**63})


def scores_of(folder: Path, *num_seeds: int) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Search and confirm the best two; return the scores of both, by architecture."""
    config = RunConfig(space=tiny(), evaluate=FunctionSettings(function=total), num_trials=12, seed=3)
    with Store.create(folder, {}) as store:
        core, executor = make_core(config, store), InProcessExecutor(seed_as_score)
        drive(core, executor, store)
        best = best_trials(core.trials)[:2]
        for number in num_seeds:
            steps = [Step(2, None, number)]
            confirm(best, config=config, reward=ValueReward(), store=store, executor=executor, steps=steps)
        confirmed = {
            trial.fingerprint: [
                each.metrics["value"]
                for each in sorted(store.confirmations(), key=lambda each: each.repeat)
                if each.fingerprint == trial.fingerprint
            ]
            for trial in best
        }
    searched = {trial.fingerprint: trial.reward for trial in core.trials if trial.reward is not None}
    return searched, confirmed


def test_the_scores_of_a_confirmation_differ_from_those_of_the_search_and_from_each_other(tmp_path: Path) -> None:
    searched, confirmed = scores_of(tmp_path / "run", 3)
    scores = [score for each in confirmed.values() for score in each]
    assert len({*scores}) == len(scores) == 6
    assert {*confirmed} <= {*searched}
    assert not {*scores} & {*searched.values()}


def test_a_confirmation_with_more_seeds_keeps_the_scores_that_it_had_and_repeats_give_the_same(tmp_path: Path) -> None:
    _, at_once = scores_of(tmp_path / "at_once", 4)
    _, in_two_steps = scores_of(tmp_path / "in_two_steps", 2, 4)
    assert at_once == in_two_steps


# The ladder -----------------------------------------------------------------------------------------------------------

LADDER = ConfirmSettings(top=2, num_seeds=3, epochs=50, first=((12, 1 / 4), (25, 1 / 2)))


def test_each_step_takes_its_share_of_the_step_before_and_the_last_one_the_best():
    assert ladder(LADDER, 64) == [Step(16, 12, 1), Step(8, 25, 1), Step(2, 50, 3)]
    assert ladder(LADDER, 9) == [Step(3, 12, 1), Step(2, 25, 1), Step(2, 50, 3)]
    assert ladder(LADDER, 1) == [Step(1, 12, 1), Step(1, 25, 1), Step(1, 50, 3)]
    assert ladder(ConfirmSettings(), 64, epochs=4) == [Step(5, None, 3)]
    assert ladder(ConfirmSettings(epochs=4), 64, epochs=4) == [Step(5, None, 3)], "the search's epochs, kept as such"


class Longer:
    """Trainings whose order depends on their epochs: more of them favour other architectures."""

    def __init__(self) -> None:
        self.trained: list[tuple[int | None, tuple[int, ...]]] = []

    @staticmethod
    def quality(widths: Sequence[int], epochs: int | None) -> float:
        first, second, third = widths
        return {None: first, 12: second, 25: third, 50: 10 - first}[epochs] + first / 100 + second / 1e3 + third / 1e4

    def __call__(self, job: Job) -> Measurement:
        widths = job.architecture["widths"]
        self.trained.append((job.epochs, tuple(widths)))
        return Measurement({"value": self.quality(widths, job.epochs) + (job.seed % 1000) / 1e9})


class KilledError(Exception):
    """Stands for kill -9."""


def laddered(folder: Path, *, killed_after: Sequence[int] = ()) -> tuple[Longer, Results]:
    """Search all 64 architectures, and confirm them in as many starts as there are kills, and one more."""
    config = RunConfig(
        space=tiny(), evaluate=FunctionSettings(function=total), strategy=RandomSettings(), num_trials=200, seed=1
    )
    child = Longer()
    about = {"score_name": "value", "data": None}
    with Store.create(folder, {"config": config.to_json(), "about": about}) as store:
        core = make_core(config, store)
        drive(core, InProcessExecutor(child), store)
    child.trained.clear()
    best = best_trials(core.trials)
    for limit in (*killed_after, None):

        def count(ended: int, total: int, limit: int | None = limit) -> None:
            if limit is not None and len(child.trained) >= limit:
                raise KilledError

        with Store.open(folder) as store, suppress(KilledError):
            confirm(
                best, config=config, reward=ValueReward(), store=store, executor=InProcessExecutor(child),
                steps=ladder(LADDER, len(best)), on_result=count,
            )  # fmt: skip
    with Store.read(folder) as store:
        return child, Results.of(store)


def test_a_step_chooses_by_the_step_before_and_the_ranking_by_the_highest(tmp_path: Path) -> None:
    child, results = laddered(tmp_path / "run")
    searched = [tuple(trial.proposal.architecture["widths"]) for trial in best_trials(list(results.trials))]
    count = -(-len(searched) // 4)
    expected, chosen = [], searched[:count]
    for epochs, kept, num_seeds in ((12, count, 1), (25, -(-count // 2), 1), (50, 2, 3)):
        chosen = chosen[:kept]
        expected += [(epochs, widths) for _ in range(num_seeds) for widths in chosen]
        chosen = sorted(chosen, key=lambda widths, epochs=epochs: -Longer.quality(widths, epochs))
    assert child.trained == expected
    ranked = [tuple(trial.proposal.architecture["widths"]) for trial in results.ranking()]
    assert ranked[:2] == sorted(ranked[:2], key=lambda widths: -Longer.quality(widths, 50))
    assert {*ranked[:2]} == {widths for epochs, widths in expected if epochs == 50}
    assert results.confirmed[results.best.fingerprint].trainings == "n=3, 50 epochs"
    by_25 = [widths for epochs, widths in expected if epochs == 25 and widths not in ranked[:2]]
    assert ranked[2 : 2 + len(by_25)] == sorted(by_25, key=lambda widths: -Longer.quality(widths, 25))


def test_a_ladder_that_was_killed_goes_on_with_the_same_trainings(tmp_path: Path) -> None:
    whole, results = laddered(tmp_path / "whole")
    killed, again = laddered(tmp_path / "killed", killed_after=(3, 3, 9, 17, 20))
    assert killed.trained == whole.trained
    assert again.retrained == results.retrained


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"first": [(12, 0.1)]}, "none are given"),
        ({"first": [(12, 0.1)], "epochs": 12}, "more than the 12 of the step before, and they are 12"),
        ({"first": [(12, 0.1), (6, 0.1)], "epochs": 50}, "ascending order; 6 follows 12"),
        ({"first": [(12, 0.0)], "epochs": 50}, "greater than 0"),
        ({"first": [(12, 1.1)], "epochs": 50}, "less than or equal to 1"),
        ({"epochs": 5}, "a retraining of 5 epochs is shorter than those of the search, which are 6"),
        ({"first": [(3, 0.5)], "epochs": 9}, "a retraining of 3 epochs is shorter"),
    ],
)
def test_ladders_that_make_no_sense_are_refused(settings: dict[str, object], problem: str) -> None:
    assert digits().evaluate.epochs == 6
    with pytest.raises(ConfigError, match=problem):
        digits().changed(confirm=settings)


def test_a_function_has_no_number_of_epochs() -> None:
    with pytest.raises(ConfigError, match="confirm without a number of epochs"):
        RunConfig.from_json(
            {"space": tiny(), "evaluate": FunctionSettings(function=total), "confirm": {"epochs": 4}, "num_trials": 1}
        )
