"""Strategies without gradients through real worker processes, on the digits; as little as shows that they learn."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

LITTLE = (
    "evaluate.num_train=96", "evaluate.num_validation=64", "evaluate.epochs=1", "evaluate.last_epochs=1",
    "batch_size=2", "space.num_layers=2", "confirm.at_end=false",
)  # fmt: skip


@pytest.mark.parametrize(
    ("strategy", "settings"),
    [("evolution", ("strategy.population=4", "strategy.sample=2")), ("q-learning", ("strategy.num_models=6",))],
)
def test_a_strategy_runs_in_workers(
    cli: Callable[..., Any], tmp_path: Path, strategy: str, settings: tuple[str, ...]
) -> None:
    changes = [part for each in (*LITTLE, *settings) for part in ("--set", each)]
    search = ("search", "digits", "--strategy", strategy, "--trials", 10, "--workers", 2, *changes)
    ended = cli(*search, "--out", tmp_path / "run")
    assert ended.exit_code == 0, ended.output
    document = json.loads(cli("show", tmp_path / "run", "--json").stdout)
    assert document["config"]["strategy"]["name"] == strategy
    assert all(trial["reward"] is not None for trial in document["trials"])
    assert [trial["policy_version"] for trial in document["trials"]] == [0, 0, 0, 0, 1, 1, 2, 2, 3, 3]
