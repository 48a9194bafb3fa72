"""The page of a trained network for images: what it does on its test images, as one HTML file."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import UndefinedError

from netwright.architectures.values import JsonObject
from netwright.errors import DataError, command
from netwright.files import LARGEST_JSON, read_whole, utf8, write_whole
from netwright.models.names import DESCRIPTION, PAGE, WORST_ERRORS
from netwright.report.html import render
from netwright.report.next_commands import NextCommand
from netwright.report.sections import tested_tiles

MAX_CLASSES = 50
"""Of the confusion matrix; one of more classes cannot be read on a page, and the table of classes says the rest."""
STYLES = """
.share { display: inline-block; width: 140px; height: 10px; margin-left: 6px; border-radius: 5px;
  background: var(--soft); }
.share i { display: block; height: 100%; border-radius: 5px; background: var(--blue); }
.share i.precision { background: var(--accent); }
table.confusion { width: auto; } table.confusion td { text-align: right; min-width: 40px; }
table.confusion thead th + th { text-align: right; }
table.confusion th[scope=row] { background: var(--soft); position: sticky; left: 0; }
table.confusion td { background: color-mix(in srgb, var(--cell) calc(var(--depth) * 60%), transparent); }
@media (max-width: 700px) { .share { width: 60px; } }
.errors { display: grid; grid-template-columns: repeat(auto-fill, minmax(132px, 1fr)); gap: 14px; }
.errors figure { margin: 0; }
.errors img { width: 100%; aspect-ratio: 1; object-fit: contain; background: var(--soft); border-radius: 8px;
  image-rendering: pixelated; }
"""


@dataclass(frozen=True)
class Cell:
    """A number of the confusion matrix; `depth` is its share of the row, and the diagonal has another colour."""

    count: int
    depth: float
    correct: bool


def write_model_page(folder: Path) -> Path | None:
    """Write model.html into the folder of a trained network, from its model.json and worst_errors.json.

    Returns:
        The path of the page; None for a model without the figures that the page shows, as of another kind or from an
        older netwright.

    Raises:
        DataError: A file of the folder is damaged.
        ConfigError: The page cannot be written.
    """
    model = _read(folder / DESCRIPTION)
    if not isinstance(model, dict) or "confusion_matrix" not in model.get("metrics", {}):
        return None
    errors = _read(folder / WORST_ERRORS) if (folder / WORST_ERRORS).exists() else []
    target = folder / PAGE
    try:
        content = page(model, errors if isinstance(errors, list) else [], folder)
    except (KeyError, TypeError, ValueError, AttributeError, UndefinedError) as error:
        raise DataError(f"{folder / DESCRIPTION} cannot be shown as a page: {error!r}; train the model anew") from None
    write_whole(target, utf8(content))
    return target


def page(model: JsonObject, errors: Sequence[JsonObject], folder: Path) -> str:
    """Render the page of a model.

    Args:
        model: The content of model.json.
        errors: That of worst_errors.json.
        folder: The model's folder, for the commands that the page proposes.
    """
    metrics = model["metrics"]
    names = [str(each["name"]) for each in metrics["per_class"]]
    return render(
        "report/model.html.jinja",
        [],
        styles=STYLES,
        commands=[
            NextCommand("Name the classes of other images", command("predict", folder, "FOLDER")),
            NextCommand("Test it on other images of the same classes", command("test", folder, "--data", "FOLDER")),
            NextCommand("Write it for another runtime", command("export", folder, "--to", "onnx")),
        ],
        tiles=tested_tiles(model),
        model=model,
        metrics=metrics,
        names=names,
        classes=metrics["per_class"],
        confusion=_cells(metrics["confusion_matrix"]) if len(names) <= MAX_CLASSES else [],
        bins=_bins(metrics["calibration"]),
        errors=[each for each in errors if str(each["png"]).isascii()],
        confused=_most_confused(metrics["confusion_matrix"], names),
    )


def _read(path: Path) -> object:
    try:
        found: object = json.loads(read_whole(path, LARGEST_JSON))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read: {error}; copy the folder again, or train the model anew") from None
    return found


def _cells(matrix: Sequence[Sequence[int]]) -> list[list[Cell]]:
    return [
        [Cell(count, count / max(1, sum(row)), column == number) for column, count in enumerate(row)]
        for number, row in enumerate(matrix)
    ]


def _bins(calibration: Sequence[tuple[int, float, float]]) -> list[JsonObject]:
    """Return the bins that have images, as shares from 0 to 1."""
    return [
        {"count": count, "confidence": confidence, "accuracy": accuracy}
        for count, confidence, accuracy in calibration
        if count
    ]


def _most_confused(matrix: Sequence[Sequence[int]], names: Sequence[str], most: int = 5) -> list[tuple[int, str, str]]:
    """Return the most frequent errors: (number of images, true class, named class)."""
    errors = [
        (count, names[row], names[column])
        for row, counts in enumerate(matrix)
        for column, count in enumerate(counts)
        if row != column and count
    ]
    return sorted(errors, key=lambda each: -each[0])[:most]
