"""Every family of architectures has a decided entry in every table that is keyed by family."""

from collections.abc import Mapping
from typing import get_args

import pytest

from netwright.architectures.costs import IMAGE_COSTS, LAYER_PARAMETERS
from netwright.architectures.families import FAMILIES, Architecture, ImageNetwork, reads_images, reads_text
from netwright.architectures.named import OwnNetwork, ReferenceNetwork
from netwright.architectures.nasbench201 import EDGES, NasBench201Cell
from netwright.architectures.plain import PlainNet
from netwright.architectures.published import lstm_cell, nas_cnn_15
from netwright.architectures.recurrent import (
    DeepTransition,
    Elman,
    HyperLstm,
    LayerNormLstm,
    Lstm,
    RecurrentArchitecture,
    RecurrentHighway,
)
from netwright.architectures.values import to_json
from netwright.children.building import MODULES
from netwright.children.language_model import LAYERS
from netwright.drawing.any import DRAWINGS
from netwright.models.export_code import EXPORTERS

OF_ALL = {"drawing.any.DRAWINGS": DRAWINGS, "models.export_code.EXPORTERS": EXPORTERS}
OF_IMAGES = {"architectures.costs.IMAGE_COSTS": IMAGE_COSTS, "children.building.MODULES": MODULES}
OF_TEXT = {"architectures.costs.LAYER_PARAMETERS": LAYER_PARAMETERS, "children.language_model.LAYERS": LAYERS}
EXAMPLES = (
    nas_cnn_15(),
    PlainNet(()),
    ReferenceNetwork("resnet-20"),
    OwnNetwork("network.py:make_network"),
    lstm_cell(),
    Lstm(),
    RecurrentHighway(3),
    Elman(),
    DeepTransition(),
    LayerNormLstm(),
    HyperLstm(hyper_units=3, signal_size=2, layer_norm=True),
    NasBench201Cell(("none",) * len(EDGES)),
)


def trained_on(data: str) -> set[str]:
    return {name for name, family in FAMILIES.items() if family.trained_on == data}


def names_of(kinds: object) -> set[str]:
    return {kind.__name__ for kind in get_args(kinds)}


def test_a_key_is_the_name_of_the_class_and_the_union_has_them_all() -> None:
    assert {name: family.kind.__name__ for name, family in FAMILIES.items()} == {name: name for name in FAMILIES}
    assert set(FAMILIES) == names_of(Architecture)


@pytest.mark.parametrize("table", OF_ALL)
def test_every_family_is_decided(table: str) -> None:
    assert set(OF_ALL[table]) == set(FAMILIES), f"{table} needs an entry, None if there is nothing, for each family"


@pytest.mark.parametrize("table", OF_IMAGES)
def test_those_trained_on_images(table: str) -> None:
    assert set(OF_IMAGES[table]) == trained_on("images") == names_of(ImageNetwork)


@pytest.mark.parametrize("table", OF_TEXT)
def test_those_trained_on_text(table: str) -> None:
    assert set(OF_TEXT[table]) == trained_on("text") == names_of(RecurrentArchitecture)


def test_what_is_exported_as_code_can_be_built() -> None:
    def decided(table: Mapping[str, object]) -> set[str]:
        return {name for name, entry in table.items() if entry is not None}

    assert decided(EXPORTERS) <= {*MODULES, *LAYERS}
    assert decided(EXPORTERS) >= trained_on("text")


@pytest.mark.parametrize("architecture", EXAMPLES, ids=lambda each: type(each).__name__)
def test_values_are_read_back_and_told_apart(architecture: Architecture) -> None:
    family = FAMILIES[type(architecture).__name__]
    assert family.from_json(to_json(architecture)) == architecture
    assert reads_images(architecture) == (family.trained_on == "images")
    assert reads_text(architecture) == (family.trained_on == "text")


def test_there_is_an_example_of_every_family() -> None:
    assert {type(each).__name__ for each in EXAMPLES} == set(FAMILIES)
