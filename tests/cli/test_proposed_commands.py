"""Every command that a message proposes can be pasted into a shell, exists, and works in that situation."""

import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import netwright as nw
from netwright.errors import ConfigError, RunError, command
from netwright.searching.store import FILE_NAME
from oracles.refusals import Cli, Start, one_line

NAME = "it's $1 run"
QUICK = ("--trials", 3, "--strategy", "random", "--workers", 1)
PROPOSAL = re.compile(r"netwright (?:resume|confirm|draw|show|train|export) [^`;\n]*")


def proposals(text: str) -> list[str]:
    """The commands in messages, without the sentence around them."""
    return [found.rstrip(" .").removesuffix(")") for found in PROPOSAL.findall(text)]


def works(cli: Cli, proposal: str, code: int = 0) -> str:
    """Run a proposed command; a shell divides it into its words as `shlex` does. Return all that it prints."""
    shell = subprocess.run(["bash", "-c", f"printf '%s\\0' {proposal}"], capture_output=True, text=True, check=True)
    words = shell.stdout.split("\0")[:-1]
    assert words == shlex.split(proposal)
    result = cli(*words[1:])
    assert result.exit_code == code, (proposal, result.output)
    return result.stdout + result.stderr


def test_a_command_is_quoted() -> None:
    assert command("resume", Path("runs/a"), "--trials", 4) == "netwright resume runs/a --trials 4"
    assert shlex.split(command("show", Path(NAME))) == ["netwright", "show", NAME]


def test_what_a_search_and_a_run_propose_works(
    cli: Cli, recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = f"{recipe_file}:config"
    found = proposals(cli("search", recipe, *QUICK, "-o", NAME).stderr)
    assert found == [command("confirm", NAME)]
    works(cli, found[0])
    found = proposals(cli("search", recipe, *QUICK, "-o", NAME).stdout)
    assert found == [command("resume", NAME, "--trials", 6)]
    works(cli, found[0])
    found = proposals(cli("search", recipe, *QUICK, "--seed", 5, "-o", NAME).stderr)
    assert found == [command("resume", NAME)]
    works(cli, found[0])
    found = proposals(cli("confirm", NAME, "--trial", 99).stderr)
    assert found == [command("show", NAME, "--top", 6)]
    works(cli, found[0])
    found = proposals(cli("draw", NAME).stderr)
    assert found == [command("show", NAME, "--json")]
    works(cli, found[0])


def test_a_table_is_not_confirmed_and_its_best_network_is_drawn(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = proposals(cli("search", "digits-table", *QUICK, "-o", NAME).stderr)
    assert found == [command("draw", NAME)]
    works(cli, found[0])
    assert (tmp_path / NAME / "best.svg").exists()


@pytest.mark.slow
def test_a_trained_network_is_exported_and_loaded_as_proposed(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small = ("--set", "space.num_layers=2", "--set", "evaluate.epochs=1", "--set", "confirm.at_end=false")
    assert cli("search", "digits", *QUICK, "-o", NAME, *small).exit_code == 0
    result = cli("train", NAME, "--grid", "none", "--epochs", 1)
    said, found = result.stdout, proposals(result.stderr)
    assert found == [command("export", f"{NAME}/model", "--to", "code")]
    exported = works(cli, found[0])
    assert shlex.join(["python", f"{NAME}/model.py"]) + " IMAGE" in exported
    expression = re.findall(r"in Python (nw\.load\(.*?\))[,)]", said)
    assert eval(expression[0]).input_shape == (1, 8, 8)


def test_a_run_without_a_measured_trial_goes_on_as_proposed(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    too_small = ("--max-parameters", 142)  # of the smallest network, which few random ones are
    assert cli("search", "digits", *QUICK, "-o", NAME, *too_small).exit_code == 1
    (proposal,) = proposals(cli("train", NAME).stderr)
    assert proposal == command("resume", NAME, "--trials", 6)
    assert "no trial of" in works(cli, proposal, code=1)  # it searches on, and rejects these, too
    assert "6 rejected" in cli("show", NAME).stdout


def test_a_run_of_a_program_proposes_no_command_that_cannot_load_it(
    cli: Cli, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    @nw.space
    def widths():
        return (yield nw.Choice("width", (1, 2)))

    def value(architecture: int) -> float:
        return float(architecture)

    nw.search(widths, value, num_trials=2, strategy="random", out=tmp_path / NAME)
    shown = cli("show", tmp_path / NAME)
    assert "picked for being high" in shown.stdout
    assert proposals(shown.output) == []
    with pytest.raises(ConfigError, match="Go on with its own settings, or choose another --out"):
        nw.search(widths, value, num_trials=2, strategy="random", seed=1, out=tmp_path / NAME)


def test_a_search_in_memory_is_not_told_to_go_on(tmp_path: Path) -> None:
    @nw.space
    def widths():
        return (yield nw.Choice("width", tuple(range(9))))

    def raises(architecture: object) -> float:
        raise LookupError("no such network")

    with pytest.raises(RunError, match=r"Mend the cause and start again\. Trial 0"):
        nw.search(widths, raises, num_trials=9, strategy="random")
    with pytest.raises(RunError, match="or run the same command again to go on all the same"):
        nw.search(widths, raises, num_trials=9, strategy="random", out=tmp_path / "run")


def test_an_interruption_before_the_run_was_made_proposes_no_resume(
    cli: Cli, recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from netwright.searching import run

    def interrupted(*arguments: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(run, "open_data", interrupted)
    stopped = cli("search", f"{recipe_file}:config", *QUICK, "-o", tmp_path / NAME)
    assert stopped.exit_code == 130
    assert one_line(stopped.stderr) == "Interrupted. The run was not begun; the same command starts it"
    assert not (tmp_path / NAME).exists()


def test_an_interrupted_run_goes_on_as_proposed(
    start: Start, cli: Cli, recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    search = start("search", f"{recipe_file}:config", "--strategy", "random", "-o", NAME, TEST_SECONDS="0.2")
    search.until(tmp_path / NAME, 2)
    search.process.send_signal(signal.SIGTERM)
    code, _, err = search.end()
    assert code == 130
    (proposal,) = proposals(err)
    assert proposal == command("resume", NAME)
    works(cli, proposal)


# What is said to be as it was


@pytest.mark.parametrize("table", ["strategy", "tensors", "updates", "trials"])
def test_a_run_that_cannot_be_restored_is_not_written(cli: Cli, recipe_file: Path, tmp_path: Path, table: str) -> None:
    """All that is read is read before the settings are written, here another number of trials."""
    run = tmp_path / "run"
    assert (
        cli("search", f"{recipe_file}:config", "--trials", 8, "--set", "strategy.hidden_size=6", "-o", run).exit_code
        == 0
    )
    damage = {
        "strategy": "UPDATE strategy SET \"values\" = '[]'",
        "tensors": "UPDATE strategy SET tensors = x'0102'",
        "updates": "UPDATE updates SET metrics = '7'",
        "trials": "UPDATE trials SET actions = '{'",
    }[table]
    with closing(sqlite3.connect(run / FILE_NAME, isolation_level=None)) as connection:
        connection.execute(damage)
        connection.execute("DROP TABLE work")  # as in a store that is older than this table
        connection.execute("PRAGMA journal_mode = DELETE")
    before = (run / FILE_NAME).read_bytes()
    refused = cli("resume", run, "--trials", 33)
    assert refused.exit_code == 2, refused.output
    assert refused.stderr.startswith("Error: ")
    assert (run / FILE_NAME).read_bytes() == before
    assert sorted(path.name for path in run.iterdir()) == ["report.html", "run.lock", FILE_NAME]


@pytest.mark.parametrize("how", ["removed", "moved", "replaced"])
def test_a_run_folder_that_goes_away_ends_the_search(start: Start, recipe_file: Path, tmp_path: Path, how: str) -> None:
    run = tmp_path / NAME
    search = start("search", f"{recipe_file}:config", "--strategy", "random", "-o", run, TEST_SECONDS="0.2")
    search.until(run, 2)
    if how == "removed":
        shutil.rmtree(run)
    else:
        run.rename(tmp_path / "elsewhere")
    if how == "replaced":
        shutil.copytree(tmp_path / "elsewhere", run)
    code, out, err = search.end(20)
    assert (code, out) == (2, "")
    assert f"Error: the run folder {run} was removed, moved or replaced while the run was being written" in one_line(
        err
    )
    assert "Traceback" not in err
    if how == "moved":
        (tmp_path / "elsewhere").rename(run)
        again = subprocess.run(
            [sys.executable, "-m", "netwright", "resume", run],
            capture_output=True,
            text=True,
            check=False,
        )
        assert again.returncode == 0, again.stderr
        assert "24 of 24 trials measured" in again.stdout
