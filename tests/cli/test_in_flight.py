"""How many children are in flight: a setting of the run, which the number of workers does not enter."""

import json
from pathlib import Path

import pytest

from netwright.config import EvolutionSettings, FunctionSettings, RunConfig, ThompsonSettings, with_former_defaults
from netwright.errors import ConfigError
from netwright.searching.store import Store
from oracles.shown_runs import Cli
from oracles.tiny_search import tiny, total

CONFIG = RunConfig(space=tiny(), evaluate=FunctionSettings(function=total), num_trials=9)


def sizes(run: Path) -> tuple[int, int]:
    with Store.read(run) as store:
        config = store.document("config")
    return config["batch_size"], config["lag"]


def test_thompson_learns_after_every_trial_with_two_in_flight_by_default() -> None:
    config = CONFIG.with_strategy(ThompsonSettings())
    assert (config.batch_size, config.lag, config.most_in_flight) == (1, 1, 2)
    evolving = CONFIG.with_strategy(EvolutionSettings())
    assert (evolving.batch_size, evolving.lag, evolving.most_in_flight) == (8, 1, 16)
    one = CONFIG.changed(batch_size=1, lag=0).with_strategy(ThompsonSettings())
    assert (one.batch_size, one.lag) == (1, 0), "a recipe that has batches of one keeps its own lag"


@pytest.mark.parametrize(("number", "lag"), [(8, 0), (16, 1), (64, 7)])
def test_children_in_flight_are_whole_batches(number: int, lag: int) -> None:
    config = CONFIG.with_in_flight(number)
    assert (config.lag, config.most_in_flight) == (lag, number)


@pytest.mark.parametrize("number", [1, 7, 9, 20])
def test_a_part_of_a_batch_is_refused(number: int) -> None:
    with pytest.raises(ConfigError, match=f"{number} children in flight are no whole batches of 8; expected 8, 16, 24"):
        CONFIG.with_in_flight(number)


def test_replicas_have_a_number_in_flight_of_their_own() -> None:
    with pytest.raises(ConfigError, match="with replicas"):
        CONFIG.changed(replicas={"count": 2, "servers": 1}).with_in_flight(16)


def test_a_run_and_a_comparison_of_older_versions_keep_their_batches() -> None:
    wanted = CONFIG.with_strategy(ThompsonSettings())
    older = {**wanted.to_json(), "batch_size": 8}
    assert with_former_defaults(wanted, older).batch_size == 8
    assert with_former_defaults(wanted, wanted.to_json()) == wanted
    other = CONFIG.with_strategy(EvolutionSettings()).to_json()
    assert with_former_defaults(wanted, other).batch_size == 1


def test_the_option_is_stored_and_shown_in_help(cli: Cli, recipe_file: Path, tmp_path: Path) -> None:
    search = ("search", f"{recipe_file}:config", "--trials", 6)
    assert cli(*search, "--strategy", "thompson", "-o", tmp_path / "a").exit_code == 0
    assert sizes(tmp_path / "a") == (1, 1)
    assert cli(*search, "--strategy", "thompson", "--in-flight", 4, "-o", tmp_path / "b").exit_code == 0
    assert sizes(tmp_path / "b") == (1, 3)
    assert cli(*search, "--strategy", "evolution", "--in-flight", 24, "-o", tmp_path / "c").exit_code == 0
    assert sizes(tmp_path / "c") == (4, 5), "the recipe's batches"
    refused = cli(*search, "--strategy", "evolution", "--in-flight", 3, "-o", tmp_path / "d")
    assert refused.exit_code == 2
    assert "no whole batches of 4" in refused.stderr
    assert not (tmp_path / "d").exists()


def test_strategies_with_other_batches_can_be_added_to_a_comparison(cli: Cli, tmp_path: Path) -> None:
    compare = ("compare", "digits-table", "--trials", 12, "--num-seeds", 1, "--workers", 1, "-o", tmp_path / "both")
    assert cli(*compare, "--strategies", "random", "--set", "batch_size=4").exit_code == 0
    added = cli(*compare, "--strategies", "random,thompson", "--set", "batch_size=4")
    assert added.exit_code == 0, added.stderr
    plan = json.loads((tmp_path / "both" / "plan.json").read_text())
    assert [each["batch_size"] for each in plan["strategies"].values()] == [4, 4]
