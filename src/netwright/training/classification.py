"""Measures of a classifier from its logits: accuracy per class, calibration, and the weights of unequal classes.

Shapes: N images, K classes. A confusion matrix is int64 [K, K]: row r and column c count the images of class r that
were named c.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

NUM_BINS = 15
"""Of the calibration error, as in Guo et al. 2017."""
LEAST_TEMPERATURE, LARGEST_TEMPERATURE = 0.05, 20.0
GOLDEN = (math.sqrt(5) - 1) / 2
NUM_SECTIONS = 50
"""Steps of the search for a temperature; each leaves 0.618 of the range."""


def confusion_matrix(labels: Tensor, predicted: Tensor, num_classes: int) -> Tensor:
    """Count how often each class (row) was named as each class (column).

    Args:
        labels: int64 [N], the true classes.
        predicted: int64 [N], the named classes.
        num_classes: K.
    """
    cells = torch.bincount(labels * num_classes + predicted, minlength=num_classes**2)
    return cells.reshape(num_classes, num_classes)


def accuracy_of(confusion: Tensor) -> float:
    """Return the share of all images that were named correctly, in 0..1."""
    return int(confusion.diagonal().sum()) / int(confusion.sum())


def recalls_of(confusion: Tensor) -> Tensor:
    """Return for every class the share of its images that were named so, float64 [K]; 0 for a class without images."""
    return _ratio(confusion.diagonal(), confusion.sum(dim=1))


def precisions_of(confusion: Tensor) -> Tensor:
    """Return for every class the share of correct ones among the images named so, float64 [K]; 0 if it has none."""
    return _ratio(confusion.diagonal(), confusion.sum(dim=0))


def balanced_accuracy_of(confusion: Tensor) -> float:
    """Return the mean recall of the classes that have images, in 0..1."""
    return float(recalls_of(confusion)[confusion.sum(dim=1) > 0].mean())


def macro_f1_of(confusion: Tensor) -> float:
    """Return the mean F1 = 2 TP / (2 TP + FP + FN) of the classes that have images or were named, in 0..1."""
    occurring = confusion.sum(dim=0) + confusion.sum(dim=1)
    return float(_ratio(2 * confusion.diagonal(), occurring)[occurring > 0].mean())


def _ratio(parts: Tensor, wholes: Tensor) -> Tensor:
    return parts.double() / wholes.clamp(min=1)


def largest_class_of(labels: Tensor) -> tuple[int, float]:
    """Return the most frequent class in `labels` [N] and its share: the accuracy of always naming it."""
    counts = torch.bincount(labels)
    largest = int(counts.argmax())
    return largest, int(counts[largest]) / len(labels)


def balanced_weights(labels: Tensor, num_classes: int) -> Tensor:
    """Return the weight N / (K * images of the class) of every class, float32 [K]; 0 for a class without images.

    The mean weight of an image is 1, and all classes together have the same weight (King & Zeng 2001).
    """
    counts = torch.bincount(labels, minlength=num_classes)
    return torch.where(counts > 0, len(labels) / (num_classes * counts.clamp(min=1)), 0.0).float()


def probabilities_of(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Return softmax(logits / temperature), float64 [N, K]."""
    return (logits.double() / temperature).softmax(dim=1)


def calibration_bins(probabilities: Tensor, labels: Tensor, num_bins: int = NUM_BINS) -> list[tuple[int, float, float]]:
    """Divide the images by confidence, the probability of the named class, into bins of equal width.

    Returns:
        For every bin, from the least confidence, the number of its images, their mean confidence and their accuracy;
        both are 0 for an empty bin. Bin b has confidences in (b / num_bins, (b + 1) / num_bins].
    """
    confidences, predicted = probabilities.max(dim=1)
    bins = (confidences * num_bins).ceil().long().sub(1).clamp(0, num_bins - 1)
    counts = torch.bincount(bins, minlength=num_bins)
    sums = torch.bincount(bins, weights=confidences.double(), minlength=num_bins)
    correct = torch.bincount(bins, weights=(predicted == labels).double(), minlength=num_bins)
    columns = counts.tolist(), _ratio(sums, counts).tolist(), _ratio(correct, counts).tolist()
    return list(zip(*columns, strict=True))


def calibration_error(probabilities: Tensor, labels: Tensor, num_bins: int = NUM_BINS) -> float:
    """Return the expected calibration error, in 0..1 (Guo et al. 2017, equation 5).

    It is the mean over all images of |accuracy - mean confidence| of the image's bin; see `calibration_bins`.

    Args:
        probabilities: float [N, K].
        labels: int64 [N].
        num_bins: Number of bins of equal width.
    """
    bins = calibration_bins(probabilities, labels, num_bins)
    return sum(count * abs(accuracy - confidence) for count, confidence, accuracy in bins) / len(labels)


def fitted_temperature(logits: Tensor, labels: Tensor) -> float:
    """Return the temperature T for which softmax(logits / T) gives `labels` the least mean loss (Guo et al. 2017).

    The loss is convex in 1 / T, so that golden sections of log T find its minimum between `LEAST_TEMPERATURE` and
    `LARGEST_TEMPERATURE`.

    Args:
        logits: float [N, K], of images that the network was not trained on.
        labels: int64 [N].
    """
    logits = logits.double()

    def loss(log_temperature: float) -> float:
        return float(functional.cross_entropy(logits / math.exp(log_temperature), labels))

    low, high = math.log(LEAST_TEMPERATURE), math.log(LARGEST_TEMPERATURE)
    for _ in range(NUM_SECTIONS):
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        if loss(left) <= loss(right):
            high = right
        else:
            low = left
    return math.exp((low + high) / 2)
