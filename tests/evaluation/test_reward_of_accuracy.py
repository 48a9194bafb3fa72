"""From accuracies to the reward: PAPER.md K.5."""

import pytest

from netwright.evaluation.rewards import AccuracyReward, ValueReward
from netwright.trials import Measurement


def measured(*accuracies: float) -> Measurement:
    return Measurement({"validation_accuracies": list(accuracies), "training_losses": [1.0] * len(accuracies)})


@pytest.mark.parametrize(
    ("accuracies", "score", "cubed"),
    [
        ((0.1, 0.2, 0.3, 0.4, 0.5), 0.5, 0.125),
        ((0.9, 0.1, 0.2, 0.5, 0.4, 0.3), 0.5, 0.125),
        ((0.9, 0.8, 0.5, 0.1, 0.2, 0.3, 0.4), 0.5, 0.125),
        ((0.1, 0.9, 0.2, 0.3, 0.4, 0.5), 0.9, 0.729),
        ((0.2,), 0.2, 0.008),
        ((0.0, 0.0), 0.0, 0.0),
        ((1.0, 0.5), 1.0, 1.0),
    ],
)
def test_the_best_of_the_last_five_epochs_cubed(accuracies: tuple[float, ...], score: float, cubed: float) -> None:
    reward = AccuracyReward()
    assert reward.score(measured(*accuracies)) == score
    assert reward(reward.score(measured(*accuracies))) == pytest.approx(cubed)


def test_the_slides_square() -> None:
    reward = AccuracyReward(exponent=2.0)
    assert reward(reward.score(measured(0.9, 0.1, 0.2, 0.5, 0.4, 0.3))) == pytest.approx(0.25)


@pytest.mark.parametrize(("last", "score"), [(1, 0.3), (2, 0.4), (6, 0.9)])
def test_another_number_of_epochs(last: int, score: float) -> None:
    assert AccuracyReward(last_epochs=last).score(measured(0.9, 0.1, 0.2, 0.1, 0.4, 0.3)) == score


def test_a_users_number_is_taken_as_it_is() -> None:
    reward = ValueReward()
    assert reward(reward.score(Measurement({"value": -3.5}))) == -3.5
