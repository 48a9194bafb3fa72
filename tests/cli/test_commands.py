"""What `search`, `resume` and the smaller commands print, in a terminal and elsewhere."""

import os
import pty
import re
import select
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pytest

import netwright as nw
from netwright.config import STRATEGIES
from netwright.recipes import RECIPES
from netwright.searching.store import Store
from netwright.trials import TrialState
from oracles.shown_runs import Cli, check, document, done

# search and resume


def test_the_default_folder_names_recipe_strategy_and_seed(
    cli: Cli, recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    search = ("search", f"{recipe_file.name}:config", "--trials", 2)
    done(cli, *search)
    done(cli, *search, "--strategy", "random", "--seed", 7)
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == [
        "config-random-seed7",
        "config-reinforce-seed0",
    ]


def test_a_finished_run_says_how_to_extend_or_restart_it(cli: Cli, recipe_file: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    search = ("search", f"{recipe_file}:config", "--trials", 4, "-o", run)
    assert "finished already" not in done(cli, *search).stdout
    for again in (search, search[:2] + search[4:], ("resume", run)):
        out = done(cli, *again).stdout
        assert "finished, 4 of 4 trials measured" in out
        assert (
            f"This run was finished already. To extend it: netwright resume {run} --trials 8; "
            "to start over, search with --overwrite." in out
        )
    extended = done(cli, "resume", run, "--trials", 8).stdout
    assert "finished, 8 of 8 trials measured" in extended
    assert "finished already" not in extended


def test_resume_finds_the_recipe_file_from_any_folder(
    cli: Cli, recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done(cli, "search", "own_recipe.py:config", "--trials", 4, "-o", "run")
    done(cli, "search", recipe_file.resolve().as_posix() + ":config", "--trials", 5, "-o", "run")
    sys.modules.pop(recipe_file.stem)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    done(cli, "resume", "../run", "--trials", 6)
    sys.modules.pop(recipe_file.stem)
    done(cli, "confirm", "../run", "--top", 1, "--num-seeds", 1)
    recipe_file.rename(tmp_path / "moved.py")
    sys.modules.pop(recipe_file.stem)
    result = cli("resume", "../run", "--trials", 8)
    assert result.exit_code == 2
    assert f"there is no file {recipe_file}" in result.stderr


@pytest.mark.filterwarnings("ignore:the source of evaluate is not known")
def test_a_run_from_python_says_how_it_goes_on(cli: Cli, tmp_path: Path) -> None:
    @nw.space
    def mine():  # type: ignore[no-untyped-def]
        return [(yield nw.Choice("a", (1, 2, 3)))]

    nw.search(mine(), sum, num_trials=3, out=tmp_path / "run")
    check(document(cli, tmp_path / "run"))
    assert "finished, 3 of 3 trials" in done(cli, "show", tmp_path / "run").stdout
    for command in ("resume", "confirm"):
        result = cli(command, tmp_path / "run")
        assert result.exit_code == 2
        assert "Continue a run that was started from Python by the same call of nw.search with the same `out`" in (
            result.stderr
        )


# The rest


def test_recipes_lists_every_recipe_and_its_cost(cli: Cli) -> None:
    lines = done(cli, "recipes").stdout.splitlines()
    assert re.split(r" {2,}", lines[0]) == ["recipe", "trials", "architectures", "what it searches", "what it costs"]
    rows = {row[0]: row for row in (re.split(r" {2,}", line) for line in lines[1:])}
    assert set(rows) == set(RECIPES)
    assert all(len(row) == 5 and all(row) for row in rows.values())
    assert rows["cifar10"][1] == "12,800"


def test_doctor_prints_what_a_bug_report_needs(cli: Cli, tmp_path: Path) -> None:
    out = done(cli, "doctor").stdout
    subjects = [line.split("  ")[0].strip() for line in out.splitlines()]
    for subject in (
        "python",
        "packages",
        "hardware",
        "threads",
        "bfloat16",
        "digits",
        "CIFAR-10",
        "Penn Treebank",
        "write access",
    ):
        assert subject in subjects
    assert any(subject.startswith("GPU") for subject in subjects)
    assert f"netwright {version('netwright')}, torch " in out
    assert "does not exist" in done(cli, "doctor", "--data", tmp_path / "nowhere").stdout


def test_the_version_and_the_help(cli: Cli) -> None:
    assert done(cli, "--version").stdout == f"netwright {version('netwright')}\n"
    for command in ([], ["search"], ["resume"], ["show"], ["confirm"], ["recipes"], ["doctor"]):
        assert "Usage: netwright" in done(cli, *command, "--help").stdout.replace("root", "netwright")
    assert "search" in cli().output


def test_the_help_of_search_names_every_strategy(cli: Cli) -> None:
    said = " ".join(re.sub("[│╭╰─]", " ", done(cli, "search", "--help").stdout).split())
    listed = re.search(r"The search strategy: (.*?)\. Default", said)
    assert listed is not None
    assert listed[1] == ", ".join(f"{name} ({entry.help})" for name, entry in STRATEGIES.items())


@pytest.mark.parametrize(
    "command", [[sys.executable, "-m", "netwright"], [str(Path(sys.executable).parent / "netwright")]]
)
def test_it_runs_as_a_module_and_as_a_command(command: list[str]) -> None:
    result = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=60, check=True)
    assert (result.stdout, result.stderr) == (f"netwright {version('netwright')}\n", "")


def test_output_is_plain_where_there_is_no_terminal(
    cli: Cli, recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("COLUMNS", "40")
    run = tmp_path / "run"
    result = done(cli, "search", f"{recipe_file}:config", "--workers", 1, "-o", run)
    assert all(line.isprintable() for line in result.output.splitlines())
    *lines, hint = result.stderr.splitlines()
    assert hint == f"next: netwright confirm {run}"
    assert lines[0] == f"search recipe={recipe_file}:config strategy=reinforce seed=0 workers=1 trials=0/24 score=value"
    assert 3 <= len(lines) <= 11
    for line in lines[1:]:
        assert [word.partition("=")[0] for word in line.split()] == ["trials", "best", "median", "seconds_left"]
    with Store.read(run) as store:
        rewards = [trial.reward or 0.0 for trial in store.trials()[:24] if trial.state is TrialState.DONE]
    assert lines[-1].startswith(f"trials=24/24 best={max(rewards):.4g} median={statistics.median(rewards):.4g} ")
    table = result.stdout.splitlines()
    assert table[1].startswith("rank  trial  search's value")
    assert all(line.endswith("]") for line in table[2:12])


def in_terminal(folder: Path, *arguments: object, keys: tuple[str, bytes] | None = None) -> tuple[int, str]:
    """Exit code and screen of `netwright` in a terminal of 200 columns; `keys` are (what to wait for, what to type)."""
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover
        os.chdir(folder)
        os.environ.update(TERM="xterm-256color", COLUMNS="200", LINES="40", TEST_SECONDS="0.05")
        os.environ.pop("NO_COLOR", None)
        os.execv(sys.executable, [sys.executable, "-m", "netwright", *map(str, arguments)])
    screen, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                read = os.read(terminal, 65536)
            except OSError:  # the other end is closed
                break
            if not read:
                break
            screen += read
        if keys is not None and keys[0].encode() in screen:
            os.write(terminal, keys[1])
            keys = None
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), screen.decode()


def test_progress_is_live_in_a_terminal(cli: Cli, recipe_file: Path, tmp_path: Path) -> None:
    code, screen = in_terminal(tmp_path, "search", f"{recipe_file}:config", "-o", "run")
    assert code == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen).replace("\r", "\n")
    assert "config: reinforce, seed 0, on " in text
    assert re.search(r"trials .* \d+/24 +best [\d.]+ +median [\d.]+ +left \d+:\d\d", text)
    with Store.read(tmp_path / "run") as store:
        trials = store.trials()[:24]
    for trial in trials:
        how = f"= {trial.reused_from}" if trial.reused_from is not None else r"\d\.\d s"
        widths = re.escape(str(trial.proposal.architecture["widths"]))
        assert re.search(rf"(?m)^ +{trial.number}  value {trial.reward:g} +{how}  widths={widths}", text)
    assert "┃ rank ┃ trial ┃" in text
    assert "optimistic" in text
    assert "\x1b[?25h" in screen, "the cursor is shown again"


def test_ctrl_c_in_a_terminal(cli: Cli, recipe_file: Path, tmp_path: Path) -> None:
    search = ("search", f"{recipe_file}:config", "--trials", 200, "--set", "space.num_layers=6", "-o", "run")
    code, screen = in_terminal(tmp_path, *search, keys=("value", b"\x03"))
    assert code == 130
    assert "Interrupted. Every finished trial is kept; go on: netwright resume run" in screen
    assert "Traceback" not in screen
    assert screen.rindex("\x1b[?25h") < screen.index("Interrupted")
    assert 1 <= sum(trial["state"] == "done" for trial in document(cli, tmp_path / "run")["trials"]) < 200
