"""The trained and tested model of a run, if there is one: what `show` and the report say of it."""

import json
from dataclasses import dataclass
from pathlib import Path

from netwright.architectures.values import JsonObject
from netwright.evaluation.model_tests import test_lines
from netwright.files import LARGEST_JSON, read_whole
from netwright.models.names import DESCRIPTION

FOLDER = "model"
"""The folder in a run's folder that `netwright train RUN` writes."""


@dataclass(frozen=True)
class TrainedModel:
    """A model's folder, where its architecture is from, its test in lines for people, and its model.json."""

    folder: Path
    origin: str
    lines: tuple[str, ...]
    document: JsonObject


def trained_in(run: Path) -> TrainedModel | None:
    """Return the model in RUN/model; None if there is none, or none that can be read."""
    folder = run / FOLDER
    try:
        model = json.loads(read_whole(folder / DESCRIPTION, LARGEST_JSON))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(model, dict) or not (lines := test_lines(model)):
        return None
    return TrainedModel(folder, str(model.get("origin")), tuple(lines), model)
