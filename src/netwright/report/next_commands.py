"""What can be typed after a run, the most useful command first."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from netwright.config.children import ChildSettings, EvaluateSettings, ImageSettings, TextSettings, TranslationSettings
from netwright.config.run import FROM_PYTHON
from netwright.drawing.any import drawable
from netwright.errors import command
from netwright.searching.results import Results
from netwright.searching.trained_model import TrainedModel

KINDS: Mapping[str, type[ChildSettings]] = {
    each.model_fields["kind"].default: each for each in get_args(EvaluateSettings)
}

USES: Mapping[type[ChildSettings], tuple[str, tuple[str, ...]]] = {
    ImageSettings: ("Name the classes of other images", ("predict", "FOLDER")),
    TextSettings: ("Continue a text with the trained network", ("generate",)),
    TranslationSettings: ("Translate sentences with the trained network", ("translate", "FILE")),
}
"""What a trained network of a kind is for: in words, and the command with what follows the model's folder."""


@dataclass(frozen=True)
class NextCommand:
    """A command line and what it is for."""

    purpose: str
    line: str


def next_commands(results: Results, folder: Path, model: TrainedModel | None) -> list[NextCommand]:
    """Return what can be done with a run: go on with it, train or use its best network, confirm it, draw it."""
    found, kind, is_loadable = [], KINDS[results.config["evaluate"]["kind"]], results.config["recipe"] != FROM_PYTHON
    best = results.top(1)
    if results.state == "interrupted" and is_loadable:
        found.append(NextCommand("Go on with the search", command("resume", folder)))
    if model is not None and kind in USES:
        purpose, words = USES[kind]
        found.append(NextCommand(purpose, command(words[0], model.folder, *words[1:])))
    elif best and is_loadable and kind.trains is not None:
        found.append(NextCommand("Train the best network to the end and test it once", command("train", folder)))
    if best and is_loadable and kind.cannot_repeat is None and not results.confirmed:
        found.append(NextCommand("Retrain the best networks with fresh seeds", command("confirm", folder)))
    if best and drawable(best[0].proposal.architecture) is not None:
        found.append(NextCommand("Draw the best network", command("draw", folder)))
    return found
