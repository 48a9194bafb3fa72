"""`netwright search --replicas` in real worker processes, killed and continued; `netwright replay`."""

import re
import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from netwright.cli.search import with_replicas
from netwright.recipes import config_of
from netwright.searching.store import FILE_NAME, Store
from netwright.trials import TrialState
from oracles.refusals import Cli, Start, refused

REPLICAS = ("--replicas", 3, "--batch", 2, "--servers", 5)


def calls(folder: Path) -> Counter[str]:
    """How often each network was trained."""
    return Counter((folder / "calls.txt").read_text().split())


def finished(run: Path) -> set[str]:
    """The networks whose training is stored."""
    with Store.read(run) as store:
        trials = [trial for trial in store.trials() if trial.state is TrialState.DONE]
    return {"-".join(map(str, trial.proposal.architecture["widths"])) for trial in trials}


def settings_of(run: Path) -> dict[str, object]:
    with Store.read(run) as store:
        config = store.document("config")
    return {name: config[name] for name in ("replicas", "batch_size", "lag")}


def test_killed_by_kill_9_it_goes_on_with_nothing_lost_or_learned_twice(
    cli: Cli, start: Start, recipe_file: Path, tmp_path: Path
) -> None:
    run = tmp_path / "replicas"
    search = ("search", f"{recipe_file}:config", *REPLICAS, "--accumulate", 2, "--workers", 2, "--trials", 40)
    stored: dict[str, int] = {}
    for num_finished in (5, 14):
        command = start(*search, "-o", run, TEST_SECONDS="0.1")
        command.until(run, num_finished)
        command.kill()
        stored |= {network: calls(tmp_path)[network] for network in finished(run)}
    assert cli("resume", run).exit_code == 0
    assert len(stored) > 8
    assert {network: calls(tmp_path)[network] for network in stored} == stored
    with Store.read(run) as store:
        trials, learned, updates = store.trials(), store.learned(), store.updates()
    assert all(trial.state is TrialState.DONE for trial in trials[:40])
    assert sorted(learned) == list(range(20))
    assert all("staleness" in update.metrics for update in updates)
    assert finished(run) <= set(calls(tmp_path))

    replayed = cli("replay", run)
    assert replayed.exit_code == 0
    assert "40 architectures sampled" not in replayed.stdout  # those beyond the limit were sampled too
    assert re.search(r"4\d architectures sampled, 20 batches learned, [\d,]+ numbers of the", replayed.stdout)
    report = (run / "report.html").read_text(encoding="utf-8")
    assert re.search(r"staleness \(.*\): median \d+, 95th percentile [\d.]+, maximum \d+, over 20 gradients\.", report)


def test_the_options_become_settings_that_a_run_keeps(cli: Cli, recipe_file: Path, tmp_path: Path) -> None:
    search = ("search", f"{recipe_file}:config", *REPLICAS, "--max-staleness", 4, "--trials", 6)
    assert cli(*search, "-o", tmp_path / "run").exit_code == 0
    replicas = {"count": 3, "servers": 5, "accumulate": 1, "max_staleness": 4}
    assert settings_of(tmp_path / "run") == {"replicas": replicas, "batch_size": 2, "lag": 0}
    message = refused(cli, *search, "--servers", 6, "-o", tmp_path / "run")
    assert "replicas.servers: 5 in the run, now 6" in message
    assert cli(*search, "--set", "lag=1", "-o", tmp_path / "other").exit_code == 0
    assert settings_of(tmp_path / "other")["lag"] == 1


@pytest.mark.parametrize(
    ("recipe", "options", "expected"),
    [
        ("cifar10", {}, (100, 20, 1, 8)),
        ("cifar10-slides", {}, (100, 10, 1, 8)),
        ("ptb", {}, (100, 20, 10, 1)),
        ("ptb", {"batch": 2, "accumulate": 5, "servers": 3}, (100, 3, 5, 2)),
        ("digits", {}, (100, 20, 1, 8)),
    ],
)
def test_the_other_numbers_are_those_of_the_papers_experiment(
    recipe: str, options: dict[str, int], expected: tuple[int, ...]
) -> None:
    config = with_replicas(config_of(recipe), 100, options.pop("batch", None), **options)
    replicas = config.replicas
    assert (replicas.count, replicas.servers, replicas.accumulate, config.batch_size) == expected
    assert config.lag == 0


def test_a_batch_may_be_set_without_replicas(cli: Cli, recipe_file: Path, tmp_path: Path) -> None:
    search = ("search", f"{recipe_file}:config", "--batch", 3, "--trials", 6, "-o", tmp_path / "run")
    assert cli(*search).exit_code == 0
    assert settings_of(tmp_path / "run") == {"replicas": None, "batch_size": 3, "lag": 1}
    assert "Staleness" not in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert cli("replay", tmp_path / "run").exit_code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--servers", 3), "--servers is a setting of replicas, and there are none; give --replicas K as well"),
        (("--max-staleness", 3), "--max-staleness is a setting of replicas, and there are none"),
        (("--set", "replicas.count=5"), "--set replicas.count=5: there are no replicas; give --replicas K as well"),
        (("--replicas", 0), "Invalid value for '--replicas'"),
        (("--replicas", 2, "--batch", 0), "Invalid value for '--batch'"),
        (("--replicas", 2, "--servers", 0), "Invalid value for '--servers'"),
        (("--replicas", 2, "--set", "replicas.count=0"), "replicas.count: Input should be greater than 0"),
        (("--replicas", 2, "--servers", 10**6), "1000000 shards for"),
        (("--replicas", 2, "--strategy", "random"), "random has no replicas"),
    ],
)
def test_numbers_that_cannot_be_are_refused_and_nothing_is_written(
    cli: Cli, recipe_file: Path, tmp_path: Path, options: tuple[object, ...], message: str
) -> None:
    assert message in refused(cli, "search", f"{recipe_file}:config", *options, "-o", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_replay_names_what_differs(cli: Cli, run: Path, recipe_file: Path, tmp_path: Path) -> None:
    assert "batches learned, random keeps no parameters." in cli("replay", run).stdout
    learned = tmp_path / "learned"
    assert cli("search", f"{recipe_file}:config", *REPLICAS, "-o", learned).exit_code == 0
    with sqlite3.connect(learned / FILE_NAME) as connection:
        connection.execute("UPDATE trials SET reward = reward + 1 WHERE number = 1")
    connection.close()
    with Store.read(learned) as store:
        position = store.learned().index(0)
    message = refused(cli, "replay", learned, code=1)
    assert f"the replay differs from the run: update {position} gives" in message
    assert "holds no run" in refused(cli, "replay", tmp_path)
