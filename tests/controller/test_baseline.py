import pytest

from netwright.controller.baseline import MovingAverageBaseline
from netwright.controller.parameters import AdamParameters, Origin, Parameters
from netwright.controller.shards import LocalShards, ShardedParameters


def test_the_first_batch_is_judged_by_its_other_members():
    baseline = MovingAverageBaseline(0.9)
    assert baseline.advantages([1.0, 2.0, 6.0]) == pytest.approx([1 - 4, 2 - 3.5, 6 - 1.5])
    assert MovingAverageBaseline().advantages([3.0]) == [0.0]


def test_a_batch_is_judged_before_it_enters_the_average():
    baseline = MovingAverageBaseline(0.9)
    baseline.update([2.0, 4.0])
    assert baseline.value == 3.0
    assert baseline.advantages([3.0, 13.0]) == [0.0, 10.0]
    assert baseline.value == 3.0
    baseline.update([3.0, 13.0])
    assert baseline.value == pytest.approx(0.9 * 3 + 0.1 * 8)


def test_a_batch_that_says_nothing_changes_nothing():
    baseline = MovingAverageBaseline()
    baseline.update([1.0])
    baseline.update([])
    assert baseline.value == 1.0


def parameters_of(kind: str) -> Parameters:
    """Parameters with a baseline of decay 0.5, in one piece or in shards."""
    baseline = MovingAverageBaseline(0.5)
    if kind == "whole":
        return AdamParameters(seed=0, init_range=0.1, learning_rate=0.1, baseline=baseline)
    shards = LocalShards(2, learning_rate=0.1, accumulate=1)
    return ShardedParameters(shards, accumulate=1, seed=0, init_range=0.1, baseline=baseline, max_staleness=None)


@pytest.mark.parametrize("kind", ["whole", "sharded"])
def test_a_reward_enters_the_average_after_its_own_advantage(kind):
    parameters = parameters_of(kind)
    first = parameters.advantages([1.0, 3.0], Origin(replica=0, round=0, version=0))
    assert (first.values, first.baseline) == ([-2.0, 2.0], 2.0)  # each is compared with the other
    second = parameters.advantages([6.0, 10.0], Origin(replica=0, round=1, version=0))
    assert (second.values, second.baseline) == ([4.0, 8.0], 5.0)  # with the 2 before them, not with 5
    # Another reward of the same batch changes no advantage but its own.
    other = parameters_of(kind)
    other.advantages([1.0, 3.0], Origin(replica=0, round=0, version=0))
    assert other.advantages([6.0, 1000.0], Origin(replica=0, round=1, version=0)).values[0] == 4.0
