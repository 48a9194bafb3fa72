"""`netwright compare`: side by side, resumed, refused."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from netwright.searching.store import Store
from oracles.refusals import Cli, Start, refused
from oracles.shown_runs import done

STRATEGIES = ("--strategies", "random,reinforce:learning_rate=0.05", "--num-seeds", "3", "--trials", "20")


def document(cli: Cli, *arguments: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done(cli, "compare", *arguments, "--json").stdout)
    return found


def test_two_strategies_end_to_end_the_same_on_one_worker_and_on_two(
    cli: Cli, recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    compare = (f"{recipe_file}:config", *STRATEGIES)
    result = done(cli, "compare", *compare, "--workers", 2)
    lines = result.stdout.splitlines()
    assert lines[0].split("  ")[0] == "strategy"
    assert [line.split()[0] for line in lines[1:3]] == ["random", "reinforce:learning_rate=0.05"]
    assert lines[4].startswith("better than ")
    assert any(line.startswith("20 trials a run, repeats charged: ") for line in lines)
    folder = tmp_path / "comparisons" / "config-random-reinforce-learning_rate=0.05"
    progress, following = result.stderr.splitlines()[-2:]
    assert progress == "trials=120/120"
    assert following.endswith(str(folder.relative_to(tmp_path) / "comparison.html"))
    page = (folder / "comparison.html").read_text()
    assert "Probability of improvement" in page
    assert "repeats charged" in page

    again = document(cli, *compare)
    assert again == document(cli, *compare, "--workers", 1, "-o", tmp_path / "one")
    assert [len(each["runs"]) for each in again["strategies"]] == [3, 3]
    calls = (tmp_path / "calls.txt").read_text()
    document(cli, *compare)
    assert (tmp_path / "calls.txt").read_text() == calls  # nothing was run again


def test_the_runs_are_those_of_a_search_with_the_same_seed(cli: Cli, recipe_file: Path, tmp_path: Path) -> None:
    found = document(cli, f"{recipe_file}:config", *STRATEGIES, "-o", tmp_path / "both")
    done(cli, "search", f"{recipe_file}:config", "--strategy", "random", "--seed", 2, "--trials", 20, "-o", "run")
    with Store.read(Path("run")) as stored:
        best = max(trial.reward or 0.0 for trial in stored.trials()[:20])
    assert found["strategies"][0]["runs"][2]["best_reward"] == best


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("time_limit", ["null", "60"], ids=["whole runs as jobs", "run folders"])
@pytest.mark.parametrize("how", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_a_comparison_that_was_stopped_goes_on_to_the_same_numbers(
    start: Start, cli: Cli, recipe_file: Path, tmp_path: Path, time_limit: str, how: int
) -> None:
    compare = ("compare", f"{recipe_file}:config", *STRATEGIES, "--set", f"time_limit_seconds={time_limit}")
    command = start(*compare, "-o", "stopped", TEST_SECONDS="0.1")
    runs, deadline = tmp_path / "stopped" / "runs", time.monotonic() + 60
    while not list(runs.glob("*.json")):
        assert command.process.poll() is None, command.end()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(command.process.pid, how)
    code, _, err = command.end(20)
    assert len(list(runs.glob("*.json"))) < 6, err
    if how == signal.SIGINT:
        kept = "run" if time_limit == "null" else "trial"
        assert code == 130
        assert f"Interrupted. Every finished {kept} is kept; go on by the same command" in err
        assert "Traceback" not in err
    went_on = document(cli, *compare[1:], "-o", "stopped")
    assert went_on == document(cli, *compare[1:], "-o", "whole")


def test_seeds_and_strategies_can_be_added(cli: Cli, recipe_file: Path, tmp_path: Path) -> None:
    recipe = f"{recipe_file}:config"
    first = document(cli, recipe, "--strategies", "random", "--num-seeds", 2, "--trials", 10, "-o", "one")
    more = document(cli, recipe, "--strategies", "random,reinforce", "--num-seeds", 3, "--trials", 10, "-o", "one")
    assert more["strategies"][0]["runs"][:2] == first["strategies"][0]["runs"]
    assert len(list((tmp_path / "one" / "runs").glob("*.json"))) == 6
    again = document(cli, recipe, "--strategies", "reinforce", "--num-seeds", 3, "--trials", 10, "-o", "one")
    assert again["strategies"] == more["strategies"][1:]


def test_seeds_that_were_added_to_results_are_shown_and_those_of_an_interrupted_comparison_are_not(
    cli: Cli, recipe_file: Path, tmp_path: Path
) -> None:
    compare = (f"{recipe_file}:config", "--strategies", "random,evolution", "--trials", 10, "-o", "one")
    said = "the number of seeds was raised after results had been shown: "
    for num_seeds, expected in ((2, [2]), (4, [2, 4]), (3, [2, 4])):
        assert document(cli, *compare, "--num-seeds", num_seeds)["num_seeds"] == expected
    text = done(cli, "compare", *compare, "--num-seeds", 5).stdout
    assert said + "2, then 4, then 5;" in text
    assert said + "2, then 4, then 5;" in (tmp_path / "one" / "comparison.html").read_text()
    assert "adding seeds until a difference is significant, or selecting among many pairs" in text
    assert "(1 pair here)" in text

    whole = (*compare[:-1], "whole")
    assert said not in done(cli, "compare", *whole, "--num-seeds", 3).stdout
    (tmp_path / "whole" / "runs" / "evolution-seed1.json").unlink()
    assert said not in done(cli, "compare", *whole, "--num-seeds", 3).stdout


def test_seeds_that_are_added_to_results_of_an_older_version_are_shown(
    cli: Cli, recipe_file: Path, tmp_path: Path
) -> None:
    compare = (f"{recipe_file}:config", "--strategies", "random", "--trials", 10, "-o", "one", "--num-seeds")
    document(cli, *compare, 2)
    plan = tmp_path / "one" / "plan.json"
    stored = json.loads(plan.read_text())
    del stored["num_seeds"]  # older versions did not store it
    plan.write_text(json.dumps(stored))
    assert document(cli, *compare, 3)["num_seeds"] == [2, 3]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            "--trials 21",
            "a budget of 20 trials a run, now 21 trials a run: runs with different budgets are not compared",
        ),
        ("--trials 20 --repeats free", "one holds a comparison with repeats charged, now free; choose another --out"),
        ("--trials 20 --set lag=3", "one holds a comparison with lag: 1 in the run, now 3; choose another --out"),
    ],
)
def test_other_settings_are_refused_by_name(cli: Cli, recipe_file: Path, arguments: str, expected: str) -> None:
    same = (f"{recipe_file}:config", "--strategies", "random", "--num-seeds", 1, "-o", "one")
    done(cli, "compare", *same, "--trials", 20)
    assert expected in refused(cli, "compare", *same, *arguments.split())


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("--strategies randm --trials 3", "unknown strategy 'randm'; did you mean 'random'?"),
        ("--strategies random", "one of --trials N, --budget SECONDS and --epochs N; got none"),
        (
            "--strategies random --trials 3 --budget 3",
            "one of --trials N, --budget SECONDS and --epochs N; got --trials and --budget",
        ),
        ("--strategies random --budget 3", "nothing says how many seconds a child of recipe"),
        ("--strategies random --budget -3", "--budget -3: expected a number of seconds above 0"),
        ("--strategies random --trials 0", "Invalid value for '--trials'"),
        ("--strategies random --trials 3 --num-seeds 0", "Invalid value for '--num-seeds'"),
        ("--strategies random,random --trials 3", "names one strategy twice"),
        ("--strategies reinforce:learning_rat=3 --trials 3", "'learning_rat'; did you mean 'learning_rate'?"),
        ("--strategies reinforce:lstm --trials 3", "expected NAME:KEY=VALUE, got 'lstm'"),
        ("--strategies reinforce:learning_rate=-1 --trials 3", "learning_rate: Input should be greater than 0"),
        ("--trials 3", "Missing option '--strategies'"),
        ("--strategies random --trials 3 -o own_recipe.py", "cannot make the folder own_recipe.py: Not a directory"),
    ],
)
def test_what_cannot_be_compared_is_said(
    cli: Cli, recipe_file: Path, tmp_path: Path, arguments: str, expected: str
) -> None:
    assert expected in refused(cli, "compare", f"{recipe_file}:config", *arguments.split())
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".py" and path.name != "__pycache__"] == []


def test_a_function_that_always_raises_shows_its_line(cli: Cli, recipe_file: Path) -> None:
    compare = ("compare", f"{recipe_file}:of_raises", *STRATEGIES)
    result = cli(*compare, users_traceback=True)
    assert result.exit_code == 1
    assert "random, seed " in result.stderr or "reinforce:learning_rate=0.05, seed " in result.stderr
    assert "the first 3 trials all failed" in result.stderr
    assert "LookupError: no such network" in result.stderr
