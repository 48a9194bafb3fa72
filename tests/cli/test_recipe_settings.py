"""`netwright recipes NAME`: every key of --set, with its value and a meaning that is read beside the setting."""

import json
import re
from pathlib import Path

import pytest

from netwright.config import STRATEGIES, ReplicaSettings, TextSettings, flattened
from netwright.config.meanings import meanings
from netwright.recipes import RECIPES
from oracles.refusals import Cli, refused


def settings(cli: Cli, name: object) -> dict[str, dict[str, object]]:
    result = cli("recipes", name, "--json")
    assert result.exit_code == 0, result.output
    return {entry["key"]: entry for entry in json.loads(result.stdout)}


@pytest.mark.parametrize("name", RECIPES)
def test_every_setting_of_a_recipe_has_a_meaning_and_can_be_set(cli: Cli, name: str) -> None:
    shown = settings(cli, name)
    config = RECIPES[name]()
    values = dict(flattened(config.to_json()))
    assert {key for key in shown if not key.startswith("final.")} == {*values} - {
        "recipe",
        "evaluate.kind",
        "strategy.name",
    }
    for key, entry in shown.items():
        assert len(str(entry["meaning"])) >= 5, key
        if not key.startswith("final."):
            assert entry["value"] == values[key]
            assert config.with_settings([f"{key}={json.dumps(entry['value'])}"]) == config


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_setting_of_a_strategy_has_a_meaning(name: str) -> None:
    found = dict(meanings(STRATEGIES[name].settings.from_json({"name": name})))
    assert all(map(found.get, found)), found


def test_meanings_are_those_beside_the_settings() -> None:
    found = dict(meanings(RECIPES["digits"]().changed(replicas=ReplicaSettings())))
    assert found["lag"] == "updates by which a batch may be sampled early; 0 is textbook REINFORCE"
    assert found["space.num_layers"] == "predicted layers."
    assert found["replicas.servers"] == "S, shards of the parameters; paper (the slides have 10)"
    assert dict(meanings(TextSettings()))["dropout.output"] == "Of the inputs of the softmax."


def test_the_table_names_keys_as_set_takes_them(cli: Cli) -> None:
    lines = cli("recipes", "digits").stdout.splitlines()
    rows = {row[0]: row[1:] for row in (re.split(r" {2,}", line) for line in lines)}
    assert rows["--set KEY"] == ["value", "meaning"]
    assert rows["evaluate.learning_rate"] == ["0.1", "of SGD, the first one; paper"]
    assert rows["final.decays_at"][0] == "[null, 0.75]"


def test_a_recipe_of_the_users_is_shown_and_a_wrong_name_refused(cli: Cli, recipe_file: Path) -> None:
    assert settings(cli, f"{recipe_file}:config")["batch_size"]["value"] == 4
    assert "did you mean 'digits'" in refused(cli, "recipes", "digit")
