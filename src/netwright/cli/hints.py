"""What can be typed next, printed at the end of a command: on standard error, as standard output is for results."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from rich.text import Text

from netwright.config.children import ChildSettings, EvaluateSettings
from netwright.config.run import FROM_PYTHON
from netwright.drawing.any import drawable
from netwright.errors import command, printable
from netwright.searching.results import Results
from netwright.terminal import Terminal

KINDS: Mapping[str, type[ChildSettings]] = {
    each.model_fields["kind"].default: each for each in get_args(EvaluateSettings)
}


def print_next(*lines: str) -> None:
    """Print command lines, the most useful one first; nothing where there is none."""
    for number, line in enumerate(lines):
        shown = Text(f"{'or: ' if number else 'next:'} {printable(line)}", style="dim")
        Terminal(stderr=True, soft_wrap=True).print(shown, highlight=False)


def opening(page: object) -> str:
    """Return the line that opens a file with the program that the desktop has for it."""
    return shlex.join(["open" if sys.platform == "darwin" else "xdg-open", str(page)])


def after_run(results: Results, folder: Path) -> list[str]:
    """Return what can be done with a run: go on with it, train its best network, confirm it, draw it."""
    lines, kind, is_loadable = [], KINDS[results.config["evaluate"]["kind"]], results.config["recipe"] != FROM_PYTHON
    if results.state == "interrupted" and is_loadable:
        lines.append(command("resume", folder))
    best = results.top(1)
    if best and is_loadable and kind.trains is not None:
        lines.append(command("train", folder))
    if best and is_loadable and kind.cannot_confirm is None and not results.confirmed:
        lines.append(command("confirm", folder))
    if best and drawable(best[0].proposal.architecture) is not None:
        lines.append(command("draw", folder))
    return lines
