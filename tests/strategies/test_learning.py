"""Does the controller learn? Against random search, at the same number of trials, over several seeds."""

import statistics

import pytest
from synthetic import measured_quality

from netwright.config import (
    EvolutionSettings,
    FunctionSettings,
    LargeScaleEvolutionSettings,
    RandomSettings,
    ReinforceSettings,
    RunConfig,
)
from netwright.evaluation.function import UserFunction
from netwright.execution.in_process import InProcessExecutor
from netwright.searching.factory import make_core
from netwright.searching.loop import drive
from netwright.searching.store import Store
from netwright.spaces.convolutional import convolutional
from oracles.learning import mean_quality_of_the_last


@pytest.mark.parametrize(
    ("settings", "num_layers", "trials"),
    [
        pytest.param(ReinforceSettings(), 15, 880, marks=pytest.mark.slow),
        (ReinforceSettings(learning_rate=0.005, temperature=1.5, entropy_weight=0.0001), 8, 640),
        (ReinforceSettings(learning_rate=0.005, num_layers=1), 8, 640),
        (EvolutionSettings(), 15, 640),
        (EvolutionSettings(population=20, sample=5, aging=False), 8, 320),
        (LargeScaleEvolutionSettings(population=50), 8, 640),
    ],
    ids=["the paper's", "noisy", "one layer", "evolution", "without aging", "large-scale evolution"],
)
def test_a_strategy_that_learns_ends_clearly_above_random_search(settings, num_layers, trials):
    search = {"space": convolutional(num_layers), "num_trials": trials}
    differences = [
        mean_quality_of_the_last(80, strategy=settings, seed=seed, **search)
        - mean_quality_of_the_last(80, strategy=RandomSettings(), seed=seed, **search)
        for seed in range(3)
    ]
    # Three seeds: every one above, and the mean above by more than twice its standard error.
    assert min(differences) > 0
    assert statistics.fmean(differences) > 2 * statistics.stdev(differences) / 3**0.5


def test_an_entropy_bonus_keeps_the_policy_more_random():
    def entropy_at_the_end(weight):
        config = RunConfig(
            space=convolutional(4),
            evaluate=FunctionSettings(function=measured_quality),
            strategy=ReinforceSettings(learning_rate=0.01, entropy_weight=weight),
            num_trials=400,
        )
        store = Store.in_memory({})
        drive(make_core(config, store), InProcessExecutor(UserFunction(measured_quality)), store)
        return store.updates()[-1].metrics["entropy"]

    assert entropy_at_the_end(0.05) > entropy_at_the_end(0.0) + 1
