"""A reward without training, for the paper's 15-layer space: known best, and noise as real children have it."""

import random

from netwright.architectures.convolutional import ConvNet
from netwright.architectures.values import fingerprint

NOISE = 0.02
"""Standard deviation added to every measurement; about what seeds do to a small child."""


def true_quality(network: ConvNet) -> float:
    """In 0..1. Wants wide filters early and tall ones late, more filters towards the end, and half of the skips."""
    count = len(network.layers)
    total = 0.0
    for index, layer in enumerate(network.layers):
        late = index / max(count - 1, 1)
        height, width = layer.filter_height, layer.filter_width
        total += 0.35 * (1 - abs(height - (1 + 6 * late)) / 6) + 0.25 * (1 - abs(width - (7 - 6 * late)) / 6)
        total += 0.2 * (1 - abs(layer.num_filters - (24 + 40 * late)) / 40)
        density = len(layer.inputs) / index if index else 0.5
        total += 0.2 * (1 - abs(density - 0.5) * 2)
    return total / count


def measured_quality(network: ConvNet) -> float:
    """`true_quality` with noise that depends on the architecture alone, so that a search can be repeated."""
    return true_quality(network) + random.Random(fingerprint(network)).gauss(0, NOISE)
