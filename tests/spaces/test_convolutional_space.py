"""The paper's convolutional space in its three experiments, and the way back from a network to its actions."""

import random
from dataclasses import replace
from typing import Any

import pytest

from netwright.architectures.convolutional import ConvNet
from netwright.architectures.published import nas_cnn_15
from netwright.errors import SpaceError
from netwright.spaces.convolutional import convolutional
from netwright.spaces.decisions import Choice, Subset
from netwright.spaces.exploring import sample
from netwright.spaces.programs import Space

POOLING: dict[str, Any] = {
    "num_layers": 13,
    "num_filters": (6, 12, 24, 36),
    "block_size": 3,
    "pool_after": (13, 24),
}
VARIANTS: dict[str, dict[str, Any]] = {
    "paper": {},
    "after filters": {"anchors": "after_filters"},
    "no skips": {"skip_connections": False},
    "strides": {"strides": (1, 2, 3)},
    "strides, after filters": {"strides": (1, 2, 3), "anchors": "after_filters"},
    "may end": {"may_end": True},
    "may end, strides": {"may_end": True, "strides": (1, 2), "num_layers": 5},
    "pooling": POOLING,
    "pooling, wide": {**POOLING, "more_filters": 40},
    "everything": {**POOLING, "num_layers": 7, "may_end": True, "strides": (1, 2), "anchors": "after_filters"},
}


def random_network(of: Space, seed: int) -> ConvNet:
    network = sample(of, random.Random(seed)).architecture
    assert isinstance(network, ConvNet)
    return network


def asked(of: Space, seed: int = 0) -> list[str]:
    return [decision.name for decision in sample(of, random.Random(seed)).decisions]


# What is asked --------------------------------------------------------------------------------------------------------


def test_the_first_experiment_asks_for_what_the_paper_says() -> None:
    episode = sample(convolutional(), random.Random(0))
    assert len(episode.actions) == 15 * 4
    options = {decision.name: decision.options for decision in episode.decisions if isinstance(decision, Choice)}
    assert options == {"filter_height": (1, 3, 5, 7), "filter_width": (1, 3, 5, 7), "num_filters": (24, 36, 48, 64)}
    anchors = [decision.of for decision in episode.decisions if isinstance(decision, Subset)]
    assert anchors == list(range(15))
    assert {(layer.stride_height, layer.stride_width, layer.pool) for layer in episode.architecture.layers} == {
        (1, 1, 1)
    }


def test_the_second_experiment_predicts_strides() -> None:
    episode = sample(convolutional(20, strides=(1, 2, 3)), random.Random(0))
    options = {decision.name: decision.options for decision in episode.decisions if isinstance(decision, Choice)}
    assert options["stride_height"] == options["stride_width"] == (1, 2, 3)
    layers = episode.architecture.layers
    assert len(layers) == 20
    assert {layer.stride_height for layer in layers} == {layer.stride_width for layer in layers} == {1, 2, 3}
    assert any(layer.stride_height != layer.stride_width for layer in layers)


@pytest.mark.parametrize(
    ("parameters", "order"),
    [
        ({}, ["filter_height", "filter_width", "inputs", "num_filters"]),
        ({"anchors": "after_filters"}, ["filter_height", "filter_width", "num_filters", "inputs"]),
        ({"skip_connections": False}, ["filter_height", "filter_width", "num_filters"]),
        (
            {"strides": (1, 2, 3)},
            ["filter_height", "filter_width", "stride_height", "stride_width", "inputs", "num_filters"],
        ),
    ],
)
def test_the_order_of_figures_2_and_4(parameters: dict[str, Any], order: list[str]) -> None:
    assert asked(convolutional(4, **parameters)) == order * 4


def test_one_stride_that_is_not_one_is_fixed() -> None:
    network = random_network(convolutional(3, strides=(2,)), 0)
    assert {(layer.stride_height, layer.stride_width) for layer in network.layers} == {(2, 2)}
    assert "stride_height" not in asked(convolutional(3, strides=(2,)))


def test_without_skip_connections_it_is_a_chain() -> None:
    network = random_network(convolutional(5, skip_connections=False), 0)
    assert [layer.inputs for layer in network.layers] == [(), (0,), (1,), (2,), (3,)]


def test_an_answer_becomes_what_it_says() -> None:
    episode = convolutional(2, strides=(1, 2, 3)).replay((0, 3, 1, 2, (), 3, 2, 1, 0, 1, (0,), 0))
    first, second = episode.architecture.layers
    assert str(first) == "1x7/2x3x64"
    assert str(second) == "5x3/1x2x24"
    assert second.inputs == (0,)


# The third experiment -------------------------------------------------------------------------------------------------


def test_thirteen_layers_become_thirty_nine_with_two_pools() -> None:
    network = random_network(convolutional(**POOLING), 0)
    assert len(asked(convolutional(**POOLING))) == 13 * 4
    assert len(network.layers) == 39
    assert [number for number, layer in enumerate(network.layers, start=1) if layer.pool > 1] == [13, 24]
    assert network.layers[12].pool == network.layers[23].pool == 2
    assert {
        layer.num_filters for seed in range(3) for layer in random_network(convolutional(**POOLING), seed).layers
    } == {
        6,
        12,
        24,
        36,
    }


def test_the_wiring_of_blocks() -> None:
    """Three blocks by hand: the second reads no block, the third reads both."""
    space = convolutional(3, block_size=3)
    actions = (0, 0, (), 0, 1, 1, (), 1, 2, 2, (0, 1), 2)
    network = space.replay(actions).architecture
    assert [layer.inputs for layer in network.layers] == [
        (),
        (0,),
        (0, 1),
        (),
        (3,),
        (3, 4),
        (2, 5),
        (2, 5, 6),
        (2, 5, 6, 7),
    ]
    assert [str(layer) for layer in network.layers] == ["1x1x24"] * 3 + ["3x3x36"] * 3 + ["5x5x48"] * 3


def test_a_block_has_one_stride() -> None:
    network = convolutional(2, strides=(1, 2, 3), block_size=3, skip_connections=False).replay(
        (0, 0, 1, 2, 0, 0, 0, 2, 0, 0)
    )
    strides = [(layer.stride_height, layer.stride_width) for layer in network.architecture.layers]
    assert strides == [(2, 3), (1, 1), (1, 1), (3, 1), (1, 1), (1, 1)]


@pytest.mark.parametrize("more", [32, 40])
def test_more_filters_in_every_layer(more: int) -> None:
    narrow = random_network(convolutional(**POOLING), 3)
    wide = random_network(convolutional(**POOLING, more_filters=more), 3)
    assert wide == narrow.widened(more)
    assert [w.num_filters - n.num_filters for w, n in zip(wide.layers, narrow.layers, strict=True)] == [more] * 39


# Ending early ---------------------------------------------------------------------------------------------------------


def test_the_end_may_come_after_every_layer_but_the_last() -> None:
    ending = convolutional(3, may_end=True, skip_connections=False)
    layer = (0, 0, 0)
    assert len(ending.replay((*layer, 1)).architecture.layers) == 1
    assert len(ending.replay((*layer, 0, *layer, 1)).architecture.layers) == 2
    longest = ending.replay((*layer, 0, *layer, 0, *layer))
    assert len(longest.architecture.layers) == 3
    assert [decision.name for decision in longest.decisions].count("end") == 2


def test_every_length_is_sampled() -> None:
    ending = convolutional(4, may_end=True)
    assert {len(random_network(ending, seed).layers) for seed in range(60)} == {1, 2, 3, 4}


@pytest.mark.parametrize("parameters", [{"num_layers": 0}, {"block_size": 0}])
def test_less_than_one_layer_is_refused(parameters: dict[str, int]) -> None:
    with pytest.raises(SpaceError, match="num_layers and block_size are 1 or more"):
        convolutional(**parameters).start()


# The way back ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parameters", VARIANTS.values(), ids=VARIANTS)
def test_two_hundred_random_networks_come_back_as_their_actions(parameters: dict[str, Any]) -> None:
    space = convolutional(**parameters)
    for seed in range(200):
        episode = sample(space, random.Random(seed))
        assert space.encode(episode.architecture) == tuple(episode.actions)


@pytest.mark.parametrize("anchors", ["before_filters", "after_filters"])
def test_the_published_network_lies_in_the_space(anchors: Any) -> None:
    # Figure 7 has 36 and 48 filters, sizes 1, 3, 5, 7.
    space = convolutional(15, anchors=anchors)
    actions = space.encode(nas_cnn_15())
    assert len(actions) == 60
    assert space.replay(actions).architecture == nas_cnn_15()
    # Layer 9 is 7x1 with 36 filters and reads layers 1, 5, 6 and 8.
    described = (3, 0, (0, 4, 5, 7), 1) if anchors == "before_filters" else (3, 0, 1, (0, 4, 5, 7))
    assert actions[32:36] == described


def test_its_chain_lies_in_the_space_without_skips() -> None:
    space = convolutional(15, skip_connections=False)
    assert space.replay(space.encode(nas_cnn_15().chained())).architecture == nas_cnn_15().chained()
    with pytest.raises(SpaceError, match="is not in space"):
        space.encode(nas_cnn_15())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"filter_height": 9}, r"filter_height = 9 is not among the options \(1, 3, 5, 7\)"),
        ({"filter_width": 11}, r"filter_width = 11 is not among the options \(1, 3, 5, 7\)"),
        ({"num_filters": 40}, r"num_filters = 40 is not among the options \(24, 36, 48, 64\)"),
        ({"stride_height": 2}, "is not in space"),
        ({"pool": 2}, "is not in space"),
    ],
)
def test_a_network_with_one_change_does_not(change: dict[str, int], message: str) -> None:
    layers = list(nas_cnn_15().layers)
    layers[6] = replace(layers[6], **change)
    with pytest.raises(SpaceError, match=message):
        convolutional(15).encode(ConvNet(tuple(layers)))


def test_a_network_of_another_length_does_not() -> None:
    with pytest.raises(SpaceError, match="is not in space"):
        convolutional(16).encode(nas_cnn_15())
    with pytest.raises(SpaceError, match="has more decisions than space"):
        convolutional(14).encode(nas_cnn_15())


@pytest.mark.parametrize("position", [13, 14])
def test_a_block_with_other_wiring_does_not(position: int) -> None:
    space = convolutional(**POOLING)
    layers = list(random_network(space, 0).layers)
    layers[position] = replace(layers[position], inputs=layers[position].inputs[:-1])
    with pytest.raises(SpaceError, match="is not in space"):
        space.encode(ConvNet(tuple(layers)))


@pytest.mark.parametrize("thing", [None, {"layers": []}, 3])
def test_something_that_is_no_network_does_not(thing: object) -> None:
    with pytest.raises(SpaceError, match="the convolutional space contains ConvNets"):
        convolutional(3).encode(thing)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"num_layers": 0}, "1 or more"),
        ({"num_layers": "x"}, "'x'"),
        ({"strides": ()}, "strides"),
    ],
    ids=str,
)
def test_parameters_that_make_no_network_are_refused(parameters, message):
    with pytest.raises(SpaceError, match=message):
        convolutional(**parameters).start()
