"""Whose code is run: of the Python files that stored runs name, only those that the user has named or trusts."""

import hashlib
import json
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import cloudpickle
import optuna
import pytest

from netwright.files import write_whole
from oracles.refusals import Cli

TOUCH = 'from pathlib import Path\nPath(__file__).with_name("executed").touch()\n'
REFUSED = [
    ("resume", "RUN", "--trials", "12"),
    ("replay", "RUN"),
    ("confirm", "RUN", "--top", "1", "--num-seeds", "1"),
    ("train", "RUN"),
]
WITHOUT_CODE = [("report", "RUN"), ("export", "RUN", "--to", "optuna")]
Become = Callable[[str], None]


def forget(name: str = "own_recipe") -> None:
    """Forget the file as the end of a process does."""
    if module := sys.modules.pop(name, None):
        cloudpickle.unregister_pickle_by_value(module)


@pytest.fixture
def become(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Become:
    """Makes what follows the commands of a user with a state folder of that name, in a new process."""

    def become_user(user: str) -> None:
        forget()
        (tmp_path / "executed").unlink(missing_ok=True)
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / user))

    return become_user


@pytest.fixture
def evil(recipe_file: Path) -> Path:
    """A recipe that touches the file `executed` beside it whenever it is executed."""
    recipe_file.write_text(TOUCH + recipe_file.read_text())
    return recipe_file


@pytest.fixture
def run(cli: Cli, evil: Path, become: Become, tmp_path: Path) -> Path:
    """A run by another user, of the recipe `evil`."""
    folder = tmp_path / "run"
    become("attacker")
    assert cli("search", f"{evil}:config", "--trials", 8, "-o", folder).exit_code == 0
    become("user")
    return folder


def executed(evil: Path) -> bool:
    return evil.with_name("executed").exists()


def filled(command: tuple[str, ...], run: Path) -> list[str]:
    return [str(run) if part == "RUN" else part for part in command]


def change(run: Path, name: str, **members: object) -> None:
    """Change members of a stored document."""
    with closing(sqlite3.connect(run / "run.sqlite")) as connection, connection:
        (text,) = connection.execute("SELECT value FROM documents WHERE name = ?", (name,)).fetchone()
        value = json.dumps({**json.loads(text), **members})
        connection.execute("UPDATE documents SET value = ? WHERE name = ?", (value, name))


@pytest.mark.parametrize("command", [*REFUSED, *WITHOUT_CODE], ids=lambda command: command[0])
def test_the_file_of_a_foreign_run_is_not_executed(cli: Cli, run: Path, evil: Path, command: tuple[str, ...]) -> None:
    result = cli(*filled(command, run))
    assert not executed(evil)
    assert result.exit_code == (2 if command in REFUSED else 0)
    assert result.stderr.count(f"the run needs the Python file {evil}") == 1
    assert "add --trust-code to the command, or set NETWRIGHT_TRUST_CODE=1" in result.stderr


@pytest.mark.parametrize("command", [*REFUSED, *WITHOUT_CODE], ids=lambda command: command[0])
def test_it_is_executed_for_a_user_who_trusts_it_in_the_command_or_in_the_environment(
    cli: Cli, run: Path, evil: Path, become: Become, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    def succeeds(*arguments: str) -> None:
        result = cli(*filled((*command, *arguments), run))
        assert executed(evil)
        if command[0] == "train":
            assert "a final training needs networks that netwright trains itself" in result.stderr
        else:
            assert result.exit_code == 0, result.stderr
        become("user")

    succeeds("--trust-code")
    cli(*filled(command, run))
    assert not executed(evil)  # the option trusts it for one command
    for value in ("0", "true", ""):
        monkeypatch.setenv("NETWRIGHT_TRUST_CODE", value)
        cli(*filled(command, run))
        assert not executed(evil)
    monkeypatch.setenv("NETWRIGHT_TRUST_CODE", "1")
    if command[0] == "export":
        command = (*command, "-o", f"sqlite:///{run}/other.db")
    succeeds()


def test_a_foreign_run_is_shown_reported_and_exported_without_its_code(
    cli: Cli, run: Path, evil: Path, tmp_path: Path
) -> None:
    assert "8 of 8 trials measured" in cli("show", run).stdout
    assert "is neither a ConvNet nor a recurrent cell" in cli("draw", run).stderr
    assert cli("report", run).exit_code == 0
    text = (run / "report.html").read_text()
    assert "There are no option frequencies, since the space cannot be used: the run needs the Python file" in text
    assert "Value per trial" in text
    result = cli("export", run, "--to", "optuna")
    assert "The study has no parameters, since the space cannot be used: the run needs the Python file" in result.stderr
    study = optuna.load_study(study_name="run", storage=f"sqlite:///{run}/optuna.db")
    assert [trial.params for trial in study.trials] == [{}] * 8
    assert all(trial.value == trial.user_attrs["reward"] for trial in study.trials)
    assert not executed(evil)
    mixed = cli("export", run, "--to", "optuna", "--trust-code")
    assert mixed.exit_code == 2
    assert "has the study 'run' without parameters; choose another --out" in mixed.stderr


def test_a_foreign_comparison_executes_nothing(cli: Cli, evil: Path, become: Become, tmp_path: Path) -> None:
    folder, options = tmp_path / "comparison", ("--strategies", "random", "--num-seeds", 1, "--trials", 3)
    become("attacker")
    assert cli("compare", f"{evil}:config", *options, "-o", folder).exit_code == 0
    become("user")
    assert cli("compare", "digits-table", *options, "-o", folder).exit_code == 2
    assert not executed(evil)


@pytest.mark.parametrize("name", ["search", "compare"])
def test_a_file_that_the_user_has_named_is_executed_until_it_changes(
    cli: Cli, run: Path, evil: Path, become: Become, tmp_path: Path, name: str
) -> None:
    naming = ("search", f"{evil}:config", "--trials", 8, "-o", tmp_path / "other")
    if name == "compare":
        naming = (
            "compare",
            f"{evil}:config",
            "--strategies",
            "random",
            "--num-seeds",
            1,
            "--trials",
            3,
            "-o",
            run / "c",
        )
    assert cli(*naming).exit_code == 0
    become("user")
    assert cli("resume", run, "--trials", 24).exit_code == 0
    assert executed(evil)
    become("user")
    assert cli("report", run).stderr.startswith("next: "), "and no note before it"
    assert '"title":"width"' in (run / "report.html").read_text()
    evil.write_text(f"{evil.read_text()}\n# changed\n")
    become("user")
    result = cli("resume", run)
    assert result.exit_code == 2
    assert f"the run needs the Python file {evil}" in result.stderr
    assert not executed(evil)
    assert cli(*naming).exit_code == 0
    become("user")
    assert cli("resume", run).exit_code == 0
    become("another user")
    assert cli("resume", run).exit_code == 2


def test_the_trust_list_has_absolute_paths_and_checksums(
    cli: Cli, evil: Path, become: Become, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    become("user")
    monkeypatch.chdir(tmp_path)
    assert cli("search", "own_recipe.py:config", "--trials", 4, "-o", "run").exit_code == 0
    trusted = json.loads((tmp_path / "user" / "netwright" / "trusted.json").read_text())
    assert trusted == {str(evil): hashlib.sha256(evil.read_bytes()).hexdigest()}


def test_a_copy_of_a_trusted_file_elsewhere_is_not_trusted(
    cli: Cli, run: Path, evil: Path, become: Become, tmp_path: Path
) -> None:
    assert cli("search", f"{evil}:config", "--trials", 8, "-o", tmp_path / "other").exit_code == 0
    (tmp_path / "copy").mkdir()
    copy = tmp_path / "copy" / "own_recipe.py"
    copy.write_bytes(evil.read_bytes())
    change(run, "config", recipe=f"{copy}:config")
    become("user")
    assert cli("resume", run).exit_code == 2
    assert not (copy.parent / "executed").exists()


def test_without_a_state_folder_a_named_file_is_searched_and_must_be_trusted_later(
    cli: Cli, run: Path, evil: Path, become: Become, tmp_path: Path
) -> None:
    (tmp_path / "nobody").write_text("a file, where the state folder would be")
    become("nobody")
    assert cli("search", f"{evil}:config", "--trials", 24, "-o", tmp_path / "other").exit_code == 0
    assert '"title":"width"' in (tmp_path / "other" / "report.html").read_text()
    become("nobody")
    assert cli("resume", tmp_path / "other").exit_code == 2
    assert cli("resume", tmp_path / "other", "--trust-code").exit_code == 0


@pytest.mark.parametrize(
    "function",
    [
        "posix:system",
        "os:system",
        "shutil:rmtree",
        "builtins:exec",
        "own_recipe:os.system",
        "netwright.files:write_whole",
    ],
)
@pytest.mark.parametrize("command", REFUSED, ids=lambda command: command[0])
def test_a_run_of_a_trusted_file_calls_no_other_function(
    cli: Cli, run: Path, command: tuple[str, ...], function: str
) -> None:
    assert write_whole.__module__ == "netwright.files"
    change(run, "config", evaluate={"kind": "function", "function": function})
    result = cli(*filled((*command, "--trust-code"), run))
    assert result.exit_code == 2
    assert f"{function} cannot be found" in result.stderr or f"the run calls {function}, which its" in result.stderr


def test_a_module_of_python_is_no_recipe_although_it_is_loaded(cli: Cli, run: Path) -> None:
    file = sys.modules["shutil"].__file__
    change(run, "config", recipe=f"{file}:move", evaluate={"kind": "function", "function": "shutil:rmtree"})
    result = cli("resume", run)
    assert result.exit_code == 2
    assert f"the run needs the Python file {file}" in result.stderr


def test_a_run_without_a_recipe_file_calls_no_function(cli: Cli, run: Path, recipe_file: Path, tmp_path: Path) -> None:
    assert cli("search", f"{recipe_file}:config", "--trials", 8, "-o", tmp_path / "other").exit_code == 0
    change(run, "config", recipe="python")
    result = cli("resume", run)
    assert result.exit_code == 2
    assert "own_recipe:value cannot be found" in result.stderr


@pytest.mark.parametrize("how", ["from helper import judged", "import helper"])
def test_a_function_that_the_recipe_imports_is_found_again(
    cli: Cli, evil: Path, become: Become, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    (tmp_path / "helper.py").write_text("def judged(architecture):\n    return sum(architecture['widths'])\n")
    name = "judged" if how.startswith("from") else "helper.judged"
    evil.write_text(f"{how}\n{evil.read_text()}\n\ndef of_helper():\n    return config({name})\n")
    monkeypatch.syspath_prepend(tmp_path)
    become("user")
    assert cli("search", f"{evil}:of_helper", "--trials", 4, "-o", tmp_path / "run").exit_code == 0
    become("user")
    sys.modules.pop("helper")
    assert cli("resume", tmp_path / "run", "--trials", 6).exit_code == 0
    sys.modules.pop("helper")


@pytest.mark.parametrize("command", [REFUSED[0], REFUSED[2], REFUSED[3]], ids=lambda command: command[0])
def test_the_address_of_a_cluster_is_used_only_if_the_user_gives_it(
    cli: Cli, run: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def connected(*arguments: object) -> None:
        raise AssertionError("it connects to the cluster")

    monkeypatch.setattr("netwright.execution.on_ray.cluster.connect", connected)
    monkeypatch.setattr("netwright.execution.on_ray.executor.connect", connected)
    change(run, "place", executor="ray", address="evil.example:6379", workers=1)
    result = cli(*filled((*command, "--trust-code"), run))
    assert result.exit_code == 2
    assert "names a Ray cluster at evil.example:6379" in result.stderr
    assert f"netwright {command[0]} {run} --address evil.example:6379" in result.stderr


def test_a_run_from_a_cluster_is_read_without_it_and_continued_on_this_machine(cli: Cli, run: Path) -> None:
    change(run, "place", executor="ray", address="evil.example:6379", workers=1)
    for command in (("replay", run), ("report", run), ("show", run)):
        assert cli(*command, *(["--trust-code"] if command[0] != "show" else [])).exit_code == 0
    result = cli("resume", run, "--trials", 12, "--executor", "local", "--trust-code")
    assert result.exit_code == 0
    assert "12 of 12 trials measured" in result.stdout
