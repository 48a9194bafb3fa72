"""Networks for images whose code is elsewhere, as values: reference networks, and what a user's function makes.

Such a network is written as code and not as a description that could be searched, drawn or counted.
"""

from dataclasses import dataclass

from netwright.architectures.values import JsonObject, reading_json_of
from netwright.errors import SpaceError


@dataclass(frozen=True)
class ReferenceNetwork:
    """A published network of `netwright.reference`, by its name: `ReferenceNetwork("resnet-110")`."""

    name: str

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise SpaceError(f"the name of a reference network is text; got {self.name!r}")

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class OwnNetwork:
    """The module that a user's function of (num_classes, in_channels, image_size) returns.

    Args:
        function: FILE.py:FUNCTION or package.module:FUNCTION.
    """

    function: str

    def __post_init__(self) -> None:
        if not isinstance(self.function, str):
            raise SpaceError(f"the function of a network has the form FILE.py:FUNCTION; got {self.function!r}")

    def __str__(self) -> str:
        return self.function


def reference_network_from_json(document: JsonObject) -> ReferenceNetwork:
    """Read what `to_json` wrote; raise `SpaceError` for anything else."""
    with reading_json_of("ReferenceNetwork"):
        return ReferenceNetwork(document["name"])


def own_network_from_json(document: JsonObject) -> OwnNetwork:
    """Read what `to_json` wrote; raise `SpaceError` for anything else. Nothing is imported."""
    with reading_json_of("OwnNetwork"):
        return OwnNetwork(document["function"])
