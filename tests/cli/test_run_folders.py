"""A run's folder or store that cannot be used, or not with these settings: said by name, and nothing in it lost."""

import os
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from netwright.searching import store
from netwright.searching.store import FILE_NAME
from oracles.refusals import Cli, digest, one_line, refused, rewards

# The run's folder


def test_a_folder_that_is_a_file(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_text("mine")
    assert f"{path} is a file, not a folder; choose another --out" in refused(cli, "search", "digits", "-o", path)
    assert "is a file, not a run folder" in refused(cli, "show", path)
    assert "cannot make the run folder" in refused(cli, "search", "digits", "-o", path / "run")
    assert path.read_text() == "mine"


@pytest.mark.parametrize("place", ["/proc/netwright", "/sys/netwright", "/sys"])
def test_a_folder_in_which_even_root_cannot_write(cli: Cli, place: str) -> None:
    if not Path(place).exists() and not Path(place).parent.exists():
        pytest.skip(f"no {place} on this system")
    message = refused(cli, "search", "digits", "--trials", 1, "-o", place)
    assert f"cannot make the run folder {place}: " in message or f"cannot write in {place}: " in message
    assert message.endswith("choose another --out")


def test_a_folder_that_the_user_may_not_write(cli: Cli, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    tmp_path.chmod(0o500)
    message = refused(cli, "search", "digits", "-o", tmp_path)
    assert f"cannot write in {tmp_path}: Permission denied; choose another --out" in message


def test_a_folder_with_brackets_in_its_name(cli: Cli, recipe_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "[red]" / "[" / "]"
    search = ("search", f"{recipe_file}:config", "--trials", 2, "-o", folder)
    assert f"netwright confirm '{folder}'" in cli(*search).stderr
    assert f"netwright resume '{folder}' --trials 4" in cli(*search).stdout
    assert f"{folder} holds a run of recipe" in refused(cli, "search", "digits", "-o", folder)


def test_a_run_of_another_recipe(cli: Cli, run: Path, recipe_file: Path) -> None:
    before = digest(run)
    message = refused(cli, "search", "digits", "-o", run)
    assert f"{run} holds a run of recipe '{recipe_file}:config', not 'digits'; choose another --out" in message
    assert digest(run) == before


def test_changed_settings_are_refused_by_name(cli: Cli, run: Path, recipe_file: Path) -> None:
    before = digest(run)
    for changes, expected in {
        "--seed 4": "seed: 0 in the run, now 4",
        "--strategy reinforce": "strategy.name: 'random' in the run, now 'reinforce'",
        "--set lag=0": "lag: 1 in the run, now 0",
        "--set space.num_layers=2": "space.num_layers: 3 in the run, now 2",
        "--set lag=0 --set reuse=false": "lag: 1 in the run, now 0; reuse: True in the run, now False",
    }.items():
        search = ("search", f"{recipe_file}:config", "-o", run, "--strategy", "random", *changes.split())
        message = refused(cli, *search)
        assert f"{run} holds a run with other settings: " in message
        assert expected in message
        assert f"`netwright resume {run}`, or choose another --out" in message
        assert refused(cli, *search, "--trials", 20, "--workers", 1) == message
        assert digest(run) == before


def test_trials_workers_and_data_may_change(cli: Cli, run: Path, recipe_file: Path, tmp_path: Path) -> None:
    before = rewards(run)
    search = ("search", f"{recipe_file}:config", "-o", run, "--strategy", "random")
    assert cli(*search, "--trials", 12, "--workers", 1, "--data", tmp_path).exit_code == 0
    assert len(rewards(run)) == 12
    assert rewards(run)[:8] == before


def test_more_workers_than_children_is_said(cli: Cli, recipe_file: Path, tmp_path: Path) -> None:
    search = ("search", f"{recipe_file}:config", "--trials", 2, "--set", "batch_size=1", "-o", tmp_path / "run")
    result = cli(*search, "--set", "lag=0", "--workers", 2)
    assert result.exit_code == 0
    assert (
        "Warning: at most (lag + 1) x batch_size = 1 children are in flight, so 1 of 2 workers will idle"
        in one_line(result.stderr)
    )


# The store


@pytest.fixture
def commands(run: Path, recipe_file: Path) -> list[list[str]]:
    """Every command that opens a run."""
    return [
        ["search", f"{recipe_file}:config", "--strategy", "random", "-o", str(run)],
        ["resume", str(run), "--trials", "12"],
        ["show", str(run)],
        ["show", str(run), "--json"],
        ["confirm", str(run)],
    ]


def test_a_store_of_a_newer_netwright(cli: Cli, run: Path, commands: list[list[str]]) -> None:
    connection = sqlite3.connect(run / FILE_NAME)
    connection.execute(f"PRAGMA user_version = {store.FORMAT + 1}")
    connection.close()
    before = digest(run)
    for command in commands:
        message = refused(cli, *command)
        assert f"{run}/{FILE_NAME} was written by a newer netwright (store format 3, this one reads up to 2)" in message
        assert "upgrade netwright to continue it. The file was not touched" in message
        assert digest(run) == before


def truncate(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])


def overwrite(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:-1] = random.Random(0).randbytes(len(content) - 4097)
    path.write_bytes(content)


def overwrite_head(path: Path) -> None:
    path.write_bytes(b"not a database" * 10 + path.read_bytes()[140:])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def replace_by_text(path: Path) -> None:
    path.write_text("notes\n" * 1000)


def replace_by_a_foreign_database(path: Path) -> None:
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE trials (number INTEGER)")
    connection.close()


@pytest.mark.parametrize(
    "damage", [truncate, overwrite, overwrite_head, empty, replace_by_text, replace_by_a_foreign_database]
)
def test_a_store_that_is_none(cli: Cli, run: Path, commands: list[list[str]], damage: Callable[[Path], None]) -> None:
    damage(run / FILE_NAME)
    before = digest(run)
    for command in commands:
        message = refused(cli, *command)
        assert str(run / FILE_NAME) in message
        if damage in (empty, replace_by_a_foreign_database):
            assert "is an SQLite file, but not one of netwright's; choose another folder" in message
        else:
            assert "is corrupted or no netwright store" in message
            assert "restore it from a copy, or start the run anew in another --out" in message
        assert digest(run) == before


def test_whatever_bytes_are_damaged_no_command_breaks_down(cli: Cli, run: Path) -> None:
    """A flipped letter may well go unnoticed; an exception that is not ours may not."""
    path, random_ = run / FILE_NAME, random.Random(1)
    whole = path.read_bytes()
    codes = set()
    for _ in range(150):
        content = bytearray(whole)
        for _ in range(random_.choice((1, 5, 200))):
            content[random_.randrange(len(content))] = random_.randrange(256)
        path.write_bytes(content)
        for shown in (["show", run], ["show", run, "--json"]):
            result = cli(*shown)
            codes.add(result.exit_code)
            assert result.exit_code in (0, 2), result.output
            assert (result.exit_code == 2) == result.stderr.startswith("Error: ")
    assert codes == {0, 2}
