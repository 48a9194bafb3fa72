"""`netwright predict`."""

import csv
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netwright.cli.app import command_in, interruption_explained, print_note
from netwright.cli.help import USE
from netwright.errors import ConfigError, DataError, command, printable
from netwright.terminal import Terminal

if TYPE_CHECKING:
    from netwright.models.prediction import Prediction
    from netwright.models.trained import TrainedNetwork

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
"""Of the files of a folder that are read; a file that is named itself is read whatever its name is."""

ModelArgument = Annotated[
    Path, typer.Argument(metavar="MODEL", help="The folder of a network for images.", show_default=False)
]
PicturesArgument = Annotated[
    list[Path], typer.Argument(metavar="FILE|FOLDER", help="Pictures, or folders with pictures.", show_default=False)
]
CsvOption = Annotated[bool, typer.Option("--csv", help="Print a table: file, rank, class, probability.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print a JSON list with an object for each file.")]
TopOption = Annotated[int, typer.Option("--top", min=1, help="Number of classes for each picture.")]
TrustOption = Annotated[
    bool, typer.Option("--trust-code", help="Run the function of yours that the network is built by.")
]


@command_in(USE)
def predict(
    model: ModelArgument,
    pictures: PicturesArgument,
    as_csv: CsvOption = False,
    as_json: JsonOption = False,
    top: TopOption = 1,
    trust_code: TrustOption = False,
) -> None:
    """Name the class of pictures with a trained network.

    Pictures of any size are read as the training images were. Of a folder, all files below it with the suffix of an
    image format are read. A file that cannot be read is reported and left out; the exit code is then 1.

    Examples:
        netwright predict runs/images-reinforce-seed0/model photograph.jpg --top 3
        netwright predict runs/images-reinforce-seed0/model photographs --csv
    """
    from netwright.models.folder import load
    from netwright.models.prediction import predictions
    from netwright.models.trained import TrainedNetwork

    if as_csv and as_json:
        raise ConfigError("--csv and --json exclude each other; give one of them")
    network = load(model, trust_code=trust_code)
    if not isinstance(network, TrainedNetwork):
        raise ConfigError(
            f"{model} is no network for images; "
            f"`{command('train', 'resnet-20', '--task', 'images', '--data', 'FOLDER')}` trains one, for example"
        )
    files = _files(pictures)
    print_one, end = _printer(network, as_csv=as_csv, as_json=as_json)
    num_read = num_unreadable = 0
    with interruption_explained(lambda: f"{num_read:,} of {len(files):,} files were read"), _bar(len(files)) as advance:
        for each in predictions(network, files, top):
            num_read += 1
            num_unreadable += each.error is not None
            if each.error is not None:
                print_note(f"left out: {each.error}")
            print_one(each)
            advance()
        end()
    if num_unreadable:
        print_note(f"{num_unreadable:,} of {len(files):,} files could not be read")
        raise typer.Exit(1)


def _files(pictures: list[Path]) -> list[Path]:
    """Return the files in their order, those of a folder sorted by path; `DataError` if there is none."""
    found: list[Path] = []
    for path in pictures:
        if not path.is_dir():
            found.append(path)
            continue
        inside = [each for each in path.rglob("*") if each.suffix.lower() in SUFFIXES and not each.is_dir()]
        if not inside:
            raise DataError(f"{path} has no file with the suffix of an image format: {', '.join(sorted(SUFFIXES))}")
        found += sorted(inside)
    return found


def _printer(
    network: "TrainedNetwork", *, as_csv: bool, as_json: bool
) -> tuple[Callable[["Prediction"], None], Callable[[], None]]:
    """Return what prints a prediction, and what is called after the last one."""
    if as_csv:
        table = csv.writer(sys.stdout, lineterminator="\n")
        table.writerow(["file", "rank", "class", "probability"])

        def print_rows(each: "Prediction") -> None:
            for rank, (name, probability) in enumerate(each.named, 1):
                table.writerow([printable(str(each.picture)), rank, printable(name), f"{probability:.6f}"])

        return print_rows, lambda: None
    if as_json:
        separators = iter(["[\n"])

        def print_object(each: "Prediction") -> None:
            named = [{"class": name, "probability": probability} for name, probability in each.named]
            content = {"predictions": named} if each.error is None else {"error": each.error}
            print(next(separators, ",\n") + json.dumps({"file": str(each.picture), **content}), end="")

        return print_object, lambda: print(next(separators, "\n") + "]")
    console = Terminal(soft_wrap=True)

    def print_line(each: "Prediction") -> None:
        if each.error is None:
            named = ", ".join(f"{name} ({probability:.3f})" for name, probability in each.named)
            console.print(f"{printable(str(each.picture), one_line=True)}: {named}", highlight=False, markup=False)

    return print_line, lambda: None


@contextmanager
def _bar(total: int) -> Iterator[Callable[[], None]]:
    """Show a bar on standard error where that is a terminal and standard output is not; yield what advances it."""
    from rich.progress import Progress

    console = Terminal(stderr=True)
    if not console.is_terminal or sys.stdout.isatty():
        yield lambda: None
        return
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("pictures", total=total)
        yield lambda: progress.advance(task)
