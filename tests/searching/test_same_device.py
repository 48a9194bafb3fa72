"""A run goes on on the device on which it began, unless told otherwise; the GPUs are made up."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import torch
from typer.testing import Result

from netwright.config import RunConfig
from netwright.errors import ConfigError
from netwright.recipes.networks import digits
from netwright.searching import same_device
from netwright.searching.placement import Placement
from netwright.searching.provenance import hardware
from netwright.searching.same_device import description
from netwright.searching.store import FILE_NAME
from oracles.refusals import digest, refused

Cli = Callable[..., Result]
H200 = {"name": "NVIDIA H200", "precision": "bfloat16"}
QUICK = (
    "--workers", 1, "--set", "batch_size=2", "--set", "evaluate.epochs=1", "--set", "confirm.at_end=false",
    "--set", "evaluate.precision=float32", "--set", "space.num_layers=2", "--set", "strategy.hidden_size=6",
)  # fmt: skip


def about(run: Path) -> dict[str, object]:
    with closing(sqlite3.connect(run / FILE_NAME)) as connection:
        (row,) = connection.execute("SELECT value FROM documents WHERE name = 'about'").fetchall()
    return dict(json.loads(row[0]))


def without_devices(run: Path) -> None:
    """As an older netwright left it."""
    document = about(run)
    del document["devices"]
    with closing(sqlite3.connect(run / FILE_NAME, isolation_level=None)) as connection:
        connection.execute("UPDATE documents SET value = ? WHERE name = 'about'", (json.dumps(document),))


@pytest.fixture
def run(cli: Cli, tmp_path: Path) -> Path:
    """Two trials on the processor."""
    searched = cli("search", "digits", "--trials", 2, "-o", tmp_path / "run", *QUICK)
    assert searched.exit_code == 0, searched.stderr
    return tmp_path / "run"


def test_another_device_is_refused_until_it_is_accepted(cli: Cli, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    processor = {"name": "processor", "precision": "float32"}
    assert about(run)["devices"] == [processor]
    assert cli("resume", run, "--trials", 4, "--workers", 1).exit_code == 0
    assert about(run)["devices"] == [processor]

    monkeypatch.setattr(same_device, "description", lambda config, placement: {"devices": [H200]})
    before = digest(run)
    for command in (("resume", run, "--trials", 6), ("confirm", run, "--top", 1)):
        message = refused(cli, *command)
        assert (
            "were trained on processor in float32, and this command would train on NVIDIA H200 in bfloat16" in message
        )
        assert message.endswith(f"for example netwright resume {run} --accept-device")
        assert digest(run) == before
    accepted = cli("resume", run, "--trials", 6, "--workers", 1, "--accept-device")
    assert accepted.exit_code == 0, accepted.stderr
    assert about(run)["devices"] == [processor, H200]
    assert "processor in float32, then NVIDIA H200 in bfloat16" in (run / "report.html").read_text()
    assert cli("resume", run, "--trials", 8, "--workers", 1).exit_code == 0
    assert about(run)["devices"] == [processor, H200]


def test_a_run_of_an_older_netwright_goes_on(cli: Cli, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_devices(run)
    monkeypatch.setattr(same_device, "description", lambda config, placement: {"devices": [H200]})
    assert cli("resume", run, "--trials", 4, "--workers", 1).exit_code == 0
    assert "devices" not in about(run)


def on(device: str, precision: str = "auto") -> RunConfig:
    return digits().with_settings([f"evaluate.device={device}", f"evaluate.precision={precision}"])


def test_what_is_stored_about_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="torch finds no GPU on this machine"):
        description(on("cuda"), Placement())
    assert description(on("cpu", "float32"), Placement()) == {
        "devices": [{"name": "processor", "precision": "float32"}]
    }
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 8)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number=0: "NVIDIA H200" if number < 7 else "NVIDIA L4")
    assert description(on("auto"), Placement(8)) == {"devices": [H200]}
    assert description(on("auto"), Placement(8, executor="ray")) == {}
    assert hardware().endswith(" cores), 7 x NVIDIA H200, NVIDIA L4")
