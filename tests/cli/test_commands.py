"""What the commands print, for people and for programs, in a terminal and elsewhere."""

import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

import netwright as nw
from netwright.recipes import RECIPES
from netwright.store import Store
from netwright.trials import TrialState

Cli = Callable[..., Any]
Start = Callable[..., Any]

DOCUMENT_KEYS = {"data_notes", "recipe", "seed", "state", "data", "config", "trials", "best"}
TRIAL_KEYS = {
    "number", "state", "reward", "actions", "parameters", "architecture", "metrics", "seconds", "policy_version",
    "reused_from", "error",
}  # fmt: skip
STATES = {"queued", "running", "done", "failed", "rejected"}


def done(cli: Cli, *arguments: object) -> Any:
    """The result of a command that must go well."""
    result = cli(*arguments)
    assert result.exit_code == 0, result.output
    return result


def document(cli: Cli, run: Path) -> dict[str, Any]:
    """What `show --json` prints: one line of strict JSON."""
    out = done(cli, "show", run, "--json").stdout
    assert out.count("\n") == 1

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    found: dict[str, Any] = json.loads(out, parse_constant=refuse)
    return found


def check(found: dict[str, Any]) -> None:
    """The schema that the issue and the README promise."""
    assert set(found) == DOCUMENT_KEYS
    assert found["state"] in {"finished", "running", "interrupted"}
    assert [trial["number"] for trial in found["trials"]] == list(range(len(found["trials"])))
    for trial in found["trials"]:
        assert set(trial) == TRIAL_KEYS
        assert trial["state"] in STATES
        assert all(isinstance(action, int | list) for action in trial["actions"])
        assert (trial["state"] == "failed") == (trial["error"] is not None)
        assert (trial["seconds"] is None) == (trial["state"] in {"queued", "running"})
        assert isinstance(trial["reward"], float) or trial["state"] != "done"
    if found["best"] is not None:
        assert set(found["best"]) == TRIAL_KEYS | {"confirmed"}
        same = {key: value for key, value in found["best"].items() if key != "confirmed"}
        assert same == found["trials"][found["best"]["number"]]


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
        assert (trial["state"], trial["reward"]) == (("failed", 0.0) if failed else ("done", 1.0))
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
    lines = done(cli, "show", run, "--top", 3).stdout.splitlines()
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
    assert f"netwright confirm {run}" in lines[5]
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
    assert cli("confirm", run, "--trial", 99).exit_code == 2

    # Extending the search afterwards loses nothing.
    done(cli, "resume", run, "--trials", 12)
    assert document(cli, run)["trials"][:8] == before["trials"]
    with Store.read(run) as store:
        assert len(store.confirmations()) == 8


def test_retrainings_that_all_fail_are_shown_as_such(cli: Cli, recipe_file: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    done(cli, "search", f"{recipe_file}:config", "--trials", 3, "-o", run)
    recipe_file.write_text(recipe_file.read_text().replace("return float(sum(", "return 'gone' or (("))
    sys.modules.pop(recipe_file.stem)
    result = done(cli, "confirm", run, "--top", 1, "--num-seeds", 2)
    assert "2 failed" in result.stdout
    found = document(cli, run)
    check(found)
    assert found["best"]["confirmed"] is None


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
            f"to start over: remove {run} or choose another --out." in out
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
        assert "A run that was started from Python goes on by the same call of nw.search with the same `out`" in (
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
    for subject in ("python", "packages", "hardware", "threads", "bfloat16", "digits", "CIFAR-10", "write access"):
        assert subject in subjects
    assert any(subject.startswith("GPU") for subject in subjects)
    assert f"netwright {version('netwright')}, torch " in out
    assert "does not exist" in done(cli, "doctor", "--data", tmp_path / "nowhere").stdout


def test_the_version_and_the_help(cli: Cli) -> None:
    assert done(cli, "--version").stdout == f"netwright {version('netwright')}\n"
    for command in ([], ["search"], ["resume"], ["show"], ["confirm"], ["recipes"], ["doctor"]):
        assert "Usage: netwright" in done(cli, *command, "--help").stdout.replace("root", "netwright")
    assert "search" in cli().output


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
    lines = result.stderr.splitlines()
    assert lines[0] == f"search recipe={recipe_file}:config strategy=reinforce seed=0 workers=1 trials=0/24"
    assert 3 <= len(lines) <= 11
    for line in lines[1:]:
        assert [word.partition("=")[0] for word in line.split()] == ["trials", "best", "mean", "seconds_left"]
    with Store.read(run) as store:
        rewards = [trial.reward or 0.0 for trial in store.trials()[:24] if trial.state is TrialState.DONE]
    assert lines[-1].startswith(f"trials=24/24 best={max(rewards):.4g} mean={sum(rewards) / 24:.4g} ")
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
    assert re.search(r"trials .* \d+/24 +best [\d.]+ +mean [\d.]+ +left \d+:\d\d", text)
    with Store.read(tmp_path / "run") as store:
        trials = store.trials()[:24]
    for trial in trials:
        how = f"= {trial.reused_from}" if trial.reused_from is not None else r"\d\.\d s"
        widths = re.escape(str(trial.proposal.architecture["widths"]))
        assert re.search(rf"(?m)^ +{trial.number}  reward {trial.reward:g} +{how}  widths={widths}", text)
    assert "┃ rank ┃ trial ┃" in text
    assert "optimistic" in text
    assert "\x1b[?25h" in screen, "the cursor is shown again"


def test_ctrl_c_in_a_terminal(cli: Cli, recipe_file: Path, tmp_path: Path) -> None:
    search = ("search", f"{recipe_file}:config", "--trials", 200, "--set", "space.num_layers=6", "-o", "run")
    code, screen = in_terminal(tmp_path, *search, keys=("reward", b"\x03"))
    assert code == 130
    assert "Interrupted. Every finished trial is kept; go on: netwright resume run" in screen
    assert "Traceback" not in screen
    assert screen.rindex("\x1b[?25h") < screen.index("Interrupted")
    assert 1 <= sum(trial["state"] == "done" for trial in document(cli, tmp_path / "run")["trials"]) < 200
