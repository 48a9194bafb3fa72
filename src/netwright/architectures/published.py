"""Published architectures as values."""

from collections.abc import Callable

from netwright.architectures.convolutional import ConvNet
from netwright.architectures.published_cells import lstm_cell as lstm_cell
from netwright.architectures.published_cells import max_cell as max_cell
from netwright.architectures.published_cells import nas_cell as nas_cell
from netwright.architectures.published_networks import nas_cnn_15 as nas_cnn_15
from netwright.architectures.recurrent import RecurrentCell

PUBLISHED: dict[str, Callable[[], ConvNet | RecurrentCell]] = {
    "nas-cnn-15": nas_cnn_15,
    "nas-cell": nas_cell,
    "nas-max-cell": max_cell,
    "lstm-cell": lstm_cell,
}
"""Functions that make the published architectures, by their names on the command line."""
