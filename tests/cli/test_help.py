"""The help of every command: 80 columns, whole words, whole sentences, and a group for every command."""

import os
import re
import subprocess
import sys
from inspect import cleandoc

import pytest
import typer
from rich.text import Text

from netwright.cli.app import app
from netwright.cli.help import GROUPS, WAY, Command, first_sentence
from oracles.refusals import Cli

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")


def words(text: str) -> str:
    return " ".join(text.split())


def helped(cli: Cli, *arguments: str) -> str:
    result = cli(*arguments, "--help")
    assert result.exit_code == 0, result.output
    return str(result.stdout)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_fits_80_columns_and_cuts_no_word(cli: Cli, name: str) -> None:
    shown = helped(cli, name)
    assert max(map(len, shown.splitlines())) <= 80
    assert "…" not in shown
    assert not re.search(r"\[/?[a-z]*\]", shown.replace("[OPTIONS]", "")), "no markup"
    command = COMMANDS[name]
    said = words(shown)
    for paragraph in cleandoc(command.help).split("\n\n"):
        assert words(paragraph) in said
    context = typer.Context(command)
    for parameter in command.get_params(context):
        plain = words(Text.from_markup(getattr(parameter, "help", None) or "").plain)
        assert plain, f"{parameter.name} is explained"
        assert plain in said
        assert all(option in said for option in parameter.opts if option.startswith("-"))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_a_group_and_says_in_one_sentence_what_it_does(name: str) -> None:
    command = COMMANDS[name]
    assert isinstance(command, Command), "add it with command_in(GROUP)"
    assert command.rich_help_panel in GROUPS
    assert re.fullmatch(r"[A-Z][^.]*(\.\w[^.]*)*\.", first_sentence(command))


def test_netwright_alone_teaches_the_way_and_lists_every_command_once(cli: Cli) -> None:
    shown = str(cli().output)
    assert max(map(len, shown.splitlines())) <= 80
    way, *groups = re.split(r"\n\n(?=\S[^\n]*\n  )", shown)[1:]
    assert [line.split()[1] for line in way.splitlines()[1:]] == [name for name, _, _ in WAY if name in COMMANDS]
    titles = [group.splitlines()[0] for group in groups]
    assert titles == [*GROUPS, "Options"]
    listed = [line.split()[0] for group in groups[:-1] for line in group.splitlines()[1:] if not line.startswith("   ")]
    assert sorted(listed) == sorted(COMMANDS)


def test_a_narrow_terminal_gets_narrow_help(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    shown = helped(cli, "replay")
    assert max(len(line) for line in shown.splitlines() if not line.startswith("    netwright")) <= 60


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("netwright tra", ["train", "translate"]),
        ("netwright search dig", ["digits", "digits-table"]),
        ("netwright search digits --strategy pp", ["ppo"]),
        ("netwright train --mc", ["--mc-samples"]),
    ],
)
def test_a_shell_completes_commands_options_and_names(typed: str, expected: list[str]) -> None:
    words_before = len(typed.split()) - 1
    asked = {"_NETWRIGHT_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(words_before)}
    ran = subprocess.run(
        [sys.executable, "-m", "netwright"], env={**os.environ, **asked}, capture_output=True, text=True, timeout=60
    )
    assert ran.stdout.split() == expected
