"""The recurrent reference models as values; and language models counted from their description."""

import json

import pytest

from netwright.architectures.costs import hidden_size_for, language_model_parameters
from netwright.architectures.families import architecture_from_json
from netwright.architectures.recurrent import (
    CellNode,
    DeepTransition,
    Elman,
    HyperLstm,
    LayerNormLstm,
    Lstm,
    RecurrentArchitecture,
    RecurrentCell,
    RecurrentHighway,
)
from netwright.architectures.values import fingerprint, to_json
from netwright.errors import ConfigError, SpaceError

BASE_8 = RecurrentCell((CellNode("add", "tanh"),) * 15, CellNode("elem_mult", "sigmoid"), 12, 8)
BASE_2 = RecurrentCell((CellNode("add", "tanh"),) * 3, CellNode("elem_mult", "sigmoid"), 1, 0)


NEW = [RecurrentHighway(3, coupled=False), Lstm(0.1, 0.2), Elman(), DeepTransition()]


def test_what_older_versions_wrote_is_read_and_keeps_its_fingerprint() -> None:
    for document, network in (
        ({"type": "Lstm"}, Lstm()),
        ({"type": "RecurrentHighway", "depth": 3}, RecurrentHighway(3)),
    ):
        assert architecture_from_json(document) == network
        assert to_json(network) == document


@pytest.mark.parametrize("architecture", [BASE_8, BASE_2, Lstm(), RecurrentHighway(), RecurrentHighway(depth=3), *NEW])
def test_json_both_ways(architecture: RecurrentArchitecture) -> None:
    document = json.loads(json.dumps(to_json(architecture)))
    again = architecture_from_json(document)
    assert again == architecture
    assert type(again) is type(architecture)


def test_different_networks_have_different_fingerprints() -> None:
    networks = [BASE_8, BASE_2, Lstm(), RecurrentHighway(), RecurrentHighway(depth=3), *NEW]
    assert len({fingerprint(network) for network in networks}) == len(networks)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            {"type": "RecurrentHighway", "depth": 2, "coupled": 1},
            "coupled of a RecurrentHighway is true or false; got 1",
        ),
        ({"type": "Lstm", "zoneout_cell": 1.0}, r"zoneout_cell is a probability from 0 to 1, not 1; got 1\.0"),
        ({"type": "Lstm", "zoneout": 0.1}, "not the JSON of a Lstm"),
        ({"type": "RecurrentHighway"}, "not the JSON of a RecurrentHighway"),
        ({"type": "RecurrentHighway", "depth": 0}, "a depth of 1 or more; got 0"),
        ({"type": "RecurrentHighway", "depth": 2.0}, r"a depth of 1 or more; got 2\.0"),
        ({"type": "HyperLstm", "hyper_units": 3}, "not the JSON of a HyperLstm"),
        ({"type": "HyperLstm", "hyper_units": 0, "signal_size": 4, "layer_norm": True}, "1 or more; got 0"),
        ({"type": "HyperLstm", "hyper_units": 3, "signal_size": 4, "layer_norm": 1}, "true or false; got 1"),
        ({"type": "RecurrentCell"}, "not the JSON of a RecurrentCell"),
    ],
)
def test_other_json_is_refused(document: dict[str, object], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        architecture_from_json(document)


@pytest.mark.parametrize("document", [{"type": "Lstn"}, {"type": ["Lstm"]}, {}, []])
def test_other_values_are_of_a_users_own_kind(document: object) -> None:
    assert architecture_from_json(document) is None


CHARACTERS = {"hidden_size": 1000, "num_layers": 1, "input_layer": "one-hot"}
LARGE_SIGNALS = HyperLstm(signal_size=16, layer_norm=True)
OF_CHARACTERS = [
    ("LSTM", Lstm(), {}, 4_254_050),
    ("LSTM 1250", Lstm(), {"hidden_size": 1250}, 6_567_550),
    ("LSTM 2 x 1000", Lstm(), {"num_layers": 2}, 12_258_050),
    ("layer-normalised LSTM", LayerNormLstm(), {}, 4_264_050),  # published 4.26M
    ("HyperLSTM", HyperLstm(), {}, 4_911_874),
    ("layer-normalised HyperLSTM", HyperLstm(layer_norm=True), {}, 4_923_154),
    ("large embedding", LARGE_SIGNALS, {}, 5_085_682),  # published 5.06M
    ("2 layers", LARGE_SIGNALS, {"num_layers": 2}, 14_407_714),  # published 14.41M
]


@pytest.mark.parametrize(("architecture", "settings", "expected"), [row[1:] for row in OF_CHARACTERS])
def test_published_sizes_of_models_of_characters(
    architecture: RecurrentArchitecture, settings: dict[str, int], expected: int
) -> None:
    """With the 50 characters of the Penn Treebank; Ha et al. 2016, table 3."""
    assert language_model_parameters(architecture, 50, **{**CHARACTERS, **settings}) == expected


PUBLISHED = [
    ("Zaremba medium", Lstm(), {"hidden_size": 650}, 19_775_200),
    ("Zaremba large", Lstm(), {"hidden_size": 1500}, 66_022_000),
    ("RHN", RecurrentHighway(10), {"hidden_size": 830, "num_layers": 1, "tied": True}, 23_482_400),
    ("Zaremba large, tied", Lstm(), {"hidden_size": 1500, "tied": True}, 51_022_000),
    (
        "RHN uncoupled",
        RecurrentHighway(10, coupled=False),
        {"hidden_size": 830, "num_layers": 1, "tied": True},
        31_068_600,
    ),
    ("Mikolov", Elman(), {"hidden_size": 300, "num_layers": 1}, 6_190_300),
    ("Pascanu", DeepTransition(), {"hidden_size": 280, "num_layers": 1}, 6_002_840),
    (
        "CharCNN large",
        Lstm(),
        {"hidden_size": 650, "input_layer": "char-cnn-large", "num_characters": 51},
        19_367_965,
    ),
    ("pointer", Lstm(), {"hidden_size": 650, "output_layer": "pointer-sentinel"}, 20_199_000),  # published 21M
    ("NAS 32M", BASE_8, {"hidden_size": 740}, 32_333_200),
    ("NAS 25M", BASE_8, {"hidden_size": 740, "tied": True}, 24_933_200),
    ("NAS 54M", BASE_8, {"hidden_size": 1150, "tied": True}, 53_830_000),
]


@pytest.mark.parametrize(("architecture", "settings", "expected"), [row[1:] for row in PUBLISHED])
def test_published_sizes(architecture: RecurrentArchitecture, settings: dict[str, int], expected: int) -> None:
    """With the 10,000 words of the Penn Treebank; Zaremba et al. 2014, Zilly et al. 2016, table 2 of the paper."""
    assert language_model_parameters(architecture, 10_000, **settings) == expected


@pytest.mark.parametrize(
    ("num_parameters", "tied", "expected"),
    [(20_000_000, False, 537), (25_000_000, True, 741), (54_000_000, True, 1152)],
)
def test_the_width_of_the_papers_models(num_parameters: int, tied: bool, expected: int) -> None:
    assert hidden_size_for(num_parameters, BASE_8, 10_000, tied=tied) == expected


@pytest.mark.parametrize("architecture", [BASE_8, BASE_2, Lstm(), RecurrentHighway(3), *NEW])
@pytest.mark.parametrize(
    "settings",
    [{}, {"tied": True}, {"num_layers": 1}, {"num_layers": 3, "embedding_size": 20, "cell_bias": True}],
)
def test_the_width_is_the_largest_that_fits(architecture: RecurrentArchitecture, settings: dict[str, int]) -> None:
    for wanted in (9_999, 10_000, 123_456):
        found = hidden_size_for(wanted, architecture, 50, **settings)
        count = [
            language_model_parameters(architecture, 50, hidden_size=size, **settings) for size in (found, found + 1)
        ]
        assert count[0] <= wanted < count[1]


def test_exactly_as_many_as_fit() -> None:
    count = language_model_parameters(Lstm(), 50, hidden_size=17)
    assert hidden_size_for(count, Lstm(), 50) == 17
    assert hidden_size_for(count - 1, Lstm(), 50) == 16


def test_too_few_parameters_for_the_vocabulary() -> None:
    with pytest.raises(ConfigError, match=r"num_parameters is 10,000, .* 10,000 tokens has at least 30,0"):
        hidden_size_for(10_000, BASE_8, 10_000)
