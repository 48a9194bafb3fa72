"""The recipe `metaqnn-digits` through real worker processes: what every command makes of a plain network."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

LITTLE = ("evaluate.num_train=96", "evaluate.num_validation=64", "evaluate.epochs=1", "batch_size=2")


def test_a_run_of_metaqnn(cli: Callable[..., Any], tmp_path: Path) -> None:
    def done(*arguments: object) -> str:
        result = cli(*arguments)
        assert result.exit_code == 0, result.output
        return str(result.stdout)

    run, changes = tmp_path / "run", [part for each in LITTLE for part in ("--set", each)]
    search = ("search", "metaqnn-digits", "--workers", 2, *changes, "--out", run)
    done(*search, "--trials", 6)
    shown = done(*search, "--trials", 8)
    assert "pool 3/2: windows of 3x3, stride 2" in shown

    document = json.loads(done("show", run, "--json"))
    trials = document["trials"]
    assert [trial["policy_version"] for trial in trials] == [0, 0, 0, 0, 1, 1, 2, 2]
    assert {trial["architecture"]["type"] for trial in trials} == {"PlainNet"}
    assert all(trial["reward"] == trial["metrics"]["validation_accuracy"] for trial in trials)
    assert all(trial["metrics"]["num_parameters"] > 0 for trial in trials)

    assert "Report" in done("report", run)
    assert ", softmax" in (run / "report.html").read_text()
    refused = cli("draw", run)
    assert refused.exit_code == 2
    assert "is neither a ConvNet nor a recurrent cell" in refused.stderr

    trained = done("train", run, "--grid", "none", "--epochs", 1)
    assert "test accuracy" in trained
    assert "--to code" not in trained
    refused = cli("export", run / "model", "--to", "code", "-o", tmp_path / "network.py")
    assert refused.exit_code == 2
    assert "only a ConvNet is spelled out as code" in refused.stderr
