"""Architectures as values: rules, JSON, fingerprints that never change, and the published network."""

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any

import pytest

from netwright.architectures.convolutional import ConvLayer, ConvNet, convnet_from_json
from netwright.architectures.published import nas_cnn_15
from netwright.architectures.values import fingerprint, to_json
from netwright.errors import SpaceError

SIZES = ("filter_height", "filter_width", "num_filters", "stride_height", "stride_width", "pool")


def layer(*inputs: int, **changes: int) -> ConvLayer:
    return replace(ConvLayer(filter_height=3, filter_width=5, num_filters=8, inputs=inputs), **changes)


@dataclass(frozen=True)
class Pair:
    left: Any
    right: Any = None


# The published network ------------------------------------------------------------------------------------------------


def test_the_published_network() -> None:
    network = nas_cnn_15()
    assert len(network.layers) == 15
    assert network.num_connections == 65
    assert sum(index - 1 in layer.inputs for index, layer in enumerate(network.layers)) == 14
    assert network.outputs == (14,)
    assert sum(layer.num_filters for layer in network.layers) == 636
    assert {layer.filter_height for layer in network.layers} == {3, 5, 7}
    assert network.layers[14].inputs == (1, 6, 10, 11, 12, 13), "layer 15 reads layers 2, 7, 11, 12, 13, 14"


def test_its_variants() -> None:
    network = nas_cnn_15()
    assert network.densely_connected().num_connections == 15 * 14 // 2
    assert network.chained().num_connections == 14
    assert network.chained().outputs == network.densely_connected().outputs == (14,)
    wide = network.widened(40)
    assert [layer.num_filters - 40 for layer in wide.layers] == [layer.num_filters for layer in network.layers]
    assert [layer.inputs for layer in wide.layers] == [layer.inputs for layer in network.layers]
    assert network == nas_cnn_15()
    assert hash(network) == hash(nas_cnn_15())


def test_unread_layers_are_the_outputs() -> None:
    assert ConvNet((layer(), layer(0), layer(0), layer(1))).outputs == (2, 3)
    assert ConvNet((layer(), layer(), layer())).outputs == (0, 1, 2)


def test_a_network_describes_itself() -> None:
    network = ConvNet((layer(), layer(0), layer(0, 1, pool=2), layer(stride_width=2)))
    assert str(network) == "3x5x8 3x5x8 3x5x8p<0,1> 3x5/1x2x8<>"


# Rules ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inputs", [(1,), (2,), (-1,), (0, 0)])
def test_a_layer_reads_earlier_layers_once_each(inputs: tuple[int, ...]) -> None:
    with pytest.raises(SpaceError, match=r"layer 1: inputs must be ascending indices in 0..0"):
        ConvNet((layer(), layer(*inputs)))


def test_inputs_are_ascending() -> None:
    with pytest.raises(SpaceError, match=r"layer 2: inputs must be ascending indices in 0..1; got \(1, 0\)"):
        ConvNet((layer(), layer(), layer(1, 0)))


@pytest.mark.parametrize("name", SIZES)
def test_sizes_are_one_or_more(name: str) -> None:
    with pytest.raises(SpaceError, match="layer 0: sizes, strides and filters are 1 or more"):
        ConvNet((layer(**{name: 0}),))


@pytest.mark.parametrize("name", ["filter_height", "filter_width"])
def test_filters_have_a_middle(name: str) -> None:
    with pytest.raises(SpaceError, match="layer 0: filter heights and widths are odd"):
        ConvNet((layer(**{name: 4}),))


def test_a_network_has_layers() -> None:
    with pytest.raises(SpaceError, match="at least one layer"):
        ConvNet(())


# JSON -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", [nas_cnn_15(), ConvNet((layer(), layer(0, pool=2, stride_height=3)))])
def test_json_both_ways(network: ConvNet) -> None:
    document = json.loads(json.dumps(to_json(network)))
    assert convnet_from_json(document) == network
    assert fingerprint(document) == fingerprint(network)


def test_the_written_form() -> None:
    assert to_json(ConvNet((layer(),))) == {
        "type": "ConvNet",
        "layers": [
            {
                "type": "ConvLayer",
                "filter_height": 3,
                "filter_width": 5,
                "num_filters": 8,
                "inputs": [],
                "stride_height": 1,
                "stride_width": 1,
                "pool": 1,
            }
        ],
    }


def test_what_may_be_left_out_has_its_default() -> None:
    document = {"layers": [{"filter_height": 3, "filter_width": 5, "num_filters": 8}]}
    assert convnet_from_json(document) == ConvNet((layer(),))


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        None,
        {"layers": 3},
        {"layers": [3]},
        {"layers": [{"filter_height": 3}]},
        {"layers": [{**to_json(layer()), "colour": 3}]},
        {"layers": [{**to_json(layer()), "inputs": 3}]},
        {"layers": [{**to_json(layer()), "num_filters": "8"}]},
    ],
)
def test_what_is_no_network_is_refused(document: Any) -> None:
    with pytest.raises(SpaceError, match="not the JSON of a ConvNet"):
        convnet_from_json(document)


def test_a_network_that_breaks_the_rules_is_refused() -> None:
    with pytest.raises(SpaceError, match="inputs must be ascending"):
        convnet_from_json({"layers": [{**to_json(layer()), "inputs": [0]}]})


def test_a_users_values_have_json() -> None:
    value = {"a": [1, 2.5, True, None, "x"], "b": (Pair(1, {"c": ()}),)}
    assert to_json(value) == {
        "a": [1, 2.5, True, None, "x"],
        "b": [{"type": "Pair", "left": 1, "right": {"c": []}}],
    }


@pytest.mark.parametrize("value", [{1}, {1: 2}, object(), Pair, b"x", float("nan"), float("-inf"), [Pair(1j)]])
def test_what_has_no_json_is_refused(value: object) -> None:
    for function in (to_json, fingerprint):
        with pytest.raises(SpaceError, match=r"an architecture holds .*JSON"):
            function(value)


# Fingerprints ---------------------------------------------------------------------------------------------------------


def test_the_fingerprint_of_the_published_network_never_changes() -> None:
    """Seeds of children and the reuse of measurements hang on it: a stored run must find its architectures again."""
    assert fingerprint(nas_cnn_15()) == "1de3291ccb79d822"


def test_a_fingerprint_is_the_hash_of_the_sorted_compact_json() -> None:
    text = '{"a":[1,2.5,true,null,"x"],"b":{"left":1,"right":null,"type":"Pair"}}'
    value = {"b": Pair(1), "a": (1, 2.5, True, None, "x")}
    assert fingerprint(value) == hashlib.sha256(text.encode()).hexdigest()[:16]


def test_every_member_counts() -> None:
    base = layer(0)
    changed = [replace(base, **{name: 7}) for name in SIZES]
    networks = [ConvNet((layer(), other)) for other in (base, replace(base, inputs=()), *changed)]
    assert len({fingerprint(network) for network in networks}) == len(networks) == 8


def test_true_one_and_one_point_nought_differ() -> None:
    assert len({fingerprint(value) for value in (True, 1, 1.0, "1", [1])}) == 5
