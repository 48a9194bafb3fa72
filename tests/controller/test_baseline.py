import pytest

from netwright.controller.baseline import MovingAverageBaseline


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
