"""Spaces as JSON, and what a JSON from elsewhere cannot make happen."""

import json
import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from netwright.errors import ConfigError, NetwrightError, SpaceError
from netwright.spaces.convolutional import convolutional
from netwright.spaces.decisions import Choice, Decision
from netwright.spaces.programs import Schedule, Space, space
from netwright.spaces.references import load_function, reference, resolve, space_from_json, space_to_json

CONVOLUTIONAL = "netwright.spaces.convolutional:convolutional"


@space
def mine(widths: tuple[int, ...] = (8, 16), nested: Any = ()) -> Generator[Decision, Any, Any]:
    return {"width": (yield Choice("width", widths))}


def both_ways(of: Space) -> Space:
    return space_from_json(json.loads(json.dumps(space_to_json(of))))


@pytest.mark.parametrize(
    "of",
    [
        convolutional(),
        convolutional(13, num_filters=(6, 12, 24, 36), block_size=3, pool_after=(13, 24), more_filters=40),
        convolutional(Schedule(6, 2, 1600)),  # type: ignore[arg-type]
        convolutional(Schedule(3, 1, 10, stop=9), strides=(1, 2, 3)),  # type: ignore[arg-type]
        mine(widths=(1, 2), nested=((1, (2, 3)), "x", None, True)),
    ],
)
def test_json_both_ways(of: Space) -> None:
    assert both_ways(of) == of
    assert space_to_json(both_ways(of)) == space_to_json(of)


def test_the_written_form() -> None:
    assert space_to_json(mine(widths=(1, 2))) == {
        "program": f"{__name__}:mine",
        "parameters": {"widths": [1, 2], "nested": []},
    }
    document = space_to_json(convolutional(Schedule(6)))  # type: ignore[arg-type]
    assert document["program"] == CONVOLUTIONAL
    assert document["parameters"]["num_layers"] == {"schedule": {"start": 6, "step": 2, "interval": 1600, "stop": None}}


def test_missing_parameters_are_the_defaults() -> None:
    assert space_from_json({"program": CONVOLUTIONAL, "parameters": {"num_layers": 3}}) == convolutional(3)


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Whatever os.system is called with."""
    calls: list[object] = []
    monkeypatch.setattr(os, "system", lambda *args, **keywords: calls.append((args, keywords)))
    return calls


@pytest.mark.parametrize(
    ("program", "parameters"),
    [
        ("os:system", {"command": "echo"}),
        ("os:system", {}),
        ("netwright.spaces.references:os.system", {}),
        ("netwright.spaces.references:sys.exit", {}),
        ("netwright.spaces.references:importlib.import_module", {"name": "antigravity"}),
        ("netwright.spaces.programs:space", {}),
        ("netwright.spaces.programs:Space", {}),
        ("netwright.spaces.convolutional:FILTER_SIZES", {}),
        ("builtins:eval", {}),
    ],
)
def test_what_is_no_space_is_refused_and_not_called(
    program: str, parameters: dict[str, Any], called: list[object]
) -> None:
    with pytest.raises(NetwrightError, match=r"is not a space; decorate its generator|cannot be found"):
        space_from_json({"program": program, "parameters": parameters})
    assert called == []


@pytest.mark.parametrize("module", ["antigravity", "this", "idlelib.idle", "test.support"])
def test_no_module_is_imported_for_a_document(module: str) -> None:
    assert module not in sys.modules
    with pytest.raises(ConfigError, match=f"{module}:x cannot be found"):
        space_from_json({"program": f"{module}:x", "parameters": {}})
    assert module not in sys.modules


@pytest.mark.parametrize(
    "program",
    [
        "netwright.nosuch:x",
        "netwright.spaces.convolutional:nosuch",
        "netwright.spaces.convolutional",
        "netwright.spaces.convolutional:",
        f"{__name__}:test_json_both_ways.<locals>.x",
        "",
        ":",
    ],
)
def test_a_name_that_leads_nowhere(program: str) -> None:
    with pytest.raises(ConfigError, match="cannot be found"):
        space_from_json({"program": program, "parameters": {}})


@pytest.mark.parametrize(
    "document",
    [
        None,
        3,
        "x",
        [],
        {},
        {"program": CONVOLUTIONAL},
        {"parameters": {}},
        {"program": 5, "parameters": {}},
        {"program": CONVOLUTIONAL, "parameters": 5},
        {"program": CONVOLUTIONAL, "parameters": [["num_layers", 3]]},
        {"program": CONVOLUTIONAL, "parameters": {"num_layers": {"schedule": {"strat": 6}}}},
        {"program": CONVOLUTIONAL, "parameters": {"num_layers": {"schedule": 6}}},
    ],
)
def test_what_is_no_document_of_a_space(document: Any) -> None:
    with pytest.raises(SpaceError, match="not the JSON of a space"):
        space_from_json(document)


def test_a_parameter_that_the_space_does_not_have() -> None:
    with pytest.raises(SpaceError, match="unknown parameter 'num_layer'; did you mean 'num_layers'"):
        space_from_json({"program": CONVOLUTIONAL, "parameters": {"num_layer": 3}})


def test_a_reference_leads_back() -> None:
    assert reference(mine) == f"{__name__}:mine"
    assert resolve(reference(mine)) is mine
    assert resolve(reference(both_ways)) is both_ways


def test_a_function_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_recipe_file.py").write_text("def recipe():\n    return 3\n")
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    assert load_function(f"{tmp_path}/my_recipe_file.py:recipe")() == 3
    with pytest.raises(ConfigError, match="unknown function 'recipee'; did you mean 'recipe'"):
        load_function(f"{tmp_path}/my_recipe_file.py:recipee")
