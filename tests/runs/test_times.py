"""A run keeps when its workers were at work; one that was begun before it did goes on all the same."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from netwright.searching.store import FILE_NAME, Store

Cli = Callable[..., Any]


def test_every_start_of_a_run_keeps_when_its_children_were_trained(cli: Cli, recipe_file: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    before = time.time()
    assert cli("search", f"{recipe_file}:config", "--trials", 8, "--workers", 2, "-o", run).exit_code == 0
    between = time.time()
    assert cli("resume", run, "--trials", 20, "--workers", 1).exit_code == 0
    after = time.time()
    assert cli("confirm", run, "--top", 1, "--num-seeds", 3).exit_code == 0

    with Store.read(run) as store:
        first, second, confirming = store.sessions()
        trials = store.trials()[:20]
    assert [first.workers, second.workers, confirming.workers] == [2, 1, 1]
    assert before < first.begun < between < second.begun < after < confirming.begun
    for session, stopped in ((first, between), (second, after), (confirming, time.time())):
        assert all(session.begun < begun and begun + seconds < stopped for begun, seconds in session.work)
    trained = [trial for trial in trials if trial.reused_from is None]
    assert len(first.work) + len(second.work) == len(trained)
    stored = sorted(trial.seconds for trial in trained)
    assert sorted(seconds for session in (first, second) for _, seconds in session.work) == stored
    assert len(confirming.work) == 3


def test_a_run_without_times_is_read_and_goes_on(cli: Cli, recipe_file: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert cli("search", f"{recipe_file}:config", "--trials", 8, "-o", run).exit_code == 0
    with closing(sqlite3.connect(run / FILE_NAME)) as connection:
        connection.executescript("DROP TABLE sessions; DROP TABLE work;")
    with Store.read(run) as store:
        assert store.sessions() == []
    assert cli("report", run).exit_code == 0
    assert cli("resume", run, "--trials", 16).exit_code == 0
    with Store.read(run) as store:
        assert len(store.sessions()) == 1
