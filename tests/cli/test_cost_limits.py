"""Limits on the command line: what is above is redrawn, shown and listed; the same whatever happens to the search."""

import json
from pathlib import Path

import pytest

LIMIT = 3000
SMALLEST = 1184
"""Multiply-adds of the smallest network, which a random one hardly ever is."""
COMMAND = ("digits", "--max-parameters", LIMIT, "--trials", 12, "--seed", 1, "--set", "evaluate.epochs=1")
QUICK = (
    "--set", "batch_size=2", "--set", "confirm.at_end=false", "--set", "evaluate.precision=float32",
    "--set", "evaluate.num_train=200", "--set", "evaluate.num_validation=100",
)  # fmt: skip
ONCE = ("--set", "constraints.max_redraws=1")


def trials(cli, run: Path) -> list[dict]:
    return json.loads(cli("show", run, "--json").stdout)["trials"]


def without_time(found: list[dict]) -> list[dict]:
    return [{key: value for key, value in trial.items() if key != "seconds"} for trial in found]


def test_all_trials_are_trained_and_the_search_is_the_same_on_two_workers_that_were_killed(cli, start, tmp_path):
    one, killed = tmp_path / "one", tmp_path / "killed"
    searched = cli("search", *COMMAND, *QUICK, "--out", one, "--workers", 1)
    assert searched.exit_code == 0, searched.stderr
    found = trials(cli, one)
    rejected = [trial for trial in found if trial["state"] == "rejected"]
    assert len(rejected) > 3
    assert len(found) - len(rejected) == 12
    redrawn = f"{len(rejected)} samples above the limits on costs, redrawn"
    assert "finished, 12 of 12 trials measured" in searched.stdout
    assert redrawn in searched.stdout
    assert f"first rejected, trial {rejected[0]['number']}: num_parameters" in searched.stdout
    assert "trials=12/12 best=" in searched.stderr
    assert f"above_limit={len(rejected)}" in searched.stderr
    assert json.loads(cli("show", one, "--json").stdout)["num_redrawn"] == len(rejected)
    report = (one / "report.html").read_text(encoding="utf-8")
    assert "of 12 trials measured" in report
    assert f"All 12 trials, without {redrawn}" in report
    (listed,) = json.loads(cli("runs", tmp_path, "--json").stdout)
    assert (listed["state"], listed["trials"]) == ("finished", "12 of 12")
    for trial in found:
        assert (trial["metrics"]["num_parameters"] > LIMIT) == (trial["state"] == "rejected")
        assert trial["metrics"]["multiply_adds"] > trial["metrics"]["num_parameters"]
        if trial["state"] == "rejected":
            assert trial["seconds"] is None
            measured = [t["reward"] for t in found[: trial["number"]] if t["state"] == "done"]
            assert trial["reward"] is None or all(trial["reward"] < reward for reward in measured)
            assert "validation_accuracies" not in trial["metrics"]

    command = start("search", *COMMAND, *QUICK, "--out", killed, "--workers", 2)
    command.until(killed, 3)
    command.kill()
    assert cli("resume", killed).exit_code == 0
    assert without_time(trials(cli, killed)) == without_time(found)
    again = cli("resume", killed)
    assert "This run was finished already. To extend it" in again.stdout
    assert "--trials 24" in again.stdout


def test_a_comparison_charges_only_the_trials_within_the_limit(cli, tmp_path):
    command = ("compare", "digits", "--strategies", "random,thompson", "--num-seeds", 1, "--trials", 4)
    limits = ("--set", f"constraints.max_parameters={LIMIT}", "--set", "evaluate.epochs=1", "--workers", 1, "--json")
    compared = cli(*command, *limits, *QUICK, "--out", tmp_path / "compared")
    assert compared.exit_code == 0, compared.stderr
    document = json.loads(compared.stdout)
    runs = [run for strategy in document["strategies"] for run in strategy["runs"]]
    assert [(run["num_trials"], run["cost"]) for run in runs] == [(4, 4.0)] * 2
    for name, run in zip(("random", "thompson"), runs, strict=True):
        found = trials(cli, tmp_path / "compared" / "runs" / f"{name}-seed0")
        assert sum(trial["state"] == "done" for trial in found) == 4
        assert len(found) - 4 == run["num_redrawn"] > 0
    page = (tmp_path / "compared" / "comparison.html").read_text(encoding="utf-8")
    assert "samples above the limits on costs were redrawn" in page


def test_flops_are_multiply_adds_and_a_limit_that_no_trial_met_says_so(cli, tmp_path):
    searched = cli(
        "search", *COMMAND, *QUICK, "--max-flops", SMALLEST, *ONCE, "--out", tmp_path / "run", "--workers", 1
    )
    assert searched.exit_code == 1
    assert "0 of 12 trials measured, 12 rejected; 12 samples above the limits on costs, redrawn" in searched.stdout
    assert "multiply_adds" in searched.stderr
    assert "above the limit 1,184" in searched.stderr


def test_a_run_goes_on_only_under_its_own_limits(cli, tmp_path):
    run = tmp_path / "run"
    assert cli("search", *COMMAND, *QUICK, "--max-flops", SMALLEST, *ONCE, "--out", run, "--workers", 1).exit_code == 1
    other = cli("search", *COMMAND, *QUICK, "--max-flops", 2000, *ONCE, "--out", run)
    assert other.exit_code == 2
    assert "constraints.max_multiply_adds: 1184 in the run, now 2000" in other.stderr


def test_a_function_of_the_users_own_has_no_costs_to_limit(cli, recipe_file, tmp_path):
    refused = cli("search", f"{recipe_file}:config", "--max-parameters", 5, "--out", tmp_path / "run")
    assert refused.exit_code == 2
    assert not (tmp_path / "run").exists()
    assert "a function of your own counts its own" in refused.stderr


@pytest.mark.parametrize("option", ["--max-parameters", "--max-flops"])
def test_a_limit_is_positive(cli, option):
    assert cli("search", "digits", option, 0).exit_code == 2
