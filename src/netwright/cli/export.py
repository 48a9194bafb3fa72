"""`netwright export`."""

import importlib.util
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from netwright.cli import options
from netwright.cli.app import command_in, print_note
from netwright.cli.help import USE
from netwright.cli.hints import print_next
from netwright.errors import ConfigError, install
from netwright.files import check_own_file
from netwright.terminal import Terminal

if TYPE_CHECKING:
    from netwright.final_training.quantised_export import QuantisedExport

FormOption = Annotated[
    Literal["code", "onnx", "optuna"],
    typer.Option(
        "--to",
        help="code: a Python file that needs only torch; onnx: a file for other runtimes, of a language model one "
        "step with its states; optuna: a study for optuna-dashboard.",
    ),
]


Int8Option = Annotated[
    bool,
    typer.Option("--int8", help="With --to onnx: compute in 8 bits, calibrated on the training images of --data."),
]
ImagesOption = Annotated[
    Path | None, typer.Option("--data", help="With --int8: images with the classes of the network, or a task's files.")
]
ImagesTaskOption = Annotated[
    str | None, typer.Option("--task", help="With --int8: an official task. [dim]Default: that of the training[/]")
]


@command_in(USE)
def export(
    model: options.ModelArgument,
    form: FormOption,
    target: options.ExportOption = None,
    int8: Int8Option = False,
    data: ImagesOption = None,
    task: ImagesTaskOption = None,
    trust_code: options.TrustCodeOption = False,
) -> None:
    """Write a trained network, or a whole run, in a form that works without netwright.

    Examples:
        netwright export runs/digits-reinforce-seed0/model --to code -o digits.py
        python digits.py photograph.png
        netwright export models/nas-cell --to code -o cell.py
        python cell.py "the company said" --sample 20
        netwright export RUN/model --to onnx --int8 --data photographs
        netwright export RUN --to optuna -o sqlite:///studies.db
    """
    console = Terminal(soft_wrap=True)
    if form != "onnx" and int8:
        raise ConfigError(f"--int8 is for --to onnx, and this is --to {form}; leave it out")
    if not int8 and (data is not None or task is not None):
        raise ConfigError("--data and --task name the images for --int8; give that too, or leave them out")
    named = model if model.name not in ("", "..") else model.resolve()  # "." has no name of its own
    if form == "optuna":
        num_new, url = _mirrored(model, target, trust_code=trust_code)
        study = model.resolve().name
        console.print(f"{num_new} new trials in the study {study} of {url}", highlight=False, markup=False)
        print_next(shlex.join(["optuna-dashboard", url]))
    elif form == "code":
        from netwright.models.export_code import export_code

        name = re.sub(r"\W", "_", named.name)
        path, weights = export_code(model, Path(target) if target else named.parent / f"{name}.py")
        console.print(
            f"{path} with its weights in {weights}: keep them together. {_use_of_code(model)}",
            highlight=False,
            markup=False,
        )
        print_next(f"{shlex.join(['python', str(path)])} {'IMAGE' if _reads_images(model) else 'TEXT'}")
    elif int8:
        from netwright.final_training.quantised_export import export_int8

        path = Path(target) if target else named.parent / f"{named.name}-int8.onnx"
        console.print(_int8_in_words(export_int8(model, path, data, task)), highlight=False, markup=False)
    else:
        from netwright.models.export_onnx import export_onnx

        path = export_onnx(model, Path(target) if target else named.parent / f"{named.name}.onnx")
        console.print(f"{path}: {_use_of_onnx(model)}", highlight=False, markup=False)


def _int8_in_words(done: "QuantisedExport") -> str:
    before, after = done.float32, done.int8
    return (
        f"{done.path}: uint8 images in, logits out, computed in int8\n"
        f"accuracy {after.accuracy:.4f} in int8, {before.accuracy:.4f} in float32 on {done.num_images:,} test images "
        f"of {done.data}: a loss of {before.accuracy - after.accuracy:.4f}\n"
        f"{after.images_per_second:,.0f} images a second in int8, {before.images_per_second:,.0f} in float32 here; "
        f"{done.int8_bytes:,} and {done.float32_bytes:,} bytes"
    )


def _use_of_code(model: Path) -> str:
    if _reads_images(model):
        return "It prints the class of each image that it is given, and needs torch and pillow."
    return "It prints the perplexity of a text, and with --sample N a continuation, and needs torch."


def _use_of_onnx(model: Path) -> str:
    if _reads_images(model):
        return "uint8 images in, logits out"
    return (
        "one step: int64 tokens [batch] and the states before it in, logits and the states after it out. Its metadata "
        "has the first states and the vocabulary as JSON"
    )


def _reads_images(model: Path) -> bool:
    from netwright.models.folder import kind_of, read_description

    return kind_of(read_description(model)) == "images"


def _mirrored(run: Path, storage_url: str | None, *, trust_code: bool) -> tuple[int, str]:
    """Write a run into a storage of Optuna; return the number of new trials and the URL of the storage."""
    if importlib.util.find_spec("optuna") is None:
        raise ConfigError(f"--to optuna needs Optuna, not installed here: {install('optuna')}")
    from netwright.integrations.optuna.mirroring import mirror

    if storage_url is None:
        for suffix in ("", "-journal", "-wal", "-shm"):
            check_own_file(run / f"optuna.db{suffix}")
        storage_url = f"sqlite:///{run / 'optuna.db'}"
    return mirror(run, storage_url, trust_code=trust_code, on_note=print_note), storage_url
