"""From an architecture's JSON to the value that netwright knows."""

from typing import Any

from netwright.architectures.convolutional import ConvNet, convnet_from_json
from netwright.architectures.recurrent import RecurrentCell, recurrent_cell_from_json
from netwright.architectures.values import to_json


def architecture_from_json(architecture: Any) -> ConvNet | RecurrentCell | None:
    """The ConvNet or RecurrentCell that this is, or is the JSON of; None for one of a user's own kind.

    `SpaceError` where it says that it is one of the two and is not.
    """
    document = to_json(architecture)
    kind = document.get("type") if isinstance(document, dict) else None
    if kind == ConvNet.__name__:
        return convnet_from_json(document)
    if kind == RecurrentCell.__name__:
        return recurrent_cell_from_json(document)
    return None
