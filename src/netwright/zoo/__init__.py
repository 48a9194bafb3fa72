"""Published architectures as values."""

from netwright.zoo.convolutional import nas_cnn_15 as nas_cnn_15
