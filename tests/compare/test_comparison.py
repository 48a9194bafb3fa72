"""What is compared, what a run may spend, and what becomes of the records: without processes."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from netwright.compare.comparison import Comparison, costs_of
from netwright.compare.page import page
from netwright.compare.plan import Budget, Repeats, default_folder, make_plan
from netwright.compare.records import Record
from netwright.compare.runs import WholeRun
from netwright.compare.tables import strategies
from netwright.config import FunctionSettings, RunConfig, TextSettings
from netwright.errors import ConfigError, RunError, StoreError
from netwright.evaluation.function import FunctionEvaluation
from netwright.evaluation.interface import DatasetInfo
from netwright.recipes.cells import pydoc
from netwright.trials import Measurement, Proposal, Trial, TrialState
from oracles.tiny_search import raise_always, tiny, total


def config(function: Callable[..., float] = total, **changes: Any) -> RunConfig:
    settings = {"num_trials": 24, "batch_size": 1, "lag": 0, **changes}
    return RunConfig(space=tiny(), evaluate=FunctionSettings(function=function), **settings)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions become a table that knows seconds and a test accuracy."""

    def look_up(job: Any) -> Measurement:
        widths = job.architecture["widths"]
        return Measurement({"value": total(job.architecture), "table_seconds": 10.0 * widths[0], "test_accuracy": 0.5})

    monkeypatch.setattr(FunctionEvaluation, "seconds_metric", "table_seconds")
    monkeypatch.setattr(FunctionEvaluation, "evaluate", lambda self, folder: look_up)


def played(plan: Any, strategy: str = "random", seed: int = 0) -> Record:
    return WholeRun(plan, DatasetInfo()).play(strategy, seed)


def record(strategy: str, seed: int, scores: list[float | None], **changes: Any) -> Record:
    none: tuple[None, ...] = (None,) * len(scores)
    values = {"seconds": none, "test_accuracies": none, "firsts": tuple(range(len(scores))), "epochs": none, **changes}
    return Record(strategy, seed, tuple(scores), tuple(scores), **values)


# Budgets


def test_a_budget_of_trials_counts_repeats_unless_they_are_free() -> None:
    charged = played(make_plan(config(), "random", num_seeds=1, trials=50))
    assert len(charged.rewards) == 50
    assert any(charged.repeated)
    free = played(make_plan(config(), "random", num_seeds=1, trials=50, repeats=Repeats.free))
    assert len(set(free.firsts)) == 50
    assert free.firsts[-1] == len(free.firsts) - 1  # it ends with the fiftieth different one
    assert free.rewards[:50] == charged.rewards


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("repeats", list(Repeats))
def test_a_budget_of_seconds_is_overrun_by_the_last_trial_alone(repeats: Repeats) -> None:
    plan = make_plan(config(), "random", num_seeds=1, seconds=1000, repeats=repeats)
    found = played(plan)
    spent, seen = [], set()
    for number, seconds in enumerate(found.seconds):
        assert seconds is not None
        again = found.firsts[number] in seen
        seen.add(found.firsts[number])
        spent.append((spent[-1] if spent else 0.0) + (0.0 if again and repeats is Repeats.free else seconds))
    assert spent[-2] < 1000 <= spent[-1]
    assert costs_of(found, plan.budget).tolist() == spent
    assert found.test_accuracies == (0.5,) * len(spent)


@pytest.mark.usefixtures("table")
def test_batches_in_flight_change_nothing_of_the_rule() -> None:
    plan = make_plan(config(batch_size=8, lag=2), "random", num_seeds=1, seconds=1000)
    seconds = [each or 0.0 for each in played(plan).seconds]
    assert sum(seconds[:-1]) < 1000 <= sum(seconds)


def test_a_child_that_was_not_trained_again_costs_what_the_first_did() -> None:
    plan = make_plan(pydoc(), "random", num_seeds=1, seconds=100)
    first = Trial(0, Proposal({}, (), "a"), TrialState.DONE, 0.5, {"validation_perplexity": 9.0}, seconds=7.0)
    repeat = Trial(1, Proposal({}, (), "a")).reusing(first)
    found = Record.of(plan, "random", 0, [first, repeat])
    assert (found.seconds, found.scores, found.firsts) == ((7.0, 7.0), (9.0, 9.0), (0, 0))
    assert costs_of(found, plan.budget).tolist() == [7.0, 14.0]
    assert costs_of(found, replace(plan.budget, repeats=Repeats.free)).tolist() == [7.0, 7.0]


def test_a_run_that_only_repeats_itself_ends() -> None:
    free = {"num_seeds": 1, "trials": 65, "repeats": Repeats.free}  # and there are 64
    assert len(played(make_plan(config(), "random", **free)).rewards) == 1000
    assert len(played(make_plan(config(), "random", max_proposals=700, **free)).rewards) == 700
    assert make_plan(config(), "random", num_seeds=1, trials=300, repeats=Repeats.free).budget.max_proposals == 3000


def test_a_limit_of_proposals_that_would_do_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"--max-proposals 7: where repeats are charged, --trials 5 is the limit"):
        make_plan(config(), "random", num_seeds=1, trials=5, max_proposals=7)


def test_a_function_that_always_raises_stops_the_comparison_with_its_traceback() -> None:
    with pytest.raises(RunError, match=r"the first 3 trials all failed(.|\n)*the line that a user looks for"):
        played(make_plan(config(raise_always), "random", num_seeds=1, trials=9))


# Plans


def test_a_strategy_is_written_with_settings_and_keeps_those_of_the_recipe() -> None:
    recipe = config(strategy={"name": "reinforce", "hidden_size": 5})
    plan = make_plan(recipe, "random, reinforce:learning_rate=0.5:num_layers=1", num_seeds=3, trials=7)
    assert list(plan.configs) == ["random", "reinforce:learning_rate=0.5:num_layers=1"]
    strategy = plan.configs["reinforce:learning_rate=0.5:num_layers=1"].strategy.to_json()
    assert [strategy[name] for name in ("hidden_size", "learning_rate", "num_layers")] == [5, 0.5, 1]
    assert plan.runs[:3] == [("random", 0), ("reinforce:learning_rate=0.5:num_layers=1", 0), ("random", 1)]
    assert plan.run_config("random", 2).seed == 2
    assert make_plan(recipe, "random", num_seeds=2, trials=7, settings=["seed=5", "lag=3"]).seeds == (5, 6)
    name = default_folder("own/a.py:config", "random,reinforce:learning_rate=0.5").name
    assert name == "config-random-reinforce-learning_rate=0.5"


def test_what_is_done_side_by_side_is_a_property_of_the_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    assert make_plan(config(), "random", num_seeds=1, trials=7).runs_are_jobs
    assert not make_plan(config(time_limit_seconds=3), "random", num_seeds=1, trials=7).runs_are_jobs
    assert make_plan(config(time_limit_seconds=3), "random", num_seeds=1, seconds=7).budget.unit == "seconds"
    monkeypatch.setattr(FunctionEvaluation, "is_instant", False)
    assert not make_plan(config(), "random", num_seeds=1, trials=7).runs_are_jobs


def test_repeats_that_are_trained_again_are_not_free() -> None:
    with pytest.raises(ConfigError, match="--set reuse=true"):
        make_plan(config(), "random", num_seeds=1, trials=7, repeats=Repeats.free, settings=["reuse=false"])


# Records


def test_a_record_comes_back_equal_and_a_broken_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    written = record("a", 3, [0.1, None, 0.3])
    written.write(path)
    assert Record.read(path) == written
    for broken in ("", "{}", "[1]", path.read_text().replace("null,0.3", "0.3", 1), '{"strategy": 1}'):
        path.write_text(broken)
        with pytest.raises(StoreError, match=r"a\.json is no record of a run .*; remove it to repeat the run"):
            Record.read(path)


# Comparisons


def test_the_reported_result_is_that_of_the_first_architecture_with_the_best_reward() -> None:
    plan = make_plan(config(), "random,reinforce", num_seeds=2, trials=4)
    accuracies = (0.1, 0.2, 0.3, 0.4)
    records = [
        record("random", 0, [1.0, 3.0, 3.0, 2.0], test_accuracies=accuracies, firsts=(0, 1, 2, 0)),
        record("random", 1, [4.0, None, 1.0, 1.0], test_accuracies=accuracies),
        record("reinforce", 0, [1.0, 2.0, 3.0, 5.0], test_accuracies=accuracies),
        record("reinforce", 1, [5.0, 2.0, 3.0, 4.0], test_accuracies=accuracies),
    ]
    found = Comparison.of(plan, records, DatasetInfo(best_score=5.0))
    random, reinforce = found.summaries
    assert [run.test_accuracy for run in (*random.runs, *reinforce.runs)] == [0.2, 0.1, 0.4, 0.1]
    assert [run.regret for run in (*random.runs, *reinforce.runs)] == [2.0, 1.0, 0.0, 0.0]
    assert [run.num_distinct for run in random.runs] == [3, 4]
    assert random.regret is not None
    assert random.found is not None
    assert reinforce.found is not None
    assert (random.regret.mean, random.found.mean, reinforce.found.mean) == (1.5, 0.0, 1.0)
    assert found.better["reinforce", "random"].mean == 1.0
    assert found.better["random", "reinforce"].mean == 0.0
    assert random.curve.x == (1.0, 2.0, 3.0, 4.0)
    assert random.curve.mean == (2.5, 3.5, 3.5, 3.5)
    top, *_ = found.by_models
    assert (top.strategy, top.against, top.top) == ("reinforce", "random", 1)
    assert top.curve.mean == (0.5, 0.0, 0.5, 1.5)
    assert "NaN" not in json.dumps(found.to_json())


def test_where_low_scores_are_good_the_papers_comparison_is_turned_round() -> None:
    plan = make_plan(pydoc(), "random,reinforce", num_seeds=1, trials=1)
    runs = (("random", 90.0), ("reinforce", 70.0))
    records = [Record(name, 0, (80 / score**2,), (score,), (1.0,), (None,), (0,), (None,)) for name, score in runs]
    found = Comparison.of(plan, records, DatasetInfo())
    assert found.by_models[0].curve.mean == (20.0,)
    assert found.better["reinforce", "random"].mean == 1.0


def test_characters_are_compared_in_bits_for_people_and_in_perplexity_for_programs() -> None:
    settings = TextSettings(task="text-characters", num_validation_tokens=100)
    plan = make_plan(pydoc().changed(evaluate=settings), "random,reinforce", num_seeds=1, trials=1)
    runs = (("random", 8.0), ("reinforce", 4.0))
    records = [Record(name, 0, (80 / score**2,), (score,), (1.0,), (None,), (0,), (None,)) for name, score in runs]
    shown = Comparison.of(plan, records, DatasetInfo(), for_people=True)
    assert [each.best_score.mean for each in shown.summaries] == [3.0, 2.0]
    headers, rows = strategies(shown)
    assert headers[2] == "best validation bits per character"
    assert [row[2] for row in rows] == ["3", "2"]
    assert "Best validation bits per character so far" in page(shown)
    assert "perplexity" not in page(shown).partition("<h2>Settings")[0]
    document = Comparison.of(plan, records, DatasetInfo()).to_json()
    assert document["score_name"] == "validation_perplexity"
    assert [each["best_score"]["mean"] for each in document["strategies"]] == [8.0, 4.0]


def test_what_overruns_the_budget_counts_where_it_ends() -> None:
    plan = make_plan(config(time_limit_seconds=9), "random", num_seeds=1, seconds=10)
    found = Comparison.of(plan, [record("random", 0, [1.0, 2.0], seconds=(6.0, 9.0))], DatasetInfo())
    curve = dict(zip(found.summaries[0].curve.x, found.summaries[0].curve.mean, strict=True))
    assert [value for x, value in curve.items() if x < 6] == [None] * sum(x < 6 for x in curve)
    assert {value for x, value in curve.items() if 6 <= x < 10} == {1.0}
    assert curve[10.0] == 2.0
    assert found.summaries[0].runs[0].cost == 15.0


def test_a_run_that_measured_nothing_is_no_result() -> None:
    plan = make_plan(config(), "random", num_seeds=1, trials=1)
    with pytest.raises(RunError, match="no trial of random, seed 0, was measured; its first error: not finite"):
        Comparison.of(plan, [record("random", 0, [None], error="not finite: nan")], DatasetInfo())


def test_the_accounting_is_said_in_words() -> None:
    rule = Budget("seconds", 20_000, Repeats.free, 1000).rule
    assert rule.startswith("20,000 seconds a run, repeats free: a repeated architecture costs nothing")
    assert "the last trial of a run may overrun the budget" in rule
    assert rule.endswith("a run ends at the latest after 1,000 proposals")
    assert not math.isnan(Budget("trials", 5, Repeats.charged, 5).price(None, None, repeated=True))
