"""The families of architectures: which there are, and what this room provides for each.

A family is keyed by the name of its class, which is the "type" in its JSON. The other rooms' tables have the same keys:
`costs.IMAGE_COSTS` and `costs.LAYER_PARAMETERS`, `children.building.MODULES`, `children.language_model.LAYERS`,
`drawing.any.DRAWINGS`, `models.export_code.EXPORTERS`. tests/architectures/test_families.py compares them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeGuard, TypeVar

from netwright.architectures import convolutional, named, nasbench201, plain, recurrent
from netwright.architectures.convolutional import ConvNet
from netwright.architectures.equations import as_latex, as_text
from netwright.architectures.named import OwnNetwork, ReferenceNetwork
from netwright.architectures.nasbench201 import NasBench201Cell
from netwright.architectures.plain import PlainNet
from netwright.architectures.recurrent import (
    DeepTransition,
    Elman,
    HyperLstm,
    LayerNormLstm,
    Lstm,
    RecurrentArchitecture,
    RecurrentCell,
    RecurrentHighway,
)
from netwright.architectures.values import JsonObject, to_json

ImageNetwork = ConvNet | PlainNet | ReferenceNetwork | OwnNetwork
"""The families that are built and trained on images."""
Architecture = ImageNetwork | RecurrentArchitecture | NasBench201Cell
Entry = TypeVar("Entry")
EquationForm = Literal["text", "latex"]


@dataclass(frozen=True)
class Family:
    """What the room of architectures provides for one family."""

    kind: type[Architecture]
    from_json: Callable[[JsonObject], Architecture]
    """Reads what `to_json` wrote; raises `SpaceError`."""
    trained_on: Literal["images", "text"] | None
    """The data of a child; None for a family that is looked up in a table and never trained."""
    legend: str | None
    """How to read the one-line notation that `str` gives; None where it explains itself."""
    equations: Mapping[EquationForm, Callable[[Any], str]] = field(default_factory=dict)
    """Writers of the equations that an architecture computes; empty for a family without equations."""


FAMILIES = {
    "ConvNet": Family(ConvNet, convolutional.convnet_from_json, "images", convolutional.LEGEND),
    "PlainNet": Family(PlainNet, plain.plain_net_from_json, "images", plain.LEGEND),
    "ReferenceNetwork": Family(ReferenceNetwork, named.reference_network_from_json, "images", legend=None),
    "OwnNetwork": Family(OwnNetwork, named.own_network_from_json, "images", legend=None),
    "RecurrentCell": Family(
        RecurrentCell,
        recurrent.recurrent_cell_from_json,
        "text",
        recurrent.LEGEND,
        equations={"text": as_text, "latex": as_latex},
    ),
    "Lstm": Family(Lstm, recurrent.lstm_from_json, "text", legend=None),
    "RecurrentHighway": Family(RecurrentHighway, recurrent.recurrent_highway_from_json, "text", legend=None),
    "Elman": Family(Elman, recurrent.elman_from_json, "text", legend=None),
    "DeepTransition": Family(DeepTransition, recurrent.deep_transition_from_json, "text", legend=None),
    "LayerNormLstm": Family(LayerNormLstm, recurrent.layer_norm_lstm_from_json, "text", legend=None),
    "HyperLstm": Family(HyperLstm, recurrent.hyper_lstm_from_json, "text", legend=None),
    "NasBench201Cell": Family(
        NasBench201Cell, nasbench201.nasbench201_cell_from_json, trained_on=None, legend=nasbench201.LEGEND
    ),
}


def architecture_from_json(architecture: object) -> Architecture | None:
    """Return the architecture of one of netwright's families that a value or its JSON stands for.

    Args:
        architecture: An architecture, or the JSON of one.

    Returns:
        The architecture as a value; None for one of a user's own kind.

    Raises:
        SpaceError: The "type" names a family and the other members do not fit it.
    """
    document = to_json(architecture)
    kind = document.get("type") if isinstance(document, dict) else None
    return FAMILIES[kind].from_json(document) if isinstance(kind, str) and kind in FAMILIES else None


def entry_of(table: Mapping[str, Entry], architecture: object) -> Entry | None:
    """Return the entry of a table keyed by family; None where the table has none or the value is of no family."""
    names = (name for name, family in FAMILIES.items() if isinstance(architecture, family.kind))
    return table.get(next(names, ""))


def reads_images(architecture: object) -> TypeGuard[ImageNetwork]:
    """Return whether the architecture is a network that is trained on images."""
    family = entry_of(FAMILIES, architecture)
    return family is not None and family.trained_on == "images"


def reads_text(architecture: object) -> TypeGuard[RecurrentArchitecture]:
    """Return whether the architecture is a recurrent layer that is trained on text."""
    family = entry_of(FAMILIES, architecture)
    return family is not None and family.trained_on == "text"


def legend_of(architecture: object) -> str | None:
    """Return how the one-line notation of an architecture is read; None where there is nothing to explain."""
    family = entry_of(FAMILIES, architecture)
    return family.legend if family else None


def equations_of(architecture: object, form: EquationForm) -> str | None:
    """Return the equations that an architecture computes; None where its family has no equations."""
    family = entry_of(FAMILIES, architecture)
    write = family.equations.get(form) if family else None
    return write(architecture) if write else None
