"""What can be typed next, printed at the end of a command: on standard error, as standard output is for results."""

import shlex
import sys
from pathlib import Path

from rich.text import Text

from netwright.errors import printable
from netwright.report.next_commands import next_commands
from netwright.searching.results import Results
from netwright.searching.trained_model import trained_in
from netwright.terminal import Terminal


def print_next(*lines: str) -> None:
    """Print command lines, the most useful one first; nothing where there is none."""
    for number, line in enumerate(lines):
        shown = Text(f"{'or: ' if number else 'next:'} {printable(line)}", style="dim")
        Terminal(stderr=True, soft_wrap=True).print(shown, highlight=False)


def opening(page: object) -> str:
    """Return the line that opens a file with the program that the desktop has for it."""
    return shlex.join(["open" if sys.platform == "darwin" else "xdg-open", str(page)])


def after_run(results: Results, folder: Path) -> list[str]:
    """Return the command lines that can follow a run."""
    return [each.line for each in next_commands(results, folder, trained_in(folder))]
