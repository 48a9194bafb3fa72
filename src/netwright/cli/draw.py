"""What a run or an architecture looks like: `netwright draw`, `netwright report`."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from netwright.architectures.families import Architecture, equations_of
from netwright.drawing.any import drawable
from netwright.errors import ConfigError, NetwrightError, RunError, unknown

if TYPE_CHECKING:
    from netwright.searching.results import Results

SUFFIXES = (".svg", ".png", ".tex")


@dataclass(frozen=True)
class Subject:
    """What is drawn, the words above it, and the file where it goes unless -o says otherwise."""

    architecture: Architecture
    title: str
    note: str
    file: Path


def draw(
    what: Annotated[
        str,
        typer.Argument(
            metavar="RUN|FILE.json|NAME",
            help="A run's folder, an architecture's JSON, or a published network or cell: nas-cnn-15, nas-cell, "
            "nas-max-cell, lstm-cell.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="FILE.svg or FILE.png; FILE.tex for a cell's equations. [dim]Default: RUN/best.svg or NAME.svg[/]",
        ),
    ] = None,
    trial: Annotated[
        int | None, typer.Option("--trial", min=0, help="This trial of a run instead of its best one.")
    ] = None,
) -> None:
    """Draw a network, its layers, filters and skip connections, or a recurrent cell; of a cell print the equations too.

    netwright draw nas-cnn-15 -o nas-cnn-15.png
    netwright draw nas-cell -o nas-cell.tex
    netwright draw runs/digits-reinforce-seed0 --trial 90
    """
    from netwright.files import write_whole

    subject = _subject(what, trial)
    file = out or subject.file
    write_whole(file, _content(subject, file))
    print_line = Console(soft_wrap=True).print
    print_line(f"{subject.title}: {file}", highlight=False, markup=False)
    if equations := equations_of(subject.architecture, "text"):
        print_line(equations, highlight=False, markup=False)


def _content(subject: Subject, file: Path) -> bytes:
    """What goes into `file`, by its suffix."""
    from netwright.drawing.any import draw as drawing
    from netwright.drawing.png import svg_to_png
    from netwright.drawing.svg import Style

    suffix = file.suffix.lower()
    if suffix not in SUFFIXES:
        raise ConfigError(f"{file} is neither .svg nor .png nor .tex; choose -o FILE.svg or -o FILE.png")
    if suffix == ".tex":
        equations = equations_of(subject.architecture, "latex")
        if equations is None:
            raise ConfigError(
                f"{file}: only a recurrent cell has equations, and {subject.title} is a convolutional network; choose "
                "-o FILE.svg or -o FILE.png"
            )
        return f"{equations}\n".encode()
    svg = drawing(subject.architecture, title=subject.title, note=subject.note, style=Style(adaptive=suffix == ".svg"))
    return svg_to_png(svg) if suffix == ".png" else svg.encode()


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder, as --out named it.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="FILE.html. [dim]Default: RUN/report.html[/]")
    ] = None,
) -> None:
    """Write the run's report: one HTML file that opens anywhere, also while the search goes on.

    Rewards, what the controller has come to prefer, the best networks drawn, all trials, failures, settings.
    """
    from netwright.report.page import write_report

    Console(soft_wrap=True).print(f"Report: {write_report(run, out)}", highlight=False, markup=False)


def report_at_end(console: Console, results: "Results", folder: Path) -> None:
    """Write the report of a run that has come to its end, and say where it is and how to draw."""
    from netwright.report.page import write_report

    has_picture = any(drawable(trial.proposal.architecture) is not None for trial in results.top(1))
    try:
        said = f"Report: {write_report(folder)}"
        said += f" (a picture of the best: netwright draw {shlex.quote(str(folder))})" if has_picture else ""
    except NetwrightError as error:  # a full disk, say: what was searched stays found
        said = f"No report could be written: {error}"
    console.print(said, highlight=False, markup=False, soft_wrap=True)


def _subject(what: str, trial: int | None) -> Subject:
    path = Path(what)
    if path.is_dir():
        return _of_run(path, trial)
    if trial is not None:
        raise ConfigError(f"--trial is for a run's folder, and {what} is none")
    if path.is_file() or path.suffix == ".json":
        return _of_file(path)
    return _of_zoo(what)


def _of_run(folder: Path, number: int | None) -> Subject:
    from netwright.searching.results import Results
    from netwright.searching.store import Store

    with Store.read(folder) as store:
        results = Results.of(store)
        with store.understood():
            if number is None:
                if not results.top(1):
                    raise RunError(f"{folder}: no trial was measured yet, so there is no best one; --trial N draws any")
                trial = results.best
            elif number < len(results.trials):
                trial = results.trials[number]
            else:
                raise ConfigError(f"{folder} has no trial {number}; its trials are 0 to {len(results.trials) - 1}")
            architecture = drawable(trial.proposal.architecture)
    if architecture is None:
        raise ConfigError(
            f"trial {trial.number} of {folder} is neither a ConvNet nor a recurrent cell, which are what can be "
            f"drawn; `netwright show {folder}` prints it"
        )
    confirmed = results.confirmed.get(trial.fingerprint)
    metric = results.score_name.replace("_", " ")
    note = f"{trial.state}, not measured"
    if confirmed is not None and confirmed.scores:
        note = f"{metric} confirmed {confirmed}"
    elif results.score_name in trial.metrics:
        note = f"search's {metric} {trial.metrics[results.score_name]:.4f}"
    name = results.recipe.rpartition(":")[2]
    file = folder / ("best.svg" if number is None else f"trial-{number}.svg")
    return Subject(architecture, f"{name}, trial {trial.number}", note, file)


def _of_file(path: Path) -> Subject:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        # The best trial of `show --json` and its like hold the architecture among other things.
        inner = document.get("architecture", document) if isinstance(document, dict) else document
        architecture = drawable(inner)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not JSON ({error}); expected what `netwright show RUN --json` lists") from None
    if architecture is None:
        raise ConfigError(
            f'{path} holds neither a convolutional network, {{"type": "ConvNet", "layers": [...]}}, nor a recurrent '
            'cell, {"type": "RecurrentCell", "nodes": [...], ...}, which are what can be drawn'
        )
    return Subject(architecture, path.stem, "", Path(f"{path.stem}.svg"))


def _of_zoo(name: str) -> Subject:
    from netwright.architectures.published import PUBLISHED

    key = name.replace("_", "-")
    if key not in PUBLISHED:
        raise ConfigError(
            f"{unknown('network or cell', name, PUBLISHED)}; a run's folder and FILE.json can be drawn too"
        )
    return Subject(PUBLISHED[key](), key, "", Path(f"{key}.svg"))
