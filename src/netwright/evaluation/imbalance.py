"""What is told about classes of unequal sizes before anything is trained on them."""

import torch

from netwright.config import ImageSettings
from netwright.tasks.images.data import ImageData

LEAST_RATIO = 5
"""From so many times the images of the smallest class in the largest one on, weights are suggested.

Networks begin to neglect small classes at about this ratio; the official data sets are far below it.
"""


def notes_on_imbalance(data: ImageData, settings: ImageSettings) -> tuple[str, ...]:
    """Return a note that suggests class weights if the classes have very unequal numbers of training images."""
    counts = torch.bincount(data.train_labels, minlength=len(data.class_names))
    largest, smallest = int(counts.argmax()), int(counts.argmin())
    if counts[largest] < LEAST_RATIO * counts[smallest]:
        return ()
    share = int(counts[largest]) / len(data.train_labels)
    wanted = {"class_weights": "balanced", "score": "balanced-accuracy"}
    missing = [f"--set evaluate.{name}={value}" for name, value in wanted.items() if _default(settings, name)]
    remedy = f"; {' and '.join(missing)} would count all classes alike" if missing else ""
    return (
        f"the classes are unequal: {int(counts[largest]):,} training images of {data.class_names[largest]!r} and "
        f"{int(counts[smallest]):,} of {data.class_names[smallest]!r}, so that always naming "
        f"{data.class_names[largest]!r} has an accuracy of {share:.4f}{remedy}",
    )


def _default(settings: ImageSettings, name: str) -> bool:
    return bool(getattr(settings, name) == ImageSettings.model_fields[name].default)
