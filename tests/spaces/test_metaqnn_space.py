"""MetaQNN's space: its transition rules against every sequence that keeps to them, its state, and the way back."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from netwright.architectures.families import architecture_from_json
from netwright.architectures.plain import Convolution, Dense, PlainNet, Pooling
from netwright.architectures.published import nas_cell
from netwright.architectures.values import fingerprint, to_json
from netwright.config import ImageSettings, RunConfig, differences
from netwright.errors import SpaceError
from netwright.recipes.networks import metaqnn_digits
from netwright.spaces.checking import check_space
from netwright.spaces.decisions import Choice
from netwright.spaces.exploring import enumerate_space, size_of
from netwright.spaces.metaqnn import metaqnn
from netwright.spaces.references import space_from_json, space_to_json

SMALL: dict[str, Any] = {
    "num_filters": (2,), "filter_sizes": (1, 3, 5), "pools": ((5, 3), (3, 2), (2, 2)), "dense_units": (4, 2)
}  # fmt: skip
Step = tuple[str, int, int]
"""What one layer is, as the oracle has it: kind, window or units, stride."""
STEPS: dict[str, Step] = {
    "conv 1x1x2": ("conv", 1, 1), "conv 3x3x2": ("conv", 3, 1), "conv 5x5x2": ("conv", 5, 1),
    "pool 5/3": ("pool", 5, 3), "pool 3/2": ("pool", 3, 2), "pool 2/2": ("pool", 2, 2),
    "dense 4": ("dense", 4, 0), "dense 2": ("dense", 2, 0),
    "softmax": ("end", 0, 0), "global average pooling": ("gap", 0, 0),
}  # fmt: skip


# The oracle: all sequences, and the rules of the paper's appendix and of the released code --------------------------


def is_possible(steps: list[Step], *, image_size: int, max_layers: int, max_dense: int) -> bool:
    """Whether a whole sequence keeps to the rules; sizes are kept as the numbers of places, counted one by one."""
    *layers, (ending, _, _) = steps
    kinds = [kind for kind, _, _ in layers]
    if len(layers) > max_layers or ending not in ("end", "gap") or {"end", "gap"} & set(kinds):
        return False
    if kinds != [kind for kind in kinds if kind != "dense"] + ["dense"] * kinds.count("dense"):
        return False  # nothing but the softmax comes behind a fully connected layer
    units = [number for kind, number, _ in layers if kind == "dense"]
    if len(units) > max_dense or units != sorted(units, reverse=True) or (units and ending == "gap"):
        return False
    if kinds[:1] == ["pool"] or ("pool", "pool") in itertools.pairwise(kinds):
        return False
    size = image_size
    for kind, window, stride in layers:
        smallest_of_bin = 8 if size > 7 else 4 if size > 3 else 1
        if kind == "dense":
            return smallest_of_bin < 8
        if window >= smallest_of_bin:
            return False
        if kind == "pool":
            size = sum(1 for place in range(0, size, stride) if place + window <= size)
    return True


def all_sequences(max_layers: int) -> Iterator[tuple[str, ...]]:
    for length in range(1, max_layers + 2):
        yield from itertools.product(STEPS, repeat=length)


@pytest.mark.parametrize(
    ("image_size", "max_layers", "max_dense"),
    [(8, 4, 2), (11, 4, 2), (16, 4, 1), (5, 4, 2), (7, 3, 3), (3, 4, 3), (1, 2, 1), (5, 3, 0), (9, 1, 2)],
)
def test_the_space_is_every_sequence_that_keeps_to_the_rules(image_size: int, max_layers: int, max_dense: int) -> None:
    limits = {"image_size": image_size, "max_layers": max_layers, "max_dense": max_dense}
    expected = {
        ", ".join(names)
        for names in all_sequences(max_layers)
        if is_possible([STEPS[name] for name in names], **limits)
    }
    space = metaqnn(**limits, **SMALL)
    found = [str(episode.architecture) for episode in enumerate_space(space)]
    assert sorted(found) == sorted(expected)
    assert size_of(space).value == len(expected)


# What is asked --------------------------------------------------------------------------------------------------------


def test_bakers_space_for_cifar10() -> None:
    episode = metaqnn().start()
    first = episode.decision
    assert isinstance(first, Choice)
    assert len(first.options) == 4 * 3 + 3 + 3 + 2
    assert possible(first) == {f"conv {k}x{k}x{n}" for k in (1, 3, 5) for n in (64, 128, 256, 512)} | {
        "softmax", "global average pooling",
    }  # fmt: skip
    assert size_of(metaqnn()).exact
    for _ in range(18):
        assert isinstance(episode.decision, Choice)
        episode.act(episode.decision.action("conv 3x3x64"))
    assert isinstance(episode.decision, Choice)
    assert possible(episode.decision) == {"softmax", "global average pooling"}


def possible(decision: Choice) -> set[Any]:
    return {decision.options[action] for action in decision.allowed_actions}


@pytest.mark.parametrize("image_size", [5, 8, 11])
def test_the_state_says_what_is_possible(image_size: int) -> None:
    """As Q-learning presumes: the actions that are possible in a state do not depend on the way there."""
    space = metaqnn(4, image_size=image_size, **SMALL)
    assert space.traits.state is not None
    found: dict[str, tuple[bool, ...]] = {}
    ways: dict[str, set[Any]] = {}
    for episode in enumerate_space(space):
        answers = tuple(d.answer(a) for d, a in zip(episode.decisions, episode.actions, strict=True))
        for step, decision in enumerate(episode.decisions):
            assert isinstance(decision, Choice)
            state = space.traits.state(answers[:step], **space.parameters)
            assert found.setdefault(state, decision.allowed) == decision.allowed, state
            ways.setdefault(state, set()).add(answers[:step])
    assert max(map(len, ways.values())) > 5  # the table has far fewer states than the space has prefixes


def test_the_state_is_bakers() -> None:
    space = metaqnn_digits().space
    state = space.traits.state
    assert state is not None
    assert state((), **space.parameters) == "image, depth 0, size 8, dense 0"
    assert state(("conv 3x3x8", "pool 2/2"), **space.parameters) == "pool 2/2, depth 2, size 4, dense 0"
    assert state(("conv 3x3x8", "pool 5/3"), **space.parameters) == "pool 5/3, depth 2, size 1, dense 0"
    behind = ("conv 3x3x8", "pool 2/2", "dense 64", "dense 16")
    assert state(behind, **space.parameters) == "dense 16, depth 4, size 1, dense 2"


# Values, and the way back ---------------------------------------------------------------------------------------------

NETWORK = PlainNet(
    (
        Convolution(size=5, num_filters=8),
        Pooling(size=2, stride=2),
        Convolution(size=3, num_filters=32),
        Dense(num_units=32),
        Dense(num_units=16),
    )
)


def test_a_network_leads_back_to_its_actions() -> None:
    space = metaqnn_digits().space
    assert space.replay(space.encode(NETWORK)).architecture == NETWORK
    for episode in enumerate_space(metaqnn(3, image_size=5, **SMALL)):
        assert episode.space.encode(episode.architecture) == tuple(episode.actions)
    with pytest.raises(SpaceError, match="contains PlainNets"):
        space.encode(nas_cell())
    with pytest.raises(SpaceError, match="masked at this decision"):
        space.encode(PlainNet((Dense(num_units=32),)))


def test_json_and_text() -> None:
    assert architecture_from_json(json.loads(json.dumps(to_json(NETWORK)))) == NETWORK
    assert fingerprint(NETWORK) == fingerprint(to_json(NETWORK)) != fingerprint(PlainNet(NETWORK.layers[:4]))
    assert str(NETWORK) == "conv 5x5x8, pool 2/2, conv 3x3x32, dense 32, dense 16, softmax"


def test_it_is_fit_for_a_search_and_a_run_goes_on_with_it() -> None:
    assert check_space(metaqnn_digits().space).decision_names == ("layer",)
    config = RunConfig(space=metaqnn(pools=((2, 2),)), evaluate=ImageSettings())
    stored = json.loads(json.dumps(config.to_json()))
    assert space_from_json(stored["space"]) == config.space
    assert differences(stored, config.to_json()) == []
    assert space_to_json(config.space)["parameters"]["pools"] == [[2, 2]]


# What is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "not the JSON of a PlainNet"),
        ({"layers": [{"type": "Convolution", "size": 3}], "ending": "softmax"}, "not the JSON of a PlainNet"),
        ({"layers": [{"type": "Recurrent"}], "ending": "softmax"}, "not the JSON of a PlainNet"),
        ({"layers": [3], "ending": "softmax"}, "not the JSON of a PlainNet"),
        ({"layers": [{"type": "Dense", "num_units": 0}], "ending": "softmax"}, "1 or more; got Dense"),
        ({"layers": [{"type": "Dense", "num_units": "8"}], "ending": "softmax"}, "1 or more; got Dense"),
        (
            {"layers": [{"type": "Convolution", "size": 2, "num_filters": 1}], "ending": "softmax"},
            "filter sizes are odd",
        ),
        ({"layers": [], "ending": "sofmax"}, "unknown ending 'sofmax'; did you mean 'softmax'"),
        (
            {
                "layers": [{"type": "Dense", "num_units": 8}, {"type": "Pooling", "size": 2, "stride": 2}],
                "ending": "softmax",
            },
            "layer 1: after a fully connected layer there are no maps",
        ),
        ({"layers": [{"type": "Dense", "num_units": 8}], "ending": "global average pooling"}, "no maps to pool"),
    ],
)
def test_what_is_no_network_is_refused(document: dict[str, Any], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        architecture_from_json({"type": "PlainNet", **document})


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"max_layers": 0}, "max_layers and image_size must be whole numbers, 1 or more; got 0, 32"),
        ({"image_size": 7.5}, "max_layers and image_size must be whole numbers"),
        ({"pools": (2, 2)}, r"pools must be pairs \(window, stride\)"),
        ({"pools": ((2, 0),)}, "1 or more; got Pooling"),
        ({"filter_sizes": (2,)}, "filter sizes are odd"),
    ],
)
def test_parameters_that_make_no_space_are_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        metaqnn(**parameters).start()
