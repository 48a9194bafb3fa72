"""Copies of the same image within and between the training and test images.

They are kept, since only the user can decide which of them to remove, and counted: a network does better on a test
image that it was trained on than on a new one.
"""

import hashlib
from collections.abc import Iterator

from netwright.tasks.images.raw import Labelled


def notes_on_copies(train: Labelled, test: Labelled) -> Iterator[str]:
    """Yield notes on the images whose pixels, after preparation, are those of an earlier image."""
    trained: dict[bytes, int] = {}
    within = list(_copies(train, trained, add=True))
    if within:
        yield f"{len(within):,} of {len(train.labels):,} training images are copies of others{_mislabelled(within)}"
    between = list(_copies(test, trained, add=False))
    if between:
        yield (
            f"{len(between):,} of {len(test.labels):,} test images are copies of training images"
            f"{_mislabelled(between)}; expect a lower accuracy on new images"
        )
    within = list(_copies(test, {}, add=True))
    if within:
        yield f"{len(within):,} of {len(test.labels):,} test images are copies of others{_mislabelled(within)}"


def _copies(part: Labelled, labels: dict[bytes, int], *, add: bool) -> Iterator[tuple[int, int]]:
    """Yield (label of the original, label) of every image whose pixels are in `labels`; `add` the pixels of others."""
    for image, label in zip(part.images, part.labels.tolist(), strict=True):
        pixels = hashlib.sha256(image.numpy().tobytes()).digest()
        if pixels in labels:
            yield labels[pixels], label
        elif add:
            labels[pixels] = label


def _mislabelled(copies: list[tuple[int, int]]) -> str:
    """Count the copies whose class differs from that of the original."""
    count = sum(original != label for original, label in copies)
    return f", {count:,} of them in another class" if count else ""
