"""The typer application, and how errors become messages and exit codes.

Modules that bring torch are imported inside the commands, so `--help` and a mistyped option answer at once.
"""

import contextlib
import functools
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Annotated, ParamSpec

import typer
from rich.markup import escape
from typer.core import TyperGroup

from netwright.cli.help import Command, print_commands, print_head, print_parameters
from netwright.errors import NetwrightError, printable
from netwright.execution.signals import interruptible
from netwright.terminal import Terminal

Arguments = ParamSpec("Arguments")


class Commands(TyperGroup):
    """The commands. An error in their usage quotes arguments, such as file names, with control characters escaped."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Parse what stands before the command."""
        with _printable_usage():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        """Parse the command's arguments and run it."""
        with _printable_usage():
            return super().invoke(ctx)

    def format_help(self, ctx: typer.Context, formatter: object) -> None:  # type: ignore[override]
        """Print the way through the commands, and all commands by group."""
        print_head(self, ctx)
        print_commands(self)
        print_parameters(self, ctx)


@contextmanager
def _printable_usage() -> Iterator[None]:
    """Escape control characters in an error of typer, whose class is not public."""
    try:
        yield
    except Exception as error:
        if isinstance(message := getattr(error, "message", None), str):
            error.message = printable(message)  # type: ignore[attr-defined]
        raise


app = typer.Typer(
    name="netwright",
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "netwright searches for neural networks that do a task well: for images, language models, translators, or "
        "your own search space. `netwright COMMAND --help` explains a command."
    ),
)


def command_in(group: str, name: str | None = None) -> Callable[[Callable[Arguments, None]], Callable[Arguments, None]]:
    """Return a decorator that adds a command to a group of the help; its name is that of the function, or `name`.

    netwright's errors and Ctrl-C in the command become a message and an exit code.
    """

    def added(command: Callable[Arguments, None]) -> Callable[Arguments, None]:
        return app.command(name, cls=Command, rich_help_panel=group)(reporting(command))

    return added


def reporting(command: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """Turn netwright's errors and Ctrl-C into a message and an exit code.

    The text of a `KeyboardInterrupt` that a command raises says how to go on.
    """

    @functools.wraps(command)
    def reported(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        try:
            with interruptible(end_at_second=True):
                command(*args, **kwargs)
        except NetwrightError as error:
            Terminal(stderr=True, soft_wrap=True).print(f"[bold red]Error:[/] {escape(str(error))}", highlight=False)
            raise typer.Exit(error.exit_code) from None
        except OSError as error:
            _report_obstacle(error)
            raise typer.Exit(1) from None
        except KeyboardInterrupt as interruption:
            text = str(interruption) or "The same command continues what was begun"
            Terminal(stderr=True, soft_wrap=True).print(f"\nInterrupted. {text}", highlight=False, markup=False)
            for process in multiprocessing.active_children():  # Python would wait for them
                process.kill()
            raise typer.Exit(130) from None

    return reported


def _report_obstacle(error: OSError) -> None:
    """Print what the system refused; every file whose failure has a better remedy is reported where it is used."""
    if isinstance(error, BrokenPipeError):
        return
    where = printable(str(error.filename), one_line=True) if error.filename else "the output"
    message = f"Error: {where} cannot be used: {error.strerror or error}. What was stored before is kept"
    with contextlib.suppress(OSError):  # standard error may be what is full
        print(message, file=sys.stderr, flush=True)
    sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115, or Python would try to write the rest once more


def print_note(note: str) -> None:
    """Print a sentence beside the output of a command, on standard error."""
    Terminal(stderr=True, soft_wrap=True).print(note, highlight=False, markup=False)


@contextmanager
def interruption_explained(remedy: Callable[[], str]) -> Iterator[None]:
    """Give a Ctrl-C in the block the text of `remedy`, which is called when it happens."""
    try:
        yield
    except KeyboardInterrupt as interruption:
        raise type(interruption)(remedy()) from None


@app.callback(invoke_without_command=True)
def netwright(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    """The command without a subcommand; typer takes its help text from `app` above."""
    if show_version:
        print(f"netwright {version('netwright')}")
        raise typer.Exit


def main() -> None:
    """The entry point of the `netwright` command."""
    _open_missing_streams()
    app(prog_name="netwright")


def _open_missing_streams() -> None:
    """Open the null device for streams that are closed; the first opened files would take their numbers."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
