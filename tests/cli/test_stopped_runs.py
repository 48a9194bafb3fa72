"""A full disk, a second writer, Ctrl-C: nothing that was finished is lost, and the same command goes on."""

import os
import shutil
import signal
import sqlite3
from pathlib import Path

import pytest

from netwright.files import LOCK_NAME, is_being_written
from netwright.searching import store
from netwright.searching.store import Store
from oracles.refusals import Cli, Start, one_line, refused, rewards


def test_a_full_disk_loses_nothing_and_the_same_command_completes(
    cli: Cli, run: Path, recipe_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    search = ("search", f"{recipe_file}:config", "--strategy", "random", "--trials", 60)
    connect = store._connect

    def nearly_full(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        (num_pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {num_pages + 1}")
        return connection

    with monkeypatch.context() as patch:
        patch.setattr(store, "_connect", nearly_full)
        message = refused_with_progress(cli, *search, "-o", run)
    assert f"the disk that holds {run} is full or failing" in message
    assert "every trial finished before is kept: free some space and run the same command again" in message
    kept = rewards(run)
    assert 8 < len(kept) < 60
    num_calls = len((tmp_path / "calls.txt").read_text().split())

    assert cli(*search, "-o", run).exit_code == 0
    assert cli(*search, "-o", tmp_path / "whole").exit_code == 0
    assert rewards(run) == rewards(tmp_path / "whole")
    assert rewards(run)[: len(kept)] == kept or set(kept) <= set(rewards(run))
    assert num_calls >= len(set(kept)) - 2


def refused_with_progress(cli: Cli, *arguments: object) -> str:
    result = cli(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    return one_line(result.stderr)


def test_a_disk_that_is_full_at_once_keeps_no_lock(
    cli: Cli, run: Path, recipe_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def full(path: Path) -> sqlite3.Connection:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    search = ("search", f"{recipe_file}:config", "--strategy", "random", "--trials", 9)
    for folder in (run, tmp_path / "new"):
        with monkeypatch.context() as patch:
            patch.setattr(store, "_connect", full)
            with pytest.raises(Exception, match="is full or failing") as kept_alive:
                Store.open(folder) if folder == run else Store.create(folder, {})
        assert not is_being_written(folder), kept_alive
    shutil.rmtree(tmp_path / "new")
    for folder in (run, tmp_path / "new"):
        assert cli(*search, "-o", folder).exit_code == 0
        assert len(rewards(folder)) == 9


def test_a_second_writer_is_refused_and_readers_are_not(
    start: Start, cli: Cli, recipe_file: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    search = ("search", f"{recipe_file}:config", "-o", run)
    first = start(*search, TEST_SECONDS="0.5")
    first.until(run, 2)
    for second in (search, ("resume", run), ("confirm", run)):
        message = refused(cli, *second)
        assert f"another process is writing {run}; wait for it, stop it, or choose another --out" in message
    shown = cli("show", run)
    assert (shown.exit_code, ": running, " in shown.stdout) == (0, True)
    code, _, err = first.end()
    assert code == 0, err
    assert (run / LOCK_NAME).exists()
    assert ": finished, 24 of 24" in cli("show", run).stdout


@pytest.mark.parametrize("what", ["Ctrl-C", "SIGTERM"])
def test_an_interrupted_search_keeps_its_trials_and_goes_on(
    start: Start, cli: Cli, recipe_file: Path, tmp_path: Path, what: str
) -> None:
    run = tmp_path / "run"
    search = ("search", f"{recipe_file}:config", "--strategy", "random", "--trials", 40)
    command = start(*search, "-o", run, TEST_SECONDS="0.1")
    command.until(run, 4)
    if what == "Ctrl-C":  # a terminal sends it to the whole group
        os.killpg(command.process.pid, signal.SIGINT)
    else:
        command.process.send_signal(signal.SIGTERM)
    code, out, err = command.end(10)
    assert (code, out) == (130, "")
    assert f"Interrupted. Every finished trial is kept; go on: netwright resume {run}" in err
    assert "Traceback" not in err
    assert "leaked" not in err
    kept = rewards(run)
    assert 4 <= len(kept) < 40
    shown = cli("show", run)
    assert (shown.exit_code, ": interrupted, " in shown.stdout) == (0, True)

    assert cli("resume", run).exit_code == 0
    assert cli(*search, "-o", tmp_path / "whole").exit_code == 0
    assert rewards(run) == rewards(tmp_path / "whole")
