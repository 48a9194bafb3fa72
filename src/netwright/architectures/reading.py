"""From an architecture's JSON to the value that netwright knows."""

from typing import Any, get_args

from netwright.architectures.convolutional import ConvNet, convnet_from_json
from netwright.architectures.nasbench201 import NasBench201Cell, nasbench201_cell_from_json
from netwright.architectures.plain import PlainNet, plain_net_from_json
from netwright.architectures.recurrent_baselines import RecurrentArchitecture, recurrent_architecture_from_json
from netwright.architectures.values import to_json

ImageNetwork = ConvNet | PlainNet
"""The kinds that are built and trained on images."""
Architecture = ImageNetwork | RecurrentArchitecture | NasBench201Cell
RECURRENT = frozenset(kind.__name__ for kind in get_args(RecurrentArchitecture))


def architecture_from_json(architecture: Any) -> Architecture | None:
    """The value of one of netwright's own kinds that this is, or is the JSON of; None for one of a user's own kind.

    `SpaceError` where it says that it is one of ours and is not.
    """
    document = to_json(architecture)
    kind = document.get("type") if isinstance(document, dict) else None
    if kind == ConvNet.__name__:
        return convnet_from_json(document)
    if kind == PlainNet.__name__:
        return plain_net_from_json(document)
    if kind == NasBench201Cell.__name__:
        return nasbench201_cell_from_json(document)
    return recurrent_architecture_from_json(document) if kind in RECURRENT else None
