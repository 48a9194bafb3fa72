"""Runs, models and comparisons that an older netwright left are read, gone on with and used with the same numbers.

tests/fixtures/older/make.py made them, and expected.json, which is what the netwright of then says of them. Where the
processor and torch are those of expected.json, every number is compared to a relative 1e-6, which leaves room for
another number of threads. Elsewhere sums are rounded otherwise, and a training enlarges that: see `near`.
"""

import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from netwright.errors import ConfigError
from netwright.searching.run import continued, read_config
from oracles import older_runs

EXPECTED = json.loads((older_runs.FOLDER / "expected.json").read_text())
SAME_MACHINE = older_runs.machine() == EXPECTED["machine"]
RUNS = [*EXPECTED["shown"]]
LATER_METRICS = {
    "validation_balanced_accuracies",
    "validation_macro_f1s",
    "largest_class_share",
    "num_validation_images",
    "largest_class",
    "test_balanced_accuracy",
    "test_macro_f1",
    "test_calibration_error",
    "test_calibration_error_with_temperature",
    "temperature",
    "calibration",
    "per_class",
    "confusion_matrix",
}
"""Measured in the trials that are added to an older run and in models that are trained from it; not in its own."""
LATER_COUNTS = {
    "max_redraws": 0, "num_redrawn": 0, "stopping": {"rungs": [], "min_reached": 8}, "epochs": None, "first": [],
    "finalist": None, "after_ladder": None,
}  # fmt: skip
"""Settings and numbers that are shown of older runs and comparisons since they exist, with what these did."""


@pytest.fixture
def netwright(cli: Callable[..., Result]) -> older_runs.Netwright:
    def invoke(*arguments: object) -> tuple[str, str]:
        result = cli(*arguments)
        assert result.exit_code == 0, result.stderr
        return result.stdout, result.stderr

    return invoke


@pytest.fixture
def copy(tmp_path: Path) -> Callable[[str], Path]:
    """A fixture to work on, under its own name."""
    return lambda name: Path(shutil.copytree(older_runs.FOLDER / name, tmp_path / name))


def same(found: Any, expected: Any, path: str = "", relative: float = 1e-6) -> None:
    """The same JSON, numbers to a relative tolerance; the first difference is named by its path."""
    if isinstance(expected, dict):
        assert isinstance(found, dict), path
        later = {name: value for name, value in LATER_COUNTS.items() if name not in expected}
        assert {*found} - LATER_METRICS - {*later} == {*expected}, path
        assert all(found.get(name, value) == value for name, value in later.items()), path
        for name in expected:
            same(found[name], expected[name], f"{path}.{name}", relative)
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected), path
        for index, pair in enumerate(zip(found, expected, strict=True)):
            same(*pair, f"{path}[{index}]", relative)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=relative, abs=relative), path
    else:
        assert found == expected, path


def near(found: Any, expected: Any, relative: float = 1e-6) -> None:
    """The same numbers; of trainings on another kind of machine only that there are as many results."""
    if SAME_MACHINE:
        same(found, expected, relative=relative)
    elif isinstance(expected, dict) and "trials" in expected:
        assert [trial["state"] for trial in found["trials"]] == [trial["state"] for trial in expected["trials"]]
        assert len(found["confirmed"]) == len(expected["confirmed"])
    else:
        assert {*found} == {*expected}


@pytest.mark.parametrize("name", RUNS)
def test_shown(netwright: older_runs.Netwright, copy: Callable[[str], Path], name: str) -> None:
    same(older_runs.shown(netwright, copy(name)), EXPECTED["shown"][name], relative=0.0)


@pytest.mark.parametrize("name", RUNS)
def test_reported_and_drawn(
    netwright: older_runs.Netwright, copy: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    run = copy(name)
    netwright("report", run, "-o", tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    best = EXPECTED["shown"][name]["best"]["number"]
    metrics = EXPECTED["shown"][name]["trials"][best]["metrics"]
    (score,) = (metrics[each] for each in ("validation_accuracy", "validation_perplexity", "value") if each in metrics)
    assert f'data-value="{score}"' in page
    if name not in ("function_run", "metaqnn", "nasbench201"):  # their architectures have no drawing
        netwright("draw", run, "-o", tmp_path / "best.svg")
        assert (tmp_path / "best.svg").read_text().startswith("<svg")


@pytest.mark.parametrize("name", older_runs.RESUMED)
def test_resumed(netwright: older_runs.Netwright, copy: Callable[[str], Path], name: str) -> None:
    found = older_runs.resumed(netwright, copy(name), *older_runs.RESUMED[name])
    near(found, EXPECTED["resumed"][name])
    before = [trial for trial in EXPECTED["shown"][name]["trials"] if trial["state"] == "done"]
    same([found["trials"][trial["number"]] for trial in before], before, relative=0.0)


@pytest.mark.parametrize("name", older_runs.STRATEGIES)
def test_resumed_by_every_strategy(netwright: older_runs.Netwright, copy: Callable[[str], Path], name: str) -> None:
    if name == "optuna" and importlib.util.find_spec("optuna") is None:
        pytest.skip("optuna is not installed")
    found = older_runs.resumed(netwright, copy(f"strategies/{name}"), "--trials", older_runs.NUM_AFTER)
    near(found, EXPECTED["strategies"][name])


def test_resumed_on_a_table_of_the_user(
    netwright: older_runs.Netwright, copy: Callable[[str], Path], real_table: Path
) -> None:
    found = older_runs.resumed(netwright, copy("nasbench201"), "--trials", 12, "--data", real_table)
    same(found, EXPECTED["nasbench201"])


def test_searched_on_from_python(copy: Callable[[str], Path]) -> None:
    found = older_runs.searched_from_python(copy("function_run"), 40)
    assert json.loads(json.dumps(found)) == EXPECTED["searched_from_python"]


def test_replayed(netwright: older_runs.Netwright, copy: Callable[[str], Path]) -> None:
    if not SAME_MACHINE:
        pytest.skip("a replay is equal to the last bit on the kind of machine alone that made the run")
    assert older_runs.replayed(netwright, copy("replicas")) == EXPECTED["replayed"]


def test_confirmed(netwright: older_runs.Netwright, copy: Callable[[str], Path]) -> None:
    near(older_runs.confirmed(netwright, copy("finished")), EXPECTED["confirmed"])


def test_trained(netwright: older_runs.Netwright, copy: Callable[[str], Path]) -> None:
    # The test's interval had the quantile 1.96 then, and has 1.959964 as every other interval now.
    near(older_runs.trained(netwright, copy("finished")), EXPECTED["trained"], relative=1e-5)


def test_a_stopped_training_goes_on(netwright: older_runs.Netwright, copy: Callable[[str], Path]) -> None:
    found, expected = older_runs.trained_on(netwright, copy("finished")), EXPECTED["trained_on"]
    begun = expected["begun"]
    assert found["begun"] == begun > 0
    same(found["grid"], expected["grid"])
    same(found["losses"][:begun], expected["losses"][:begun])
    # What is trained now is in bfloat16, whose sums are rounded differently on other processors of the same kind: by
    # 1% of a loss and 2 of the 300 test images between a Zen 5 and a Zen 4.
    assert found["losses"][begun:] == pytest.approx(expected["losses"][begun:], rel=0.03)
    assert found["test_accuracy"] == pytest.approx(expected["test_accuracy"], abs=0.02)


def test_an_older_model_is_what_the_same_command_would_train(
    netwright: older_runs.Netwright, copy: Callable[[str], Path]
) -> None:
    """Its plan lacks settings that are newer, and so do the settings of its run."""
    model = copy("image_model")
    before = (model / "model.json").read_bytes()
    assert b"nesterov" not in before
    said = "".join(netwright("train", copy("finished"), "--grid", "none", "--epochs", 2, "--workers", 1, "-o", model))
    assert "It was there already" in said
    assert (model / "model.json").read_bytes() == before


def test_an_older_run_goes_on_with_the_settings_that_it_had(copy: Callable[[str], Path]) -> None:
    run = copy("finished")
    config = read_config(run)[0]
    assert continued(config, run, num_trials=None) == config
    changed = config.changed(evaluate=config.evaluate.model_copy(update={"nesterov": False, "warm_up": 0.1}))
    with pytest.raises(ConfigError, match=r"evaluate\.warm_up: 0\.0 in the run, now 0\.1; evaluate\.nesterov: True in"):
        continued(changed, run, num_trials=None)


def test_samples_above_a_limit_remain_trials_of_an_older_run(copy: Callable[[str], Path]) -> None:
    run = copy("interrupted")
    config = read_config(run)[0]
    assert config.constraints.max_redraws == 0
    as_now = config.changed(constraints=config.constraints.model_copy(update={"max_redraws": 200}))
    assert continued(as_now, run, num_trials=None) == config
    other = config.changed(constraints=config.constraints.model_copy(update={"max_redraws": 7}))
    with pytest.raises(ConfigError, match=r"constraints\.max_redraws: 0 in the run, now 7"):
        continued(other, run, num_trials=None)


def test_trained_on_text(netwright: older_runs.Netwright, tmp_path: Path) -> None:
    near(older_runs.trained_on_text(netwright, tmp_path / "model"), EXPECTED["trained_on_text"])


def test_an_image_model_is_loaded_and_exported(netwright: older_runs.Netwright, copy: Callable[[str], Path]) -> None:
    same(older_runs.image_model(netwright, copy("image_model")), EXPECTED["image_model"], relative=1e-5)


def test_a_language_model_is_loaded(copy: Callable[[str], Path]) -> None:
    same(older_runs.language_model(copy("language_model")), EXPECTED["language_model"], relative=1e-5)


def test_compared(netwright: older_runs.Netwright, copy: Callable[[str], Path]) -> None:
    # The intervals were bootstrapped then; now they are Student's and Wilson's. `num_seeds` is new.
    found = older_runs.compared(netwright, copy("comparison"))
    assert found.pop("num_seeds") == [4]
    same(without_intervals(found), without_intervals(EXPECTED["compared"]))


def without_intervals(document: Any) -> Any:
    """The document without the bounds of its means and probabilities."""
    if isinstance(document, dict):
        return {name: without_intervals(value) for name, value in document.items() if name not in ("low", "high")}
    return [without_intervals(each) for each in document] if isinstance(document, list) else document
