"""The test of a network for images: everything that model.json says about how well it does, from its logits."""

import base64
import io

import torch
from torch import Tensor
from torch.nn import functional

from netwright.architectures.values import JsonObject
from netwright.image_files import MODES
from netwright.searching.results import wilson_interval
from netwright.training.classification import (
    accuracy_of,
    balanced_accuracy_of,
    calibration_bins,
    calibration_error,
    confusion_matrix,
    largest_class_of,
    macro_f1_of,
    precisions_of,
    probabilities_of,
    recalls_of,
)

NUM_WORST = 24
"""Test images that are stored as pictures: those with the highest loss among the wrongly named."""


def measured(
    logits: Tensor, labels: Tensor, class_names: tuple[str, ...], temperature: float | None = None
) -> JsonObject:
    """Measure a network by its logits of labelled images.

    Args:
        logits: float [N, K].
        labels: int64 [N].
        class_names: The names of the K classes.
        temperature: Divides the logits before the softmax; None if none was fitted.

    Returns:
        Accuracy with its 95% interval (Wilson), balanced accuracy, macro F1; the largest class and its share, which is
        the accuracy of always naming it; the expected calibration error with and without the temperature; the bins of
        the calibration (images, mean confidence, accuracy) with it; for every class the number of images, precision and
        recall; the confusion matrix (row: true class, column: named class); `note` where the accuracy must not be
        quoted.
    """
    confusion = confusion_matrix(labels, logits.argmax(dim=1), len(class_names))
    accuracy, (largest, share) = accuracy_of(confusion), largest_class_of(labels)
    interval = wilson_interval(accuracy, len(labels))
    calibrated = probabilities_of(logits, temperature or 1.0)
    balanced = balanced_accuracy_of(confusion)
    return {
        "test_accuracy": accuracy,
        "test_interval": list(interval),
        "num_test_images": len(labels),
        "test_balanced_accuracy": balanced,
        "test_macro_f1": macro_f1_of(confusion),
        "largest_class": class_names[largest],
        "largest_class_share": share,
        "test_calibration_error": calibration_error(probabilities_of(logits), labels),
        "temperature": temperature,
        "test_calibration_error_with_temperature": (
            None if temperature is None else calibration_error(calibrated, labels)
        ),
        "calibration": [list(each) for each in calibration_bins(calibrated, labels)],
        "per_class": [
            {"name": name, "num_images": count, "precision": precision, "recall": recall}
            for name, count, precision, recall in zip(
                class_names,
                confusion.sum(dim=1).tolist(),
                precisions_of(confusion).tolist(),
                recalls_of(confusion).tolist(),
                strict=True,
            )
        ],
        "confusion_matrix": confusion.tolist(),
        **_note(interval[0], share, class_names[largest], balanced, int((confusion.sum(dim=1) > 0).sum())),
    }


def _note(low: float, share: float, largest: str, balanced: float, num_classes: int) -> JsonObject:
    if low > share:
        return {}
    return {
        "note": (
            f"the accuracy is no better than always naming {largest!r} ({share:.4f}), so do not quote it; the balanced "
            f"accuracy is {balanced:.4f}, and {1 / num_classes:.4f} by chance"
        )
    }


def worst_errors(
    images: Tensor, logits: Tensor, labels: Tensor, class_names: tuple[str, ...], temperature: float | None = None
) -> list[JsonObject]:
    """Describe the wrongly named images with the highest losses, the worst first, each with its picture as PNG.

    Args:
        images: uint8 [N, C, H, W]; images that are neither grey nor coloured have no picture, so the list is empty.
        logits: float [N, K].
        labels: int64 [N].
        class_names: The names of the K classes.
        temperature: As for `measured`.
    """
    if images.shape[1] not in MODES:
        return []
    probabilities, predicted = probabilities_of(logits, temperature or 1.0), logits.argmax(dim=1)
    losses = functional.nll_loss(probabilities.clamp(min=1e-12).log(), labels, reduction="none")
    losses[predicted == labels] = -torch.inf
    found = []
    for index in losses.argsort(descending=True)[:NUM_WORST].tolist():
        if predicted[index] == labels[index]:
            break
        found.append(
            {
                "index": index,
                "class": class_names[int(labels[index])],
                "named": class_names[int(predicted[index])],
                "probability": float(probabilities[index].max()),
                "loss": float(losses[index]),
                "png": _png(images[index]),
            }
        )
    return found


def _png(image: Tensor) -> str:
    """Return an image, uint8 [C, H, W], as a PNG file in base64."""
    from PIL import Image

    pixels = image.permute(1, 2, 0).contiguous().numpy()
    file = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode("ascii")
