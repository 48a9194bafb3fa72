"""`netwright translate`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from netwright.cli.app import command_in, interruption_explained
from netwright.cli.help import USE
from netwright.errors import ConfigError, DataError, command
from netwright.files import write_whole
from netwright.terminal import Terminal

TogetherOption = Annotated[
    int, typer.Option("--batch", min=1, help="Lines that are translated at once; their results are printed together.")
]


@command_in(USE)
def translate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="The folder of a translator.", show_default=False)],
    source: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="A text with a sentence in every line. [dim]Default: standard input[/]"),
    ] = None,
    target: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="[dim]Default: standard output[/]")
    ] = None,
    beam_size: Annotated[
        int | None,
        typer.Option("--beam", min=1, help="Hypotheses kept at every step. [dim]Default: as it was tested[/]"),
    ] = None,
    batch: TogetherOption = 50,
) -> None:
    """Translate lines of text with a trained translator; an empty line stays empty.

    Examples:
        echo "A man rides a bicycle." | netwright translate models/gnmt
        netwright translate models/gnmt captions.en -o captions.de
    """
    from netwright.models.folder import load
    from netwright.models.translator import TrainedTranslator

    translator = load(model)
    if not isinstance(translator, TrainedTranslator):
        raise ConfigError(
            f"{model} is no translator; `{command('train', 'gnmt', '--task', 'multi30k')}` trains one, for example"
        )
    lines = _lines(source)
    translator.check(lines)
    console = Terminal(soft_wrap=True)
    translated: list[str] = []
    with interruption_explained(lambda: f"{len(translated):,} of {len(lines):,} lines were translated"):
        for begin in range(0, len(lines), batch):
            translated += (found := translator(lines[begin : begin + batch], beam_size=beam_size))
            if target is None:
                for line in found:
                    console.print(line, highlight=False, markup=False)
    if target is not None:
        write_whole(target, "".join(f"{line}\n" for line in translated).encode())


def _lines(source: Path | None) -> list[str]:
    """Return the lines of a file or of standard input, without their ends."""
    from netwright.tasks.files import decoded, read_bytes

    if source is None:
        content, name = sys.stdin.buffer.read(), Path("standard input")
        if not content:
            raise DataError("standard input is empty; expected a text with a sentence in every line")
    else:
        content, name = read_bytes(source), source
    return decoded(name, content).removesuffix("\n").split("\n")
