"""A confirmation trains again with seeds of its own, so that its scores are new measurements."""

from pathlib import Path

from netwright.config import FunctionSettings, RunConfig
from netwright.evaluation.rewards import ValueReward
from netwright.execution.in_process import InProcessExecutor
from netwright.searching.confirmation import best_trials, confirm
from netwright.searching.factory import make_core
from netwright.searching.loop import drive
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
        best = best_trials(core.trials, 2)
        for number in num_seeds:
            confirm(best, config=config, reward=ValueReward(), store=store, executor=executor, num_seeds=number)
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
