"""`netwright runs`: what is listed, and what is deleted and refused."""

import json
from pathlib import Path

import pytest

from netwright.files import locked
from oracles.refusals import Cli, refused


@pytest.fixture
def folder(cli: Cli, recipe_file: Path, tmp_path: Path) -> Path:
    """A folder with two runs, an empty folder, a damaged run and a link to a run."""
    there = tmp_path / "runs"
    for name in ("one", "two"):
        result = cli("search", f"{recipe_file}:config", "--strategy", "random", "--trials", 4, "-o", there / name)
        assert result.exit_code == 0
    (there / "empty").mkdir()
    (there / "damaged").mkdir()
    (there / "damaged" / "run.sqlite").write_text("no store")
    (there / "link").symlink_to(there / "one")
    return there


def test_runs_are_listed_with_state_best_and_size(cli: Cli, folder: Path) -> None:
    result = cli("runs", folder, "--json")
    assert result.exit_code == 0, result.output
    listed = {run["name"]: run for run in json.loads(result.stdout)}
    assert set(listed) == {"one", "two", "damaged"}
    one = listed["one"]
    assert (one["state"], one["strategy"], one["trials"]) == ("finished", "random", "4 of 4")
    assert one["recipe"].endswith("own_recipe.py:config")
    assert one["best"].startswith("value ")
    assert one["size"] == sum(file.stat().st_size for file in (folder / "one").rglob("*") if file.is_file())
    assert listed["damaged"]["state"].startswith("unreadable: ")
    table = cli("runs", folder)
    assert table.stdout.splitlines()[0].startswith("run ")
    assert table.stderr.startswith("next: netwright show ")


def test_named_runs_are_deleted_and_what_was_freed_is_printed(cli: Cli, folder: Path) -> None:
    assert "--yes" in refused(cli, "runs", folder, "--delete", "one")
    assert (folder / "one").exists()
    result = cli("runs", folder, "--delete", "one", "--delete", "damaged", "--yes")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"deleted {folder / 'one'}: ")
    assert sorted(each.name for each in folder.iterdir()) == ["empty", "link", "two"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("empty", "is no run"),
        ("missing", "is no run"),
        ("link", "is a link"),
        ("../runs/two", "without a path"),
        (".", "without a path"),
        ("..", "without a path"),
    ],
)
def test_what_is_no_run_is_not_deleted_and_nothing_else_either(cli: Cli, folder: Path, name: str, reason: str) -> None:
    assert reason in refused(cli, "runs", folder, "--delete", "two", "--delete", name, "--yes")
    assert {each.name for each in folder.iterdir()} == {"one", "two", "empty", "damaged", "link"}
    assert (folder / "one" / "run.sqlite").exists()


def test_a_run_that_is_being_written_is_not_deleted(cli: Cli, folder: Path) -> None:
    lock = locked(folder / "two")
    try:
        assert "another process is writing" in refused(
            cli, "runs", folder, "--delete", "one", "--delete", "two", "--yes"
        )
    finally:
        lock.release()
    assert (folder / "one").exists()
    assert (folder / "two").exists()


def test_a_missing_folder_is_refused(cli: Cli, tmp_path: Path) -> None:
    assert "there is no folder" in refused(cli, "runs", tmp_path / "nowhere")
