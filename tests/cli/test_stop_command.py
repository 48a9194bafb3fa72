"""`netwright search --stop`: real children that are stopped, and rungs that make no sense."""

import re
from pathlib import Path

import pytest

from netwright.searching.store import Store
from netwright.trials import TrialState
from oracles.refusals import refused
from oracles.shown_runs import Cli, done

SMALL = (
    "--set", "batch_size=2", "--set", "stopping.min_reached=2", "--set", "confirm.at_end=false",
    "--set", "evaluate.epochs=3", "--set", "evaluate.num_train=64", "--set", "evaluate.num_validation=64",
    "--set", "space.num_layers=2", "--set", "evaluate.upsample=null",
)  # fmt: skip


def test_children_on_images_are_stopped_and_counted(cli: Cli, tmp_path: Path) -> None:
    run = tmp_path / "run"
    result = done(cli, "search", "digits", "--trials", 14, "--stop", "1:1/2", "--stop", "2:1/2", *SMALL, "-o", run)
    with Store.read(run) as store:
        trials = [trial for trial in store.trials() if trial.number < 14]
        assert store.document("config")["stopping"] == {"rungs": [[1, 0.5], [2, 0.5]], "min_reached": 2}
    stopped = [trial for trial in trials if trial.state is TrialState.STOPPED]
    whole = [trial for trial in trials if trial.state is TrialState.DONE]
    assert stopped
    assert len(stopped) + len(whole) == 14
    assert {len(trial.metrics["validation_accuracies"]) for trial in stopped} <= {1, 2}
    assert {len(trial.metrics["validation_accuracies"]) for trial in whole} == {3}
    assert f"{len(whole)} of 14 trials trained to the end" in result.stdout
    assert f", {len(stopped)} stopped" in result.stdout
    ranked = cli("show", run, "--top", 20).stdout
    rows = re.findall(r"^\d+ +\d+ ", ranked, re.MULTILINE)
    assert len(rows) == len({trial.fingerprint for trial in whole}), "a stopped one is in no ranking"


@pytest.mark.parametrize(
    ("rungs", "problem"),
    [
        (("6:1/4",), "a rung after 6 epochs stops nothing, since children are trained for 6"),
        (("2:1/4", "1:1/4"), "expected numbers of epochs in ascending order; 1 follows 2"),
        (("1:0",), "greater than 0"),
        (("1:3/2",), "less than or equal to 1"),
        (("1:nan",), "--stop 1:nan: expected EPOCHS:SHARE, for example --stop 4:1/4"),
        (("1:1/0",), "--stop 1:1/0: expected EPOCHS:SHARE"),
        (("quarter",), "--stop quarter: expected EPOCHS:SHARE"),
        (("0:1/4",), "greater than 0"),
    ],
)
def test_rungs_that_make_no_sense_are_refused(cli: Cli, tmp_path: Path, rungs: tuple[str, ...], problem: str) -> None:
    run = tmp_path / "run"
    options = [word for rung in rungs for word in ("--stop", rung)]
    assert problem in refused(cli, "search", "digits", *options, "-o", run)
    assert not run.exists()


def test_a_table_has_no_curves_to_stop_by(cli: Cli, tmp_path: Path) -> None:
    said = refused(cli, "search", "digits-table", "--stop", "1:1/4", "-o", tmp_path / "run")
    assert "no child can be stopped early" in said
