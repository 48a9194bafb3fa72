"""`netwright runs`."""

import json
import os
import shutil
import stat
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from netwright.cli import options
from netwright.cli.app import command_in
from netwright.cli.help import LOOK
from netwright.cli.hints import print_next
from netwright.errors import ConfigError, StoreError, command
from netwright.files import locked
from netwright.searching.results import Results
from netwright.searching.store import FILE_NAME, Store
from netwright.terminal import Terminal


@dataclass(frozen=True)
class Listed:
    """A run in the list."""

    name: str
    state: str
    """finished, running, interrupted, or why the run cannot be read."""
    recipe: str
    strategy: str
    trials: str
    best: str
    size: int
    """Of all files in the folder, in bytes."""
    changed: float
    """When the store was written last, in seconds since 1970."""


@command_in(LOOK)
def runs(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The folder that holds the runs. [dim]Default: runs[/]")
    ] = Path("runs"),
    delete: Annotated[
        list[str] | None,
        typer.Option("--delete", metavar="NAME", help="Delete this run with all that its folder holds. Repeatable."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete without a question.")] = False,
    as_json: options.JsonOption = False,
) -> None:
    """List the runs in a folder with their states, best results and sizes, or delete some of them.

    A run that a search is writing is not deleted, nor anything that is no run.

    Examples:
        netwright runs
        netwright runs --delete digits-reinforce-seed0 --delete digits-random-seed0
    """
    if delete:
        _delete([_deletable(folder, name) for name in dict.fromkeys(delete)], yes=yes)
        return
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder}; `{command('search', 'digits')}` makes runs in the folder runs")
    found = sorted((_listed(each) for each in folder.iterdir() if _is_run(each)), key=lambda run: -run.changed)
    if as_json:
        print(json.dumps([asdict(run) for run in found], indent=1))
        return
    _print(found)
    print_next(*(command("show", folder / run.name) for run in found[:1]))


def _is_run(folder: Path) -> bool:
    """Return whether a run's store is in this folder, which is no link."""
    try:
        return stat.S_ISDIR(folder.lstat().st_mode) and stat.S_ISREG((folder / FILE_NAME).lstat().st_mode)
    except OSError:
        return False


def _listed(folder: Path) -> Listed:
    size, changed = _size(folder), (folder / FILE_NAME).lstat().st_mtime
    try:
        with Store.read(folder) as store:
            results = Results.of(store)
    except StoreError as error:
        return Listed(folder.name, f"unreadable: {error}", "", "", "", "", size, changed)
    ended, total = sum(trial.state.finished for trial in results.counted), results.config["num_trials"]
    score, quality = results.best_score, results.quality
    best = "" if score is None else f"{quality.short_name} {quality(score):.4f}"
    recipe, strategy = results.recipe, results.config["strategy"]["name"]
    return Listed(folder.name, results.state, recipe, strategy, f"{ended:,} of {total:,}", best, size, changed)


def _size(folder: Path) -> int:
    """Return the bytes of all files in a folder, without what links lead to."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(place) / name).lstat().st_size
            except OSError:  # a search has just removed it
                continue
    return total


def _print(found: Sequence[Listed]) -> None:
    from netwright.cli.tables import print_table

    headers = ["run", "state", "recipe", "strategy", "trials", "best (optimistic)", "size", "last change"]
    rows = [
        [run.name, run.state, run.recipe, run.strategy, run.trials, run.best, in_megabytes(run.size),
         time.strftime("%Y-%m-%d %H:%M", time.localtime(run.changed))]
        for run in found
    ]  # fmt: skip
    print_table(Terminal(), headers, rows)


def in_megabytes(size: int) -> str:
    """Format bytes as megabytes, with one digit after the point."""
    return f"{size / 1e6:,.1f} MB"


def _deletable(folder: Path, name: str) -> Path:
    """Return the folder of the run `name`; raise `ConfigError` if there is no such run in `folder`."""
    run = folder / name
    if Path(name).name != name or name == "..":
        raise ConfigError(f"--delete {name}: give the name of a run in {folder}, without a path")
    if run.is_symlink():
        raise ConfigError(f"--delete {name}: {run} is a link, which is not followed; remove it yourself")
    if not _is_run(run):
        raise ConfigError(f"--delete {name}: {run} is no run; `{command('runs', folder)}` lists the runs")
    return run


def _delete(found: Sequence[Path], *, yes: bool) -> None:
    """Delete runs while no other process can write them, and print what was freed."""
    with ExitStack() as locks:
        for run in found:
            locks.callback(locked(run).release)
        sizes = [_size(run) for run in found]
        if not yes:
            _ask(found, sum(sizes))
        for run, size in zip(found, sizes, strict=True):
            shutil.rmtree(run)
            Terminal(soft_wrap=True).print(f"deleted {run}: {in_megabytes(size)}", highlight=False, markup=False)


def _ask(found: Sequence[Path], size: int) -> None:
    """Ask on a terminal whether to delete; raise `ConfigError` where there is none, and `typer.Abort` after a no."""
    if not sys.stdin.isatty():
        raise ConfigError("deleting needs a yes, and there is no terminal to ask for it; add --yes")
    names = ", ".join(str(run) for run in found)
    typer.confirm(f"Delete {names} with all that is in it ({in_megabytes(size)})?", abort=True, err=True)
