"""A final training that lasts a number of minutes: as many epochs as fit into them on this machine.

candidate = lasting(minutes, candidates, training, folder)   # chooses the epochs, or finds them in the folder
keep_epochs(minutes, candidate, folder)                      # for the call that continues the training
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from netwright.architectures.values import JsonObject, fingerprint_of_json, to_json
from netwright.errors import ConfigError, DataError
from netwright.files import LARGEST_JSON, read_whole, replace_whole
from netwright.final_training.interface import Candidate, FinalTraining

CHOSEN = "minutes.json"
"""In the folder of unfinished parts."""


def lasting(minutes: float, candidates: Sequence[Candidate], training: FinalTraining, folder: Path) -> Candidate:
    """Return the only candidate with as many epochs as take so many minutes.

    Args:
        minutes: The length of the training, without its test.
        candidates: One candidate, whose number of epochs is replaced.
        training: Measures the seconds of an epoch.
        folder: The folder in which `keep_epochs` stored the number, if an earlier call began this training.

    Raises:
        ConfigError: There are several candidates, of which each would last as long, or one epoch takes longer.
        DataError: The file with the number is damaged.
    """
    if len(candidates) > 1:
        raise ConfigError(
            f"--minutes {minutes:g} is for one training, and here there are {len(candidates)} to choose from; use "
            "--grid none and --top 1, or --epochs instead of --minutes"
        )
    candidate = candidates[0]
    epochs = _kept(_asked(minutes, candidate), folder / CHOSEN)
    if epochs is None:
        seconds = training.epoch_seconds(candidate)
        epochs = int(minutes * 60 / seconds)
        if not epochs:
            raise ConfigError(
                f"one epoch takes about {seconds / 60:.2g} minutes here, more than --minutes {minutes:g}; raise "
                "--minutes, or train on fewer or smaller images"
            )
    return replace(candidate, settings={**candidate.settings, "epochs": epochs})


def keep_epochs(minutes: float, candidate: Candidate, folder: Path) -> None:
    """Store the number of epochs that `lasting` chose."""
    document = {**_asked(minutes, candidate), "epochs": candidate.settings["epochs"]}
    replace_whole(folder / CHOSEN, json.dumps(document).encode())


def _asked(minutes: float, candidate: Candidate) -> JsonObject:
    """Return what the number of epochs was chosen for: the minutes, the architecture and the other settings."""
    others = {name: value for name, value in candidate.settings.items() if name != "epochs"}
    return {"minutes": minutes, "training": fingerprint_of_json([to_json(candidate.architecture), others])}


def _kept(asked: JsonObject, path: Path) -> int | None:
    """Return the stored number of epochs; None if there is none for this training."""
    if not path.exists():
        return None
    try:
        found = json.loads(read_whole(path, LARGEST_JSON))
        epochs = int(found.pop("epochs"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is damaged ({error}); remove it to choose the epochs anew") from None
    return epochs if found == asked and epochs > 0 else None
