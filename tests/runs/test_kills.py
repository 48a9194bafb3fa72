"""`kill -9` of the main process again and again, between a run's first and last commit: nothing lost, nothing doubled.

Every result must be that of a run that nobody stopped. Workers must end by themselves once their parent is gone.
"""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors import safe_open

from netwright.searching.store import Store
from netwright.trials import TrialState
from oracles.kills import Commands, Kept, kept_by, num_done, results
from oracles.refusals import Cli
from oracles.shown_runs import done

pytestmark = pytest.mark.slow

KILLS = {
    "search in process": 18,
    "search on 2 workers": 12,
    "search with replicas": 10,
    "compare, whole runs as jobs": 5,
    "compare, run folders": 6,
    "confirm": 6,
    "train, the grid": 4,
    "train, the final training": 6,
}
"""How many kills each situation survives; none counts that falls before the first or after the last commit."""

SCRIPT = """
import json
import sys

import netwright as nw
from own_recipe import tiny, value

options = json.loads(sys.argv[2])
if __name__ == "__main__":
    nw.search(tiny(num_layers=5), value, num_trials=160, batch_size=4, out=sys.argv[1], progress=False, **options)
"""
NUM_TRIALS = 160
NETWRIGHT = (sys.executable, "-m", "netwright")
TINY_DIGITS = (
    "--set", "evaluate.epochs=1", "--set", "evaluate.num_train=200", "--set", "evaluate.num_validation=100",
    "--set", "evaluate.last_epochs=1", "--set", "evaluate.upsample=8", "--set", "space.num_layers=3",
    "--set", "confirm.at_end=false", "--trials", 4, "--workers", 1,
)  # fmt: skip


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[Commands]:
    """Starts and kills commands; what still runs at the test's end is killed."""
    commands = Commands(tmp_path)
    yield commands
    commands.close()


def test_sixty_kills_are_survived_in_all() -> None:
    assert sum(KILLS.values()) >= 60


# The search -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def script(recipe_file: Path) -> Path:
    """A user's program that searches with `nw.search`; its arguments are the run's folder and options."""
    path = recipe_file.with_name("own_program.py")
    path.write_text(SCRIPT)
    return path


@pytest.mark.parametrize(
    ("situation", "workers", "most_lost"), [("search in process", None, 1), ("search on 2 workers", 2, 8)]
)
def test_a_search_in_python(
    commands: Commands, script: Path, tmp_path: Path, situation: str, workers: int | None, most_lost: int
) -> None:
    """A kill costs the children that run or whose results are on their way, `most_lost`, and no finished one."""
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    search = (sys.executable, script, killed, json.dumps({"workers": workers}))
    before = commands.kill_often(
        KILLS[situation], search, lambda: kept_by(killed), lambda: num_done(killed) == NUM_TRIALS
    )
    commands.end(*search)
    assert before.items() <= kept_by(killed).items()
    calls = (tmp_path / "calls.txt").read_text().split()
    assert len(calls) - len(set(calls)) <= KILLS[situation] * most_lost
    commands.end(sys.executable, script, whole, "{}")
    assert num_done(whole) == NUM_TRIALS
    assert results(killed) == results(whole)


def test_a_search_with_replicas(commands: Commands, recipe_file: Path, tmp_path: Path, cli: Cli) -> None:
    """The replicas' order of learning differs from run to run, so that the stored one must be reproduced."""
    run = tmp_path / "run"
    search = (
        *NETWRIGHT, "search", f"{recipe_file}:config", "--replicas", 2, "--servers", 3, "--accumulate", 2,
        "--trials", NUM_TRIALS, "--set", "space.num_layers=5", "--workers", 2, "-o", run,
    )  # fmt: skip
    before = commands.kill_often(
        KILLS["search with replicas"], search, lambda: kept_by(run), lambda: num_done(run) == NUM_TRIALS
    )
    commands.end(*search)
    assert before.items() <= kept_by(run).items()
    with Store.read(run) as store:
        trials, learned = store.trials(), store.learned()
    assert [trial.number for trial in trials] == list(range(len(trials)))
    assert {trial.state for trial in trials[:NUM_TRIALS]} == {TrialState.DONE}
    assert sorted(learned) == list(range(NUM_TRIALS // 4))
    for trial in trials[:NUM_TRIALS]:
        assert trial.reward == sum(trial.proposal.architecture["widths"])
    assert f"{NUM_TRIALS // 4} batches learned" in done(cli, "replay", run).stdout


# Comparisons ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("situation", "num_seeds", "options"),
    [
        ("compare, whole runs as jobs", 9, ()),
        ("compare, run folders", 3, ("--set", "time_limit_seconds=60")),
    ],
)
def test_a_comparison(
    commands: Commands,
    recipe_file: Path,
    tmp_path: Path,
    cli: Cli,
    situation: str,
    num_seeds: int,
    options: tuple[str, ...],
) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    strategies = ("--strategies", "random,reinforce:learning_rate=0.05", "--num-seeds", num_seeds)
    compare = (
        "compare", f"{recipe_file}:config", *strategies, "--trials", 20, "--set", "space.num_layers=5", *options,
    )  # fmt: skip

    def kept() -> Kept:
        found: Kept = {(path.name,): path.stat().st_mtime_ns for path in records(killed)}
        for run in (killed / "runs").glob("*/"):
            found |= {(run.name, *key): value for key, value in kept_by(run).items()}
        return found

    command = (*NETWRIGHT, *compare, "--workers", 2, "-o", killed)
    before = commands.kill_often(KILLS[situation], command, kept, lambda: len(records(killed)) == 2 * num_seeds)
    commands.end(*command)
    assert before.items() <= kept().items()
    compared = json.loads(done(cli, *compare, "--json", "-o", whole).stdout)
    assert json.loads(done(cli, *compare, "--json", "-o", killed).stdout) == compared
    names = [path.name for path in records(whole)]
    assert len(names) == 2 * num_seeds
    assert [path.name for path in records(killed)] == names
    for name in names:
        assert without_times(killed / "runs" / name) == without_times(whole / "runs" / name)
        run = Path("runs") / Path(name).stem
        if options:
            assert results(killed / run) == results(whole / run)


def records(comparison: Path) -> list[Path]:
    """The records of the finished runs."""
    return sorted((comparison / "runs").glob("*.json"))


def without_times(record: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(record.read_text())
    del found["seconds"]
    return found


# What follows a search ------------------------------------------------------------------------------------------------


@pytest.fixture
def two_runs(cli: Cli, tmp_path: Path) -> tuple[Path, Path]:
    """A finished run of the digits, and its copy in a folder of the same name."""
    killed, whole = tmp_path / "killed" / "run", tmp_path / "whole" / "run"
    done(cli, "search", "digits", *TINY_DIGITS, "-o", killed)
    shutil.copytree(killed, whole)
    return killed, whole


def test_a_confirmation(commands: Commands, two_runs: tuple[Path, Path], cli: Cli) -> None:
    killed, whole = two_runs
    options = ("--top", 4, "--num-seeds", 20, "--workers", 2)

    def pairs() -> list[tuple[str, int]]:
        with Store.read(killed) as store:
            return [(each.fingerprint, each.repeat) for each in store.confirmations()]

    command = (*NETWRIGHT, "confirm", killed, *options)
    before = commands.kill_often(KILLS["confirm"], command, lambda: kept_by(killed), lambda: len(pairs()) == 4 * 20)
    commands.end(*command)
    assert before.items() <= kept_by(killed).items()
    assert len(set(pairs())) == len(pairs()) == 4 * 20
    done(cli, "confirm", whole, *options)
    assert results(killed) == results(whole)


def test_a_final_training(commands: Commands, two_runs: tuple[Path, Path], cli: Cli) -> None:
    killed, whole = two_runs
    epochs = 12
    options = ("--epochs", epochs, "--workers", 2)
    unfinished = killed / "model.unfinished"
    train = (*NETWRIGHT, "train", killed, *options)

    def points() -> Kept:
        path = unfinished / "grid.json"
        return {(key,): value for key, value in json.loads(path.read_text()).items()} if path.exists() else {}

    def losses() -> Kept:
        for path in unfinished.glob("*.safetensors"):
            with safe_open(path, framework="pt") as file:
                history = json.loads(file.metadata()["history"])
            return {("epoch", epoch): loss for epoch, loss in enumerate(history["training_losses"])}
        return {}

    of_grid = commands.kill_often(
        KILLS["train, the grid"], train, points, lambda: len(points()) == 16, longest_wait=0.3
    )
    of_epochs = commands.kill_often(
        KILLS["train, the final training"], train, losses, lambda: len(losses()) == epochs, longest_wait=0.3
    )
    of_grid_later = points()
    assert of_grid.items() <= of_grid_later.items()
    commands.end(*train)
    assert not unfinished.exists()
    done(cli, "train", whole, *options)
    found, expected = (json.loads((run / "model" / "model.json").read_text()) for run in two_runs)
    assert {("epoch", epoch): loss for epoch, loss in enumerate(found["training_losses"])}.items() >= of_epochs.items()
    scores = [(entry["validation_accuracy"], entry["seconds"]) for entry in of_grid_later.values()]
    assert all((entry["validation_accuracy"], entry["seconds"]) in scores for entry in found["grid"])
    for model in (found, expected):
        del model["command"], model["created"]
        for entry in model["grid"]:
            del entry["seconds"]
    assert found == expected
    weights, expected_weights = ((run / "model" / "model.safetensors").read_bytes() for run in two_runs)
    assert weights == expected_weights
