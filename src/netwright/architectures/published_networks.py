"""The convolutional network that the paper publishes (figure 7): 15 layers, 4.2M parameters, 5.50% test error.

The paper's 20-layer and 39-layer networks were never published, so they are not here.
"""

from netwright.architectures.convolutional import ConvLayer, ConvNet

# (filter height, filter width, filters, layers that it reads); counted from 1 as in the figure; 0 is the image.
FIGURE_7 = (
    (3, 3, 36, (0,)),
    (3, 3, 48, (1,)),
    (3, 3, 36, (1, 2)),
    (5, 5, 36, (1, 2, 3)),
    (3, 7, 48, (3, 4)),
    (7, 7, 48, (2, 3, 4, 5)),
    (7, 7, 48, (2, 3, 4, 5, 6)),
    (7, 3, 36, (1, 6, 7)),
    (7, 1, 36, (1, 5, 6, 8)),
    (7, 7, 36, (1, 3, 4, 5, 6, 7, 8, 9)),
    (5, 7, 36, (1, 2, 5, 6, 7, 8, 9, 10)),
    (7, 7, 48, (1, 2, 3, 4, 6, 11)),
    (7, 5, 48, (1, 3, 6, 7, 8, 9, 10, 11, 12)),
    (7, 5, 48, (3, 7, 12, 13)),
    (7, 5, 48, (2, 7, 11, 12, 13, 14)),
)


def nas_cnn_15() -> ConvNet:
    """The network of figure 7: stride 1 everywhere, 65 connections, only its last layer reaches the classifier."""
    return ConvNet(
        tuple(
            ConvLayer(
                filter_height=height,
                filter_width=width,
                num_filters=filters,
                inputs=tuple(number - 1 for number in inputs if number > 0),
            )
            for height, width, filters, inputs in FIGURE_7
        )
    )
