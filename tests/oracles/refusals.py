"""What a command says when it refuses, and what a run keeps: what tests of the command line share."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from netwright.searching.store import FILE_NAME, Store
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


def rewards(folder: Path) -> list[float | None]:
    with Store.read(folder) as stored:
        return [trial.reward for trial in stored.trials() if trial.state is TrialState.DONE]


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / FILE_NAME).read_bytes()).hexdigest()
