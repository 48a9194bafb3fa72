"""netwright writes neural networks: architecture search with reinforcement learning (Zoph & Le, 2017).

import netwright as nw

@nw.space
def my_space(num_layers: int = 3):
    widths = []
    for _ in range(num_layers):
        widths.append((yield nw.Choice("width", (8, 16, 32))))
    return {"widths": widths}

results = nw.search(my_space(), evaluate=lambda network: -sum(network["widths"]), num_trials=100)
results.best.proposal.architecture
"""

import random
from importlib import import_module
from typing import TYPE_CHECKING

from netwright.architectures import published as zoo  # noqa: F401, exported as nw.zoo
from netwright.architectures.convolutional import ConvLayer as ConvLayer
from netwright.architectures.convolutional import ConvNet as ConvNet
from netwright.architectures.recurrent import CellNode as CellNode
from netwright.architectures.recurrent import RecurrentCell as RecurrentCell
from netwright.spaces.checking import check_space as check_space
from netwright.spaces.decisions import Choice as Choice
from netwright.spaces.decisions import Subset as Subset
from netwright.spaces.programs import Schedule as Schedule
from netwright.spaces.programs import Space as Space
from netwright.spaces.programs import space as space

if TYPE_CHECKING:
    from netwright.api import search as search
    from netwright.children.building import build as build
    from netwright.config import ImageSettings as ImageSettings
    from netwright.config import ReplicaSettings as ReplicaSettings
    from netwright.config import RunConfig as RunConfig
    from netwright.config.strategies import *  # noqa: F403
    from netwright.evaluation.function import TrialContext as TrialContext
    from netwright.final_training.other_data import evaluate as evaluate
    from netwright.models.folder import load as load
    from netwright.tasks.images.readers.objects import save_images as save_images

# Imported at first use, because they bring torch, which takes a second.
_LATER = {
    "build": "netwright.children.building",
    "evaluate": "netwright.final_training.other_data",
    "load": "netwright.models.folder",
    "save_images": "netwright.tasks.images.readers.objects",
    "search": "netwright.api",
    "ImageSettings": "netwright.config",
    "ReplicaSettings": "netwright.config",
    "RunConfig": "netwright.config",
    "TrialContext": "netwright.evaluation.function",
}


def __getattr__(name: str) -> object:
    if name in _LATER:
        state = random.getstate()  # the import of rich samples from the global generator, which is the user's
        try:
            return getattr(import_module(_LATER[name]), name)
        finally:
            random.setstate(state)
    if name.endswith("Settings") and name in (settings := _strategy_settings()):
        return settings[name]
    raise AttributeError(f"module 'netwright' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *_LATER, *_strategy_settings()]


def _strategy_settings() -> dict[str, type]:
    from netwright.config import STRATEGIES

    return {entry.settings.__name__: entry.settings for entry in STRATEGIES.values()}
