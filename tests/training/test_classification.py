"""The measures of a classifier against scikit-learn, and against their definitions."""

import numpy as np
import pytest
import torch
from sklearn import metrics
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor
from torch.nn import functional

from netwright.training import classification


def unequal(seed: int, num_images: int = 400, num_classes: int = 5) -> tuple[Tensor, Tensor]:
    """Labels of very unequal classes, and logits that name about two thirds of them."""
    generator = torch.Generator().manual_seed(seed)
    shares = torch.tensor([0.6, 0.2, 0.1, 0.07, 0.03])
    labels = torch.multinomial(shares, num_images, replacement=True, generator=generator)
    logits = torch.randn(num_images, num_classes, generator=generator)
    logits[torch.arange(num_images), labels] += 1.5
    return labels, 3 * logits


@pytest.mark.parametrize("seed", range(5))
def test_measures_are_those_of_scikit_learn(seed: int) -> None:
    labels, logits = unequal(seed)
    predicted = logits.argmax(dim=1)
    true, named = labels.numpy(), predicted.numpy()
    confusion = classification.confusion_matrix(labels, predicted, 5)
    assert confusion.tolist() == metrics.confusion_matrix(true, named).tolist()
    assert classification.accuracy_of(confusion) == metrics.accuracy_score(true, named)
    assert classification.balanced_accuracy_of(confusion) == pytest.approx(metrics.balanced_accuracy_score(true, named))
    assert classification.macro_f1_of(confusion) == pytest.approx(metrics.f1_score(true, named, average="macro"))
    precision, recall, _, _ = metrics.precision_recall_fscore_support(true, named)
    assert classification.precisions_of(confusion).tolist() == pytest.approx(precision.tolist())
    assert classification.recalls_of(confusion).tolist() == pytest.approx(recall.tolist())
    weights = compute_class_weight("balanced", classes=np.arange(5), y=true)
    assert classification.balanced_weights(labels, 5).tolist() == pytest.approx(weights.tolist())


def test_classes_that_do_not_occur_are_left_out_of_the_means() -> None:
    labels, predicted = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 3, 1, 1])
    confusion = classification.confusion_matrix(labels, predicted, 6)
    assert classification.balanced_accuracy_of(confusion) == pytest.approx(0.75)
    expected = metrics.f1_score(labels.numpy(), predicted.numpy(), average="macro", zero_division=0)
    assert classification.macro_f1_of(confusion) == pytest.approx(expected)
    assert classification.balanced_weights(labels, 3).tolist() == pytest.approx([4 / 6, 4 / 6, 0])


def test_a_majority_vote_has_the_balanced_accuracy_of_chance() -> None:
    labels = unequal(0)[0]
    confusion = classification.confusion_matrix(labels, torch.zeros_like(labels), 5)
    largest, share = classification.largest_class_of(labels)
    assert (largest, share) == (0, classification.accuracy_of(confusion))
    assert classification.balanced_accuracy_of(confusion) == pytest.approx(1 / 5)


def test_calibration_error_by_hand() -> None:
    probabilities = torch.tensor([[0.95, 0.05], [0.93, 0.07], [0.4, 0.6], [0.45, 0.55]])
    labels = torch.tensor([0, 1, 1, 0])
    # Bins of 1/15: 0.95 and 0.93 are both in (14/15, 1]... 0.93 is not; 0.6 is in (8/15, 9/15], as is 0.55.
    bins = [(0.95, 1.0, 1), (0.93, 0.0, 1), (0.575, 0.5, 2)]
    expected = sum(count * abs(confidence - accuracy) for confidence, accuracy, count in bins) / 4
    assert classification.calibration_error(probabilities, labels) == pytest.approx(expected, abs=1e-6)
    counts = [count for count, _, _ in classification.calibration_bins(probabilities, labels)]
    assert counts == [0] * 8 + [2] + [0] * 4 + [1, 1]


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 2.5])
def test_the_temperature_is_the_one_of_the_least_loss(true_temperature: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(20_000, 4, generator=generator)
    labels = torch.multinomial((logits / true_temperature).softmax(1), 1, generator=generator)[:, 0]
    found = classification.fitted_temperature(logits, labels)
    assert found == pytest.approx(true_temperature, rel=0.05)
    losses = [float(functional.cross_entropy(logits.double() / t, labels)) for t in (found * 0.99, found, found * 1.01)]
    assert losses[1] == min(losses)
    before, after = (
        classification.calibration_error(classification.probabilities_of(logits, t), labels) for t in (1.0, found)
    )
    assert after <= before + 0.01
    assert after < 0.02
