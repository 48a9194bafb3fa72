"""Do replicas over shards learn as well as the single controller, at an equal number of samples?"""

import statistics

import pytest
from synthetic import measured_quality

from netwright.config import ReinforceSettings, ReplicaSettings
from netwright.evaluation.function import UserFunction
from netwright.spaces.convolutional import convolutional
from netwright.testing.virtual_clock import VirtualExecutor, log_normal
from oracles.learning import mean_quality_of_the_last

T_OF_5_DEGREES = 2.571
"""Student's t: 95% of a mean of six lie within so many of its standard errors."""


def quality(seed, replicas):
    """At the end of 600 samples, in batches of two; what is drawn at first has about 0.56."""
    return mean_quality_of_the_last(
        100,
        executor=VirtualExecutor(UserFunction(measured_quality), slots=4, seconds=log_normal(0.5, seed=seed)),
        space=convolutional(3),
        strategy=ReinforceSettings(policy="independent", learning_rate=0.03),
        num_trials=600,
        batch_size=2,
        lag=0,
        seed=seed,
        replicas=replicas,
    )


@pytest.mark.slow
def test_two_replicas_over_three_shards_learn_as_well_as_the_single_controller():
    single = [quality(seed, None) for seed in range(6)]
    replicated = [quality(seed, ReplicaSettings(count=2, servers=3)) for seed in range(6)]
    assert min(single + replicated) > 0.75
    differences = [ours - theirs for ours, theirs in zip(replicated, single, strict=True)]
    half = T_OF_5_DEGREES * statistics.stdev(differences) / 6**0.5
    assert half < 0.015
    assert statistics.fmean(differences) - half > -0.02
