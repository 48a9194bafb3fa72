"""From JSON back to the architectures that netwright trains itself."""

from collections.abc import Mapping
from typing import Any, get_args

from netwright.architectures.convolutional import ConvNet, convnet_from_json
from netwright.architectures.recurrent_baselines import RecurrentArchitecture, recurrent_architecture_from_json
from netwright.architectures.values import to_json

Architecture = ConvNet | RecurrentArchitecture


def architecture_from_json(document: Any) -> Architecture:
    """The value that `to_json` wrote, by its "type"; `SpaceError` says what does not belong there."""
    if isinstance(document, Mapping) and document.get("type", ConvNet.__name__) == ConvNet.__name__:
        return convnet_from_json(document)
    return recurrent_architecture_from_json(document)


def known_architecture(architecture: Any) -> Architecture | None:
    """An architecture, or its JSON, as the value that it is; None for one of a user's own kind."""
    document = to_json(architecture)
    known = {kind.__name__ for kind in (ConvNet, *get_args(RecurrentArchitecture))}
    if isinstance(document, dict) and document.get("type") in known:
        return architecture_from_json(document)
    return None
