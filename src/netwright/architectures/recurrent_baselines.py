"""What a recurrent layer may be besides a cell of the space: the networks that the paper compares its cells with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from netwright.architectures.recurrent import RecurrentCell, recurrent_cell_from_json
from netwright.errors import SpaceError, unknown


@dataclass(frozen=True)
class Lstm:
    """The LSTM of Zaremba et al. 2014 (arXiv 1409.2329): four gates with a bias each, no peepholes."""

    def __str__(self) -> str:
        return "LSTM"


@dataclass(frozen=True)
class RecurrentHighway:
    """The recurrent highway network of Zilly et al. 2016 (arXiv 1607.03474): `depth` highway layers in each step."""

    depth: int = 10

    def __post_init__(self) -> None:
        if type(self.depth) is not int or self.depth < 1:
            raise SpaceError(f"a RecurrentHighway has a depth of 1 or more; got {self.depth!r}")

    def __str__(self) -> str:
        return f"RHN of depth {self.depth}"


RecurrentArchitecture = RecurrentCell | Lstm | RecurrentHighway


def recurrent_architecture_from_json(document: Mapping[str, Any]) -> RecurrentArchitecture:
    """The value that `to_json` wrote; `SpaceError` says what does not belong there."""
    readers: dict[str, Callable[[Mapping[str, Any]], RecurrentArchitecture]] = {
        "RecurrentCell": recurrent_cell_from_json,
        "Lstm": lambda document: Lstm(),
        "RecurrentHighway": lambda document: RecurrentHighway(document["depth"]),
    }
    try:
        name = document["type"]
        if name not in readers:
            raise SpaceError(unknown("recurrent architecture", str(name), readers))
        return readers[name](document)
    except (KeyError, TypeError) as error:
        raise SpaceError(
            f"not the JSON of a recurrent architecture ({error!r}); expected what to_json writes for one of: "
            + ", ".join(readers)
        ) from None
