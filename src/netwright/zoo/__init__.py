"""Published architectures as values."""

from collections.abc import Callable

from netwright.architectures.convolutional import ConvNet
from netwright.zoo.convolutional import nas_cnn_15 as nas_cnn_15

PUBLISHED: dict[str, Callable[[], ConvNet]] = {"nas-cnn-15": nas_cnn_15}
"""By the names that the command line takes."""
