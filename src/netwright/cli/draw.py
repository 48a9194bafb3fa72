"""`netwright draw`."""

import json
from dataclasses import dataclass
from pathlib import Path

from netwright.architectures.families import Architecture, equations_of
from netwright.cli import options
from netwright.cli.app import command_in
from netwright.cli.help import LOOK
from netwright.cli.hints import opening, print_next
from netwright.drawing.any import drawable
from netwright.errors import ConfigError, RunError, command, unknown
from netwright.files import LARGEST_JSON, read_whole, utf8, write_whole
from netwright.terminal import Terminal

SUFFIXES = (".svg", ".png", ".tex")


@dataclass(frozen=True)
class Subject:
    """What is drawn, its title and note, and the default file of the picture."""

    architecture: Architecture
    title: str
    note: str
    file: Path


@command_in(LOOK)
def draw(what: options.DrawArgument, out: options.PictureOption = None, trial: options.DrawTrialOption = None) -> None:
    """Draw a network with its layers, filters and skip connections, or a recurrent cell with its equations.

    Examples:
        netwright draw nas-cnn-15 -o nas-cnn-15.png
        netwright draw nas-cell -o nas-cell.tex
        netwright draw runs/digits-reinforce-seed0 --trial 90
    """
    subject = _subject(what, trial)
    file = out or subject.file
    write_whole(file, _content(subject, file))
    print_line = Terminal(soft_wrap=True).print
    print_line(f"{subject.title}: {file}", highlight=False, markup=False)
    if equations := equations_of(subject.architecture, "text"):
        print_line(equations, highlight=False, markup=False)
    print_next(opening(file))


def _content(subject: Subject, file: Path) -> bytes:
    """The content of `file`, in the form that its suffix names."""
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
        return utf8(f"{equations}\n")
    svg = drawing(subject.architecture, title=subject.title, note=subject.note, style=Style(adaptive=suffix == ".svg"))
    return svg_to_png(svg) if suffix == ".png" else utf8(svg)


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
            f"drawn; `{command('show', folder, '--json')}` prints it"
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
        document = json.loads(read_whole(path, LARGEST_JSON))
        # The best trial of `show --json` and its like hold the architecture among other things.
        inner = document.get("architecture", document) if isinstance(document, dict) else document
        architecture = drawable(inner)
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}; expected a file with what `netwright show RUN --json` lists"
        ) from None
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
