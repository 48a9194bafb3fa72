"""A search of a table from end to end: nothing is trained, everything else is as in any search."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import netwright as nw
from netwright.config import ConstraintSettings
from netwright.errors import ConfigError
from netwright.recipes import config_of
from oracles.made_up_table import all_cells, string, validation, write_table
from oracles.refusals import refused

Cli = Callable[..., Any]
RECIPE = "nasbench201-cifar10"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("table") / "mine.csv", all_cells())


def found(cli: Cli, run: Path) -> dict[str, Any]:
    document = json.loads(cli("show", run, "--json").stdout)
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize(("recipe", "part"), [(RECIPE, 1.0), ("nasbench201-cifar100", 0.5)])
def test_a_search(cli: Cli, table: Path, tmp_path: Path, recipe: str, part: float) -> None:
    run = tmp_path / "run"
    result = cli("search", recipe, "--data", table, "--trials", 25, "-o", run)
    assert result.exit_code == 0, result.stderr
    document = found(cli, run)
    assert len(document["trials"]) == 25
    rewards = []
    for trial in document["trials"]:
        assert trial["state"] == "done"
        percent = part * validation(string(tuple(trial["architecture"]["operations"])))
        assert trial["reward"] == trial["metrics"]["validation_accuracy"] == pytest.approx(percent / 100)
        assert trial["metrics"]["test_accuracy"] == pytest.approx(percent / 100 + 0.01)
        assert trial["metrics"]["table_seconds"] == 100 / part
        rewards.append(trial["reward"])
    assert document["best"]["reward"] == max(rewards)
    assert f"the best one has the test accuracy {max(rewards) + 0.01:.4f}" in result.stdout
    assert "netwright confirm" not in result.output
    assert "what nodes 1, 2 and 3 of the cell read" in result.stdout
    report = (run / "report.html").read_text(encoding="utf-8")
    assert string(tuple(document["best"]["architecture"]["operations"])) in report
    assert '<svg class="nw-drawing"' not in report


def test_the_protocol_of_the_recipe() -> None:
    config = config_of(RECIPE)
    assert (config.num_trials, config.batch_size, config.lag) == (177, 1, 0)
    assert isinstance(config.strategy, nw.ReinforceSettings)
    assert config.strategy.learning_rate == 0.01
    assert nw.RunConfig.from_json(config.to_json()) == config


def test_an_incomplete_table_says_so(cli: Cli, tmp_path: Path) -> None:
    most = write_table(tmp_path / "most.csv", [cell for cell in all_cells() if not cell.startswith("|none~0|")])
    run = tmp_path / "run"
    result = cli("search", RECIPE, "--data", most, "--strategy", "random", "--trials", 60, "-o", run)
    assert "the table is incomplete: 12,500 of 15,625 architectures" in result.output
    document = found(cli, run)
    missing = [t for t in document["trials"] if t["architecture"]["operations"][0] == "none"]
    failed = [trial for trial in document["trials"] if trial["state"] == "failed"]
    assert [trial["number"] for trial in failed] == [trial["number"] for trial in missing] != []
    assert "has no row for |" in failed[0]["error"]
    assert "one of its 12,500 architectures" in failed[0]["error"]


def test_another_table_does_not_go_on_with_a_run(cli: Cli, table: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert cli("search", RECIPE, "--data", table, "--trials", 3, "-o", run).exit_code == 0
    other = write_table(tmp_path / "other.csv", all_cells()[:-1])
    assert "was searched on NAS-Bench-201, CIFAR-10 (" in refused(cli, "resume", run, "--data", other, "--trials", 6)


def test_what_a_table_cannot_give_is_refused(cli: Cli, table: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert cli("search", RECIPE, "--data", table, "--trials", 3, "-o", run).exit_code == 0
    assert "stays what it is; confirm with --epochs N where" in refused(cli, "confirm", run)
    assert "there is nothing to train" in refused(cli, "train", run)
    assert "which are what can be drawn" in refused(cli, "draw", run)
    assert "in a table or by a function of your own has no estimate" in refused(cli, "search", RECIPE, "--estimate")
    document = found(cli, run)["trials"][0]["architecture"]
    (tmp_path / "cell.json").write_text(json.dumps(document))
    message = refused(cli, "train", tmp_path / "cell.json", "--task", "digits")
    assert "a cell of NAS-Bench-201, which netwright looks up" in message


def test_the_best_are_confirmed_by_what_the_table_has_after_more_epochs(cli: Cli, tmp_path: Path) -> None:
    """A long training turns the order of all cells round, so the worst of the confirmed ones becomes the best."""
    path = write_table(tmp_path / "turned.csv", all_cells())
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["cifar10_valid_accuracy_200_epochs"] = str(100 - float(row["cifar10_valid_accuracy_200_epochs"]))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    run = tmp_path / "run"
    assert cli("search", RECIPE, "--data", path, "--trials", 40, "-o", run).exit_code == 0
    before = found(cli, run)
    result = cli("confirm", run, "--top", 4, "--num-seeds", 1, "--epochs", 200)
    assert result.exit_code == 0, result.stderr
    after = found(cli, run)
    scores = sorted({trial["metrics"]["validation_accuracy"] for trial in before["trials"]}, reverse=True)
    assert before["best"]["metrics"]["validation_accuracy"] == scores[0]
    assert after["best"]["confirmed"]["mean"] == pytest.approx(1 - after["best"]["metrics"]["validation_accuracy"])
    assert after["best"]["metrics"]["validation_accuracy"] < scores[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "pass --data FILE or set NETWRIGHT_DATA; expected nasbench201-cifar.csv"),
        (("--data", "nowhere"), "nowhere does not exist; expected nasbench201-cifar.csv"),
        (("--set", "evaluate.task=digits"), "unknown table 'digits'"),
        (("--max-parameters", "500"), "a table is searched without limits"),
        (("--set", "confirm.at_end=true"), "stays what it is; confirm with"),
    ],
)
def test_a_mistake_is_explained_and_leaves_nothing(
    cli: Cli, arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in refused(cli, "search", RECIPE, *arguments)
    assert list(tmp_path.iterdir()) == []


def test_limits_are_refused_from_python() -> None:
    with pytest.raises(ConfigError, match="searched without limits"):
        config_of(RECIPE).changed(constraints=ConstraintSettings(max_parameters=5))
