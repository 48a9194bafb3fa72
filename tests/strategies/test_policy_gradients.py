"""Do PPO, PQT and the table of logits learn? Against random search at the same number of trials, over three seeds."""

import statistics

import pytest

from netwright.config import PPOSettings, PQTSettings, RandomSettings, ReinforceSettings
from netwright.spaces.convolutional import convolutional
from oracles.learning import mean_quality_of_the_last


@pytest.mark.parametrize(
    ("strategy", "settings"),
    [
        (ReinforceSettings(policy="independent", learning_rate=0.05), {}),
        pytest.param(
            ReinforceSettings(policy="independent", learning_rate=0.01, baseline_decay=0.9),
            {"batch_size": 1, "lag": 0},
            marks=pytest.mark.slow,
        ),
        (PPOSettings(learning_rate=0.002, hidden_size=32), {"batch_size": 20}),
        (PPOSettings(policy="independent", learning_rate=0.02), {"batch_size": 20, "lag": 3}),
        (PQTSettings(learning_rate=0.003), {}),
        (PQTSettings(policy="independent", learning_rate=0.02, policy_gradient=True, queue_weight=50 / 64), {}),
    ],
    ids=["table", "table, one by one", "ppo", "ppo with lag 3", "pqt", "pqt and reinforce"],
)
def test_it_ends_clearly_above_random_search(strategy, settings):
    search = {"space": convolutional(4), "num_trials": 320, **settings}
    differences = [
        mean_quality_of_the_last(60, strategy=strategy, seed=seed, **search)
        - mean_quality_of_the_last(60, strategy=RandomSettings(), seed=seed, **search)
        for seed in range(3)
    ]
    # Every seed above, and the mean above by more than twice its standard error.
    assert min(differences) > 0
    assert statistics.fmean(differences) > 2 * statistics.stdev(differences) / 3**0.5
