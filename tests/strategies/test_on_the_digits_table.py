"""The order of strategies on the package's own table, in miniature; docs/results.md has it in full."""

import numpy as np
import pytest

from netwright.compare.comparison import Comparison, Summary
from netwright.compare.plan import make_plan
from netwright.compare.runs import WholeRun
from netwright.compare.statistics import interval_of_difference
from netwright.evaluation.interface import DatasetInfo
from netwright.recipes.tables import digits_table

NUM_SEEDS, TRIALS = 16, 60
STRATEGIES = ("thompson", "evolution:population=10:sample=3", "random")


@pytest.fixture(scope="module")
def compared() -> dict[str, Summary]:
    plan = make_plan(digits_table(), ",".join(STRATEGIES), num_seeds=NUM_SEEDS, trials=TRIALS)
    opened: DatasetInfo = plan.evaluation.open(None, verify=True)
    play = WholeRun(plan, opened).play
    records = [play(strategy, seed) for strategy, seed in plan.runs]
    return {each.strategy: each for each in Comparison.of(plan, records, opened).summaries}


@pytest.mark.parametrize(("better", "worse"), [STRATEGIES[:2], STRATEGIES[1:]])
def test_one_strategy_is_better_than_the_next(compared: dict[str, Summary], better: str, worse: str) -> None:
    regrets = [np.array([run.regret for run in compared[name].runs])[:, None] for name in (worse, better)]
    low, _ = interval_of_difference(*regrets)
    assert low[0] > 0


def test_thompson_finds_the_best_network_in_most_runs(compared: dict[str, Summary]) -> None:
    found = compared["thompson"].found
    assert found is not None
    assert found.mean > 0.75
    assert compared["thompson"].num_distinct == TRIALS
