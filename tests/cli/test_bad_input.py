"""Wrong input on the command line: an exit code, and a message that says what, where and what to do."""

from pathlib import Path

import pytest

from netwright.searching.store import Store
from netwright.tasks.images.cifar10 import FOLDER, OFFICIAL_MD5
from netwright.trials import TrialState
from oracles.refusals import Cli, Start, refused

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
