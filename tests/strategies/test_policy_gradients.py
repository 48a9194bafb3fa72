"""Do PPO, PQT and the table of logits learn? Against random search at the same number of trials, over three seeds."""

import statistics

import pytest
from synthetic import measured_quality, true_quality

from netwright.config import FunctionSettings, PPOSettings, PQTSettings, RandomSettings, ReinforceSettings, RunConfig
from netwright.execution.in_process import InProcessExecutor
from netwright.loop import drive, make_core
from netwright.spaces.convolutional import convolutional
from netwright.store import Store
from netwright.training.user_function import UserFunction


def mean_quality_of_the_last(strategy, seed, *, trials=320, last=60, **settings):
    config = RunConfig(
        space=convolutional(4),
        evaluate=FunctionSettings(function=measured_quality),
        strategy=strategy,
        num_trials=trials,
        seed=seed,
        **settings,
    )
    store = Store.in_memory({})
    core = make_core(config, store)
    drive(core, InProcessExecutor(UserFunction(measured_quality)), store)
    return statistics.fmean(true_quality(trial.proposal.architecture) for trial in core.trials[trials - last : trials])


@pytest.mark.parametrize(
    ("strategy", "settings"),
    [
        (ReinforceSettings(policy="independent", learning_rate=0.05), {}),
        (ReinforceSettings(policy="independent", learning_rate=0.01, baseline_decay=0.9), {"batch_size": 1, "lag": 0}),
        (PPOSettings(learning_rate=0.002, hidden_size=32), {"batch_size": 20}),
        (PPOSettings(policy="independent", learning_rate=0.02), {"batch_size": 20, "lag": 3}),
        (PQTSettings(learning_rate=0.003), {}),
        (PQTSettings(policy="independent", learning_rate=0.02, policy_gradient=True, queue_weight=50 / 64), {}),
    ],
    ids=["table", "table, one by one", "ppo", "ppo with lag 3", "pqt", "pqt and reinforce"],
)
def test_it_ends_clearly_above_random_search(strategy, settings):
    differences = [
        mean_quality_of_the_last(strategy, seed, **settings)
        - mean_quality_of_the_last(RandomSettings(), seed, **settings)
        for seed in range(3)
    ]
    # Every seed above, and the mean above by more than twice its standard error.
    assert min(differences) > 0
    assert statistics.fmean(differences) > 2 * statistics.stdev(differences) / 3**0.5
