"""The help of the commands: plain text for 80 columns, in groups, with no word cut."""

import re
from collections.abc import Sequence
from itertools import groupby

import typer
from rich.text import Text
from typer.core import TyperCommand, TyperGroup, TyperOption

from netwright.terminal import Terminal

FIND, SEARCH, LOOK = "Find data and recipes", "Search", "Look"
USE, COMPARE, MAINTAIN = "Train and use", "Compare", "Maintain"
GROUPS = (FIND, SEARCH, LOOK, USE, COMPARE, MAINTAIN)
"""The groups of commands, in the order of the help; `app.command_in(GROUP)` puts a command into one."""
WAY = (
    ("search", "search digits", "tries many networks; a minute"),
    ("train", "train RUN", "trains the best one and tests it"),
    ("predict", "predict RUN/model FILE", "uses it on your files"),
    ("export", "export RUN/model --to code", "makes it work without netwright"),
)
"""The way through the commands: a command, how it is typed, what it does."""
WIDEST = 80
"""Columns; longer lines are tiring to read."""
COLUMN = 28
"""Columns of the names of options; a longer name has a line of its own."""
INDENT = 2
DEFAULT = re.compile(r"\[default: ([^;\]]*)")
"""What typer adds to the text of an option."""
VALUES = {"<int range>": "N", "<int>": "N", "<float>": "X", "<float range>": "X", "<path>": "PATH", "<str>": "TEXT"}
"""What stands for a value of a type in the help."""

Entry = tuple[str, Text]
"""A name, and the text that explains it."""


class Command(TyperCommand):
    """A command with this help."""

    def format_help(self, ctx: typer.Context, formatter: object) -> None:  # type: ignore[override]
        """Print the help."""
        print_head(self, ctx)
        print_parameters(self, ctx)


def print_head(command: TyperCommand | TyperGroup, context: typer.Context) -> None:
    """Print the usage and the description; indented lines of the latter, such as examples, are not wrapped."""
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    _print_lines(Text.assemble(("Usage: ", "bold"), usage.replace("{", "").replace("}", "")), 0)
    print_title("")
    for stays, lines in groupby((command.help or "").splitlines(), lambda line: not line or line.startswith(" ")):
        if stays:
            for line in lines:
                Terminal(soft_wrap=True).print(Text(line), highlight=False)
        else:
            _print_lines(Text.from_markup(" ".join(lines)), 0)


def print_parameters(command: TyperCommand | TyperGroup, context: typer.Context) -> None:
    """Print arguments and options by their panels."""
    panels: dict[str, list[Entry]] = {"Arguments": [], "Options": []}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is None:
            continue
        usual = "Options" if isinstance(parameter, TyperOption) else "Arguments"
        panel = panels.setdefault(getattr(parameter, "rich_help_panel", None) or usual, [])
        names, meaning, described = record[0], record[1], getattr(parameter, "help", None) or ""
        for type_name, value in VALUES.items():
            names = names.replace(type_name, value if usual == "Options" else "").rstrip()
        is_required = usual == "Options" and "required" in meaning.removeprefix(described)
        default = DEFAULT.search(meaning.removeprefix(described))
        text = Text.from_markup(described)
        for sentence in ["Required"] * is_required + ([f"Default: {default[1]}"] if default else []):
            text = _as_sentence(text).append(f" {sentence}", style="dim")
        panel.append((names, _as_sentence(text)))
    for title, entries in panels.items():
        print_entries(title, entries, COLUMN)


def _as_sentence(text: Text) -> Text:
    return text if text.plain.endswith(".") else text.append(".")


def print_entries(title: str, entries: Sequence[Entry], column: int) -> None:
    """Print a title and entries, their texts beginning at `column`; nothing if there are no entries."""
    if not entries:
        return
    print_title(title)
    for name, meaning in entries:
        begin = Text(" " * INDENT).append(name, style="cyan")
        if len(begin) + 2 > column:
            Terminal(soft_wrap=True).print(begin, highlight=False)
            begin = Text("")
        _print_lines(meaning, column, begin)


def print_title(title: str) -> None:
    """Print an empty line and the title of a panel."""
    Terminal(soft_wrap=True).print(Text(f"\n{title}" if title else "", style="bold"), highlight=False)


def _print_lines(text: Text, column: int, begin: Text | None = None) -> None:
    """Wrap `text` into lines that begin at `column`; `begin` stands before the first one."""
    console = Terminal(soft_wrap=True)
    for line in text.wrap(console, max(20, min(WIDEST, console.width) - column)):
        line.rstrip()
        head = begin or Text("")
        console.print(head.append(" " * (column - len(head))).append_text(line), highlight=False)
        begin = None


def first_sentence(command: object) -> str:
    """Return what a command does, in one sentence."""
    return " ".join((getattr(command, "help", None) or "").split("\n\n")[0].split())


def group_of(command: object) -> str | None:
    """Return the group that lists a command; None for one that belongs to no group."""
    group = getattr(command, "rich_help_panel", None)
    return group if group in GROUPS else None


def print_commands(group: TyperGroup) -> None:
    """Print the way through the commands, and all commands by group."""
    steps = [(f"netwright {typed}", Text(what)) for name, typed, what in WAY if name in group.commands]
    print_entries("From data to a network at work", steps, 42)
    for title in GROUPS:
        listed = [
            (name, Text(first_sentence(each))) for name, each in group.commands.items() if group_of(each) == title
        ]
        print_entries(title, listed, 13)
