"""Wrong input on the command line: an exit code, a message that says what, where and what to do, and nothing lost."""

import hashlib
import os
import random
import shutil
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netwright import store
from netwright.locks import LOCK_NAME, is_being_written
from netwright.store import FILE_NAME, Store
from netwright.tasks.cifar10 import FOLDER, OFFICIAL_MD5
from netwright.trials import TrialState

Cli = Callable[..., Any]
Start = Callable[..., Any]


def one_line(text: str) -> str:
    """Without the frames and line ends that typer draws around its errors."""
    return " ".join(text.replace("│", " ").split())


def refused(cli: Cli, *arguments: object, code: int = 2, **options: Any) -> str:
    """The message of a command that must fail with `code`, and print nothing else."""
    result = cli(*arguments, **options)
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    return one_line(result.stderr)


@pytest.fixture
def run(cli: Cli, recipe_file: Path, tmp_path: Path) -> Path:
    """A finished run of 8 trials."""
    folder = tmp_path / "run"
    result = cli("search", f"{recipe_file}:config", "--strategy", "random", "--trials", 8, "-o", folder)
    assert result.exit_code == 0
    return folder


def rewards(folder: Path) -> list[float | None]:
    with Store.read(folder) as stored:
        return [trial.reward for trial in stored.trials() if trial.state is TrialState.DONE]


# Names


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("serch digits", "No such command 'serch'. Did you mean 'search'?"),
        ("search digit", "unknown recipe 'digit'; did you mean 'digits'? (or FILE.py:FUNCTION for your own)"),
        ("search cifar-10-quick", "unknown recipe 'cifar-10-quick'; did you mean 'cifar10-quick'?"),
        ("search zzz", "unknown recipe 'zzz'; known: cifar10, cifar10-pooling, cifar10-quick,"),
        ("search digits --strategy reinforc", "unknown strategy 'reinforc'; did you mean 'reinforce'?"),
        ("search digits --trails 3", "No such option: --trails (Possible options: --trials"),
        ("search digits --worker 3", "No such option: --worker (Possible options: --workers"),
        ("search digits --set evaluate.epoch=3", "unknown setting 'evaluate.epoch'; did you mean 'evaluate.epochs'?"),
        (
            "search digits --set space.num_layer=3",
            "unknown setting 'space.num_layer'; did you mean 'space.num_layers'?",
        ),
        ("search digits --set lagg=3", "--set lagg=3: unknown setting 'lagg'; did you mean 'lag'?"),
        ("search digits --set lag", "--set lag: expected KEY=VALUE, for example --set lag=0"),
        ("search digits --set lag=x", "lag: Input should be a valid integer"),
        ("search digits --set evaluate.epochs=0", "epochs: Input should be greater than 0"),
        ("search digits --set evaluate.task=digit", "unknown task 'digit'; did you mean 'digits'?"),
        ("search digits --trials 0", "Invalid value for '--trials': Input should be greater than or equal to 1"),
        ("search digits --trials -1", "Invalid value for '--trials': Input should be greater than or equal to 1"),
        ("search digits --trials many", "Invalid value for '--trials': Input should be a valid integer"),
        ("search digits --workers 0", "Invalid value for '--workers': Input should be greater than or equal to 1"),
        ("search digits --seed x", "Invalid value for '--seed'"),
        ("search", "Missing argument 'RECIPE'"),
        ("resume nowhere --trials 0", "Invalid value for '--trials'"),
        ("show nowhere", "nowhere holds no run; expected a folder with run.sqlite, as `netwright search` makes it"),
        ("resume nowhere", "nowhere holds no run; expected a folder with run.sqlite"),
        ("confirm nowhere", "nowhere holds no run; expected a folder with run.sqlite"),
        ("confirm nowhere --top 0", "Invalid value for '--top'"),
    ],
)
def test_the_nearest_name_or_the_rule_is_shown(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: str, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert expected in refused(cli, *arguments.split())
    assert list(tmp_path.iterdir()) == []


def test_the_process_ends_with_the_exit_code_too(start: Start) -> None:
    code, out, err = start("search", "digit").end()
    assert (code, out) == (2, "")
    assert err.startswith("Error: unknown recipe 'digit'; did you mean 'digits'?")
    assert err.count("\n") == 1


# A user's own recipe


@pytest.mark.parametrize(
    ("suffix", "expected"),
    [
        (":confg", "own_recipe.py: unknown function 'confg'; did you mean 'config'?"),
        (":not_a_recipe", "own_recipe.py:not_a_recipe returned dict; a recipe returns a netwright.RunConfig"),
        ("", "own_recipe.py'; known: cifar10"),
    ],
)
def test_a_recipe_that_is_none(cli: Cli, recipe_file: Path, tmp_path: Path, suffix: str, expected: str) -> None:
    assert expected in refused(cli, "search", f"{recipe_file}{suffix}", "-o", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_recipe_file_that_is_not_there(cli: Cli, tmp_path: Path) -> None:
    message = refused(cli, "search", tmp_path / "recipes.py:config")
    assert f"there is no file {tmp_path}/recipes.py; expected a recipe as FILE.py:FUNCTION" in message


@pytest.mark.parametrize(
    ("name", "code", "expected"),
    [
        ("with_a_syntax_error", "def config(:\n    pass\n", "SyntaxError"),
        ("with_a_wrong_import", "import numpyy\n", "No module named 'numpyy'"),
        ("with_a_mistake", "def config():\n    return nw.RunConfig()\n", "name 'nw' is not defined"),
        ("with_an_argument", "def config(size):\n    pass\n", "missing 1 required positional argument: 'size'"),
        ("with_a_wrong_setting", "import netwright as nw\ndef config():\n    return nw.RunConfig(lagg=3)\n", "lagg"),
    ],
)
def test_a_recipe_file_with_a_mistake_shows_its_line(
    cli: Cli, tmp_path: Path, name: str, code: str, expected: str
) -> None:
    path = tmp_path / f"recipe_{name}.py"
    path.write_text(code)
    message = refused(cli, "search", f"{path}:config", users_traceback=True)
    assert message.startswith(f"Error: {path}")
    assert expected in message


def test_an_evaluate_that_always_raises_stops_the_run_and_shows_its_line(
    cli: Cli, recipe_file: Path, tmp_path: Path
) -> None:
    search = ("search", f"{recipe_file}:of_raises", "-o", tmp_path / "run")
    result = cli(*search, users_traceback=True)
    assert result.exit_code == 1
    assert "Error: the first 3 trials all failed, so the search was stopped" in result.stderr
    line = recipe_file.read_text().splitlines().index('    raise LookupError("no such network")') + 1
    assert f'own_recipe.py", line {line}, in raises' in result.stderr
    assert "app.py" not in result.stderr
    shown = cli("show", tmp_path / "run")
    assert (shown.exit_code, "3 failed" in shown.stdout) == (0, True)


@pytest.mark.parametrize(
    ("function", "expected", "exit_code"),
    [
        ("of_nan", "not finite: the value is nan", 1),
        ("of_sometimes", "exception: LookupError: no such network: {'widths': [1,", 0),
    ],
)
def test_an_evaluate_that_fails_costs_its_trials_only(
    cli: Cli, recipe_file: Path, tmp_path: Path, function: str, expected: str, exit_code: int
) -> None:
    result = cli("search", f"{recipe_file}:{function}", "-o", tmp_path / "run")
    assert result.exit_code == exit_code
    assert expected in result.stderr + result.stdout
    assert " failed" in cli("show", tmp_path / "run").stdout
    with Store.read(tmp_path / "run") as stored:
        failed = [trial for trial in stored.trials()[:24] if trial.state is TrialState.FAILED]
    assert failed
    assert all(expected in (trial.error or "") or trial.reused_from is not None for trial in failed)


def test_an_evaluate_that_returns_a_string(cli: Cli, recipe_file: Path, tmp_path: Path) -> None:
    result = cli("search", f"{recipe_file}:of_string", "-o", tmp_path / "run", users_traceback=True)
    assert result.exit_code == 1
    assert "TypeError: evaluate returned '0.9' (str); expected a number, the reward" in result.stderr


# The run's folder


def test_a_folder_that_is_a_file(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_text("mine")
    assert f"{path} is a file, not a folder; choose another --out" in refused(cli, "search", "digits", "-o", path)
    assert "is a file, not a run folder" in refused(cli, "show", path)
    assert "cannot make the run folder" in refused(cli, "search", "digits", "-o", path / "run")
    assert path.read_text() == "mine"


@pytest.mark.parametrize("place", ["/proc/netwright", "/sys/netwright", "/sys"])
def test_a_folder_in_which_even_root_cannot_write(cli: Cli, place: str) -> None:
    if not Path(place).exists() and not Path(place).parent.exists():
        pytest.skip(f"no {place} on this system")
    message = refused(cli, "search", "digits", "--trials", 1, "-o", place)
    assert f"cannot make the run folder {place}: " in message or f"cannot write in {place}: " in message
    assert message.endswith("choose another --out")


def test_a_folder_that_the_user_may_not_write(cli: Cli, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    tmp_path.chmod(0o500)
    message = refused(cli, "search", "digits", "-o", tmp_path)
    assert f"cannot write in {tmp_path}: Permission denied; choose another --out" in message


def test_a_folder_with_brackets_in_its_name(cli: Cli, recipe_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "[red]" / "[" / "]"
    search = ("search", f"{recipe_file}:config", "--trials", 2, "-o", folder)
    assert f"netwright confirm {folder}" in cli(*search).stdout
    assert f"netwright resume {folder} --trials 4" in cli(*search).stdout
    assert f"{folder} holds a run of recipe" in refused(cli, "search", "digits", "-o", folder)


def test_a_run_of_another_recipe(cli: Cli, run: Path, recipe_file: Path) -> None:
    before = digest(run)
    message = refused(cli, "search", "digits", "-o", run)
    assert f"{run} holds a run of recipe '{recipe_file}:config', not 'digits'; choose another --out" in message
    assert digest(run) == before


def test_changed_settings_are_refused_by_name(cli: Cli, run: Path, recipe_file: Path) -> None:
    before = digest(run)
    for changes, expected in {
        "--seed 4": "seed: 0 in the run, now 4",
        "--strategy reinforce": "strategy.name: 'random' in the run, now 'reinforce'",
        "--set lag=0": "lag: 1 in the run, now 0",
        "--set space.num_layers=2": "space.num_layers: 3 in the run, now 2",
        "--set lag=0 --set reuse=false": "lag: 1 in the run, now 0; reuse: True in the run, now False",
    }.items():
        search = ("search", f"{recipe_file}:config", "-o", run, "--strategy", "random", *changes.split())
        message = refused(cli, *search)
        assert f"{run} holds a run with other settings: " in message
        assert expected in message
        assert f"`netwright resume {run}`, or choose another --out" in message
        assert refused(cli, *search, "--trials", 20, "--workers", 1) == message
        assert digest(run) == before


def test_trials_workers_and_data_may_change(cli: Cli, run: Path, recipe_file: Path, tmp_path: Path) -> None:
    before = rewards(run)
    search = ("search", f"{recipe_file}:config", "-o", run, "--strategy", "random")
    assert cli(*search, "--trials", 12, "--workers", 1, "--data", tmp_path).exit_code == 0
    assert len(rewards(run)) == 12
    assert rewards(run)[:8] == before


def test_more_workers_than_children_is_said(cli: Cli, recipe_file: Path, tmp_path: Path) -> None:
    search = ("search", f"{recipe_file}:config", "--trials", 2, "--set", "batch_size=1", "-o", tmp_path / "run")
    result = cli(*search, "--set", "lag=0", "--workers", 2)
    assert result.exit_code == 0
    assert (
        "Warning: at most (lag + 1) x batch_size = 1 children are in flight, so 1 of 2 workers will idle"
        in one_line(result.stderr)
    )


# The store


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / FILE_NAME).read_bytes()).hexdigest()


@pytest.fixture
def commands(run: Path, recipe_file: Path) -> list[list[str]]:
    """Every command that opens a run."""
    return [
        ["search", f"{recipe_file}:config", "--strategy", "random", "-o", str(run)],
        ["resume", str(run), "--trials", "12"],
        ["show", str(run)],
        ["show", str(run), "--json"],
        ["confirm", str(run)],
    ]


def test_a_store_of_a_newer_netwright(cli: Cli, run: Path, commands: list[list[str]]) -> None:
    connection = sqlite3.connect(run / FILE_NAME)
    connection.execute(f"PRAGMA user_version = {store.FORMAT + 1}")
    connection.close()
    before = digest(run)
    for command in commands:
        message = refused(cli, *command)
        assert f"{run}/{FILE_NAME} was written by a newer netwright (store format 2, this one reads up to 1)" in message
        assert "upgrade netwright to continue it. The file was not touched" in message
        assert digest(run) == before


def truncate(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])


def overwrite(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:-1] = random.Random(0).randbytes(len(content) - 4097)
    path.write_bytes(content)


def overwrite_head(path: Path) -> None:
    path.write_bytes(b"not a database" * 10 + path.read_bytes()[140:])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def replace_by_text(path: Path) -> None:
    path.write_text("notes\n" * 1000)


def replace_by_a_foreign_database(path: Path) -> None:
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE trials (number INTEGER)")
    connection.close()


@pytest.mark.parametrize(
    "damage", [truncate, overwrite, overwrite_head, empty, replace_by_text, replace_by_a_foreign_database]
)
def test_a_store_that_is_none(cli: Cli, run: Path, commands: list[list[str]], damage: Callable[[Path], None]) -> None:
    damage(run / FILE_NAME)
    before = digest(run)
    for command in commands:
        message = refused(cli, *command)
        assert str(run / FILE_NAME) in message
        if damage in (empty, replace_by_a_foreign_database):
            assert "is an SQLite file, but not one of netwright's; choose another folder" in message
        else:
            assert "is corrupted or no netwright store" in message
            assert "restore it from a copy, or start the run anew in another --out" in message
        assert digest(run) == before


def test_whatever_bytes_are_damaged_no_command_breaks_down(cli: Cli, run: Path) -> None:
    """A flipped letter may well go unnoticed; an exception that is not ours may not."""
    path, random_ = run / FILE_NAME, random.Random(1)
    whole = path.read_bytes()
    codes = set()
    for _ in range(150):
        content = bytearray(whole)
        for _ in range(random_.choice((1, 5, 200))):
            content[random_.randrange(len(content))] = random_.randrange(256)
        path.write_bytes(content)
        for shown in (["show", run], ["show", run, "--json"]):
            result = cli(*shown)
            codes.add(result.exit_code)
            assert result.exit_code in (0, 2), result.output
            assert (result.exit_code == 2) == result.stderr.startswith("Error: ")
    assert codes == {0, 2}


# Data


def test_a_missing_data_folder(cli: Cli, tmp_path: Path) -> None:
    message = refused(cli, "search", "cifar10-quick", "--data", tmp_path / "nowhere", "-o", tmp_path / "run")
    assert f"the data folder {tmp_path}/nowhere does not exist; expected the files data_batch_1" in message
    assert "pass another folder with --data" in message
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("verify", ["--verify-data", "--no-verify-data"])
def test_a_truncated_batch_file(cli: Cli, tmp_path: Path, verify: str) -> None:
    folder = tmp_path / FOLDER
    folder.mkdir()
    for name in OFFICIAL_MD5:
        (folder / name).write_bytes(b"\x80\x02}q\x01(U\x0bbatch_label" + bytes(1000))
    message = refused(cli, "search", "cifar10-quick", "--data", tmp_path, verify, "-o", tmp_path / "run")
    assert f"{folder}/data_batch_1" in message
    assert "truncated" in message or "damaged" in message or "expected" in message
    assert not (tmp_path / "run").exists()


# The machine


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
    first = start(*search, TEST_SECONDS="0.2")
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
