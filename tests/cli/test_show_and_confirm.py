"""What `show` and `confirm` print, for people and for programs, also while a run goes on."""

import os
import re
import shutil
import signal
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from netwright.searching.results import Confirmed, Results
from netwright.searching.store import Confirmation, Store
from oracles.refusals import one_line
from oracles.shown_runs import Cli, Start, check, document, done


@pytest.fixture
def run(cli: Cli, recipe_file: Path, tmp_path: Path) -> Path:
    """A finished run of 24 trials, some failed."""
    folder = tmp_path / "run"
    done(cli, "search", f"{recipe_file}:of_sometimes", "--strategy", "random", "--seed", 5, "-o", folder)
    return folder


# show


def test_the_json_of_a_finished_run(cli: Cli, run: Path, recipe_file: Path) -> None:
    found = document(cli, run)
    check(found)
    assert (found["recipe"], found["seed"], found["state"]) == (f"{recipe_file}:of_sometimes", 5, "finished")
    assert found["config"]["num_trials"] == 24 == len(found["trials"])
    assert found["config"]["strategy"] == {"name": "random"}
    assert {trial["state"] for trial in found["trials"]} == {"done", "failed"}
    first = found["trials"][0]
    assert first["parameters"] == {"num_layers": 3}
    assert first["architecture"] == {"widths": [action + 1 for action in first["actions"]]}
    for trial in found["trials"]:
        failed = trial["architecture"]["widths"][0] == 1
        assert trial["state"] == ("failed" if failed else "done")
        # Of the 24 trials the last 8 wait for a whole batch of lag 1; a failure has a reward when its batch is learned.
        assert trial["reward"] in ((0.0, None) if failed else (1.0,))
        assert trial["metrics"] == ({} if failed else {"value": 1.0})
        if trial["reused_from"] is not None:
            assert found["trials"][trial["reused_from"]]["architecture"] == trial["architecture"]
            assert trial["seconds"] == 0
    assert found["best"]["confirmed"] is None


def test_the_json_of_image_children(cli: Cli, tmp_path: Path) -> None:
    settings = ["batch_size=2", "confirm.top=1", "confirm.num_seeds=2", "evaluate.epochs=2", "evaluate.num_train=64"]
    settings += ["evaluate.num_validation=64", "space.num_layers=2", "evaluate.upsample=null"]
    search = ["search", "digits", "--trials", 2, "-o", tmp_path / "run", *(x for s in settings for x in ("--set", s))]
    result = done(cli, *search)
    found = document(cli, tmp_path / "run")
    check(found)
    assert found["data"] == "digits (scikit-learn)"
    for trial in found["trials"]:
        accuracies = trial["metrics"]["validation_accuracies"]
        assert len(accuracies) == len(trial["metrics"]["training_losses"]) == 2
        assert trial["metrics"]["validation_accuracy"] == max(accuracies[-2:])
        assert trial["reward"] == pytest.approx(max(accuracies[-2:]) ** 3)
        assert trial["metrics"]["num_parameters"] > 0
        assert trial["architecture"]["type"] == "ConvNet"
    confirmed = found["best"]["confirmed"]
    assert confirmed["metric"] == "validation_accuracy"
    assert len(confirmed["scores"]) == 2
    assert confirmed["mean"] == pytest.approx(sum(confirmed["scores"]) / 2)
    # The table calls confirmed means by their name, and the search's own scores optimistic.
    assert re.search(rf"^1 +{found['best']['number']} +{confirmed['mean']:.4f} ± ", result.stdout, re.MULTILINE)
    assert "to be quoted" in result.stdout
    assert "optimistic" in result.stdout

    # The best of both with more epochs, after a first choice.
    done(cli, "confirm", tmp_path / "run", "--first", "3:1/2", "--epochs", 4, "--top", 1)
    best = document(cli, tmp_path / "run")["best"]
    assert best["confirmed"]["epochs"] == 4
    assert len(best["confirmed"]["scores"]) == 2
    with Store.read(tmp_path / "run") as store:
        trained = {(each.epochs, len(each.metrics["validation_accuracies"])) for each in store.confirmations()}
    assert trained == {(None, 2), (3, 3), (4, 4)}
    refused = cli("confirm", tmp_path / "run", "--first", "half", "--epochs", 4)
    assert refused.exit_code == 2
    assert "--first half: expected EPOCHS:SHARE, for example --first 4:1/4" in refused.stderr
    assert "retrained=2/2" in result.stderr


def test_a_run_can_be_looked_at_while_it_goes_on(start: Start, cli: Cli, recipe_file: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = start("search", f"{recipe_file}:config", "-o", run, TEST_SECONDS="0.2")
    command.until(run, 3)
    found = document(cli, run)
    check(found)
    assert found["state"] == "running"
    states = [trial["state"] for trial in found["trials"]]
    assert states.count("done") >= 3
    assert 1 <= states.count("running") <= 8
    command.kill()
    found = document(cli, run)
    check(found)
    assert found["state"] == "interrupted"
    assert "running" not in [trial["state"] for trial in found["trials"]]
    done(cli, "resume", run)
    assert document(cli, run)["state"] == "finished"


def test_a_read_only_copy_is_shown(cli: Cli, run: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy"
        shutil.copytree(run, copy)
        expected = document(cli, run)
        for path in (*copy.iterdir(), copy, copy.parent):
            path.chmod(0o444 if path.is_file() else 0o555)
        before = sorted(path.name for path in copy.iterdir())
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)  # nobody: root may write everywhere
        try:
            assert not os.access(copy, os.W_OK, effective_ids=True)
            assert document(cli, copy) == expected
        finally:
            os.seteuid(user)
        assert sorted(path.name for path in copy.iterdir()) == before
        for path in (copy, copy.parent):
            path.chmod(0o755)


def test_a_copy_of_the_file_alone_is_shown(cli: Cli, run: Path, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    shutil.copy(run / "run.sqlite", tmp_path / "copy")
    assert document(cli, tmp_path / "copy") == document(cli, run)


def test_the_table_says_what_was_found_and_what_it_is_worth(cli: Cli, run: Path, recipe_file: Path) -> None:
    result = done(cli, "show", run, "--top", 3)
    lines = result.stdout.splitlines()
    found = document(cli, run)
    num_done = sum(trial["state"] == "done" for trial in found["trials"])
    num_reused = sum(trial["reused_from"] is not None for trial in found["trials"])
    assert lines[0] == (
        f"{recipe_file}:of_sometimes, seed 5: finished, {num_done} of 24 trials measured ({num_reused} reused, having "
        f"the architecture of an earlier one), {24 - num_done} failed"
    )
    assert lines[1].split("  ")[0] == "rank"
    assert [line.split()[0] for line in lines[2:5]] == ["1", "2", "3"]
    assert "optimistic" in lines[5]
    assert result.stderr == f"next: netwright confirm {run}\n"
    assert lines[6].startswith("first failure, trial ")
    assert "LookupError: no such network" in lines[6]
    assert len(lines) == 7


def test_a_run_without_a_result(cli: Cli, recipe_file: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    result = cli("search", f"{recipe_file}:of_nan", "--trials", 2, "-o", run)
    assert result.exit_code == 1
    assert "no trial of" in result.stderr
    assert "finished, 0 of 2 trials measured, 2 failed" in result.stdout
    assert "Nothing has been measured yet." in result.stdout
    found = document(cli, run)
    check(found)
    assert found["best"] is None


# confirm


def test_confirm_retrains_the_best_or_the_given_trials(
    cli: Cli, recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, calls = tmp_path / "run", tmp_path / "calls.txt"
    done(cli, "search", f"{recipe_file}:config", "--trials", 8, "-o", run)
    before = document(cli, run)
    assert before["best"]["confirmed"] is None
    num_calls = len(calls.read_text().split())

    result = done(cli, "confirm", run, "--top", 2, "--num-seeds", 2)
    assert len(calls.read_text().split()) == num_calls + 4
    assert result.stdout.count("(n=2)") == 2
    found = document(cli, run)
    check(found)
    assert found["trials"] == before["trials"]
    reward = before["best"]["reward"]
    assert found["best"]["confirmed"] == {
        "metric": "value", "mean": reward, "deviation": 0.0, "scores": [reward, reward],
    }  # fmt: skip

    # What has been done is not done again.
    done(cli, "confirm", run, "--top", 2, "--num-seeds", 2)
    assert len(calls.read_text().split()) == num_calls + 4
    done(cli, "confirm", run, "--top", 2, "--num-seeds", 3)
    assert len(calls.read_text().split()) == num_calls + 6

    worst = min(before["trials"], key=lambda trial: trial["reward"])["number"]
    result = done(cli, "confirm", run, "--trial", worst, "--num-seeds", 2)
    assert len(calls.read_text().split()) == num_calls + 8
    assert result.stdout.count("(n=") == 3
    assert document(cli, run)["best"]["number"] == found["best"]["number"]
    assert cli("confirm", run, "--trial", 99).exit_code == 2

    # Extending the search afterwards loses nothing.
    done(cli, "resume", run, "--trials", 12)
    assert document(cli, run)["trials"][:8] == before["trials"]
    with Store.read(run) as store:
        assert len(store.confirmations()) == 8


def test_a_confirmed_trial_is_above_one_that_is_not_only_if_all_with_higher_rewards_are_confirmed(
    cli: Cli, recipe_file: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    done(cli, "search", f"{recipe_file}:config", "--strategy", "random", "--trials", 12, "-o", run)
    by_reward = [trial.number for trial in Results.of(Store.read(run)).ranking()]
    assert len(by_reward) >= 6
    means = dict(zip(by_reward[:6], (0.1, None, 0.3, None, 0.9, 0.2), strict=True))

    def ranking(*numbers: int) -> list[int]:
        with Store.read(run) as store:
            results = Results.of(store)
        of_number = {trial.number: trial.fingerprint for trial in results.trials}
        confirmed = {
            of_number[number]: Confirmed(() if means[number] is None else (means[number],)) for number in numbers
        }
        return [trial.number for trial in replace(results, retrained=(confirmed,)).ranking()]

    first, second, third, fourth, fifth, sixth, *others = by_reward
    assert ranking(sixth) == by_reward
    assert ranking(first, third) == by_reward
    assert ranking(first, second, third) == [third, first, second, fourth, fifth, sixth, *others]
    assert ranking(*by_reward[:6]) == [fifth, third, sixth, first, second, fourth, *others]
    means[fourth] = means[fifth] = means[third]
    assert ranking(*by_reward[:6]) == [third, fourth, fifth, sixth, first, second, *others]


def test_ctrl_c_in_a_confirmation_says_how_to_go_on_with_it(
    start: Start, cli: Cli, recipe_file: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    done(cli, "search", f"{recipe_file}:config", "--trials", 3, "-o", run)
    command = start("confirm", run, "--num-seeds", 400, TEST_SECONDS="0.1")
    deadline = time.monotonic() + 60
    while not confirmations(run):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    command.process.send_signal(signal.SIGINT)
    code, _, err = command.end()
    assert code == 130
    assert "Interrupted. Every finished trial is kept; go on by the same command" in err


def confirmations(run: Path) -> list[Confirmation]:
    with Store.read(run) as store:
        return store.confirmations()


def test_retrainings_that_all_fail_are_shown_as_such(
    cli: Cli, recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    fails = "return 'gone' if os.environ.get('TEST_FAILS') else float(sum("
    recipe_file.write_text(recipe_file.read_text().replace("return float(sum(", fails))
    done(cli, "search", f"{recipe_file}:config", "--trials", 3, "-o", run)
    monkeypatch.setenv("TEST_FAILS", "1")
    result = done(cli, "confirm", run, "--top", 1, "--num-seeds", 2)
    assert "2 failed" in result.stdout
    found = document(cli, run)
    check(found)
    assert found["best"]["confirmed"] is None


@pytest.mark.parametrize("num_deaths", [2, 5])
def test_a_retraining_that_lost_its_worker_is_done_again_and_never_counted_as_failed(
    cli: Cli, recipe_file: Path, tmp_path: Path, num_deaths: int
) -> None:
    dies = "for file in NOTES.parent.glob('death*'):\n        file.unlink()\n        os._exit(9)\n    with NOTES"
    recipe_file.write_text(recipe_file.read_text().replace("with NOTES", dies))
    run = tmp_path / "run"
    done(cli, "search", f"{recipe_file}:config", "--trials", 3, "--workers", 1, "-o", run)
    for number in range(num_deaths):
        (tmp_path / f"death{number}").touch()
    confirm = ("confirm", run, "--top", 1, "--num-seeds", 2, "--workers", 1)
    if num_deaths > 4:  # two retrainings, three attempts each: the first dies with all of them
        refused = cli(*confirm)
        assert refused.exit_code == 1
        assert "1 of 2 retrainings lost their workers 3 times; the others are kept" in one_line(refused.stderr)
        with Store.read(run) as store:
            assert [each.error for each in store.confirmations()] == [None]
    assert "(n=2)" in done(cli, *confirm).stdout
