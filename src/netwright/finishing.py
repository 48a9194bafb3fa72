"""The paper's second stage: from what a search has found to one trained and tested network (section 4.1).

    candidates (architecture x grid point)  --trained on the search's split-->  validation accuracy  --> the winner
    winner  --trained on all images but the test set's-->  network  --tested once-->  the folder of a model

The test images are looked at after the last decision has been taken. What was finished is kept beside the model's
folder until that is complete; the same call goes on from there.
"""

import hashlib
import math
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from torch import nn

from netwright.architectures.convolutional import ConvNet
from netwright.architectures.values import fingerprint, to_json
from netwright.candidates import Candidate, Measured, OnProgress, best_candidate, candidates_of, train_candidates
from netwright.children.building import build
from netwright.children.convolutional import initialise, num_parameters
from netwright.config import FinalSettings, ImageSettings, RunConfig
from netwright.errors import ChildError, ConfigError, DataError, RunError, StoreError, unknown
from netwright.locks import locked
from netwright.loop import make_evaluate
from netwright.models.folder import read_description, write_model
from netwright.recipes import RECIPES, config_of
from netwright.results import Results, as_convnet
from netwright.running import Place, hardware, look_at_data
from netwright.store import Store
from netwright.tasks.images import ImageData, everything_but_test
from netwright.training.checkpoints import Checkpoint
from netwright.training.image_child import ImageChild
from netwright.training.images import measure_accuracy, train_classifier
from netwright.trials import derive_seed


def found_in(run: Path, top: int) -> dict[str, ConvNet]:
    """The `top` best architectures of a run, confirmed ones first, by where they are from."""
    with Store.read(run) as store:
        results = Results.of(store)
    if not (trials := results.top(top)):
        raise RunError(f"{run} has no measured trial, so there is nothing to train; go on with netwright resume {run}")
    found = {
        f"trial {trial.number} of {run.resolve().name}": as_convnet(trial.proposal.architecture) for trial in trials
    }
    if None in found.values():
        raise ConfigError(
            f"the architectures of {run} are not ConvNets, the only kind that netwright trains itself; "
            "`netwright show RUN --json` prints them for your own code"
        )
    return {origin: network for origin, network in found.items() if network is not None}


def config_for(task: str, data: Path | None = None) -> RunConfig:
    """The first recipe for `task`, fitted to `data`: what an architecture without a run is trained with."""
    recipes: dict[str, str] = {}
    for name, recipe in RECIPES.items():
        if isinstance(settings := recipe().evaluate, ImageSettings):
            recipes.setdefault(settings.task, name)
    if task not in recipes:
        raise ConfigError(unknown("task", task, recipes))
    return config_of(recipes[task], data)


def finish(
    found: Mapping[str, ConvNet],
    config: RunConfig,
    final: FinalSettings,
    folder: Path,
    place: Place,
    on_progress: OnProgress = lambda stage, ended, total: None,
) -> dict[str, Any]:
    """Choose among the architectures in `found` and the points of the grid, train the winner, test it, write `folder`.

    `found` maps where an architecture is from to the architecture. Returns the content of model.json. A `folder` that
    the same call has completed is returned as it is, without a second test; `ConfigError` for any other one.
    """
    settings, data, child = open_images(config, place)
    common = {"search_settings": settings.to_json(), "seed": final.seed, "data_sha256": _checksum(data)}
    plan = _plan(found, final, common)
    if folder.exists():
        return _finished_already(folder, plan)
    candidates = candidates_of(found, settings, final)
    with _unfinished(folder) as unfinished:
        measured = Measured(unfinished / "grid.json", common)
        winner, accuracy = candidates[0], None
        if len(candidates) > 1:
            train_candidates(
                candidates,
                child=child,
                config=config,
                seed=final.seed,
                last_epochs=settings.last_epochs,
                place=place,
                measured=measured,
                on_progress=on_progress,
            )
            winner, accuracy = best_candidate(candidates, measured)
        network, history = train_winner(
            winner, child, data, seed=final.seed, folder=unfinished, common=common, on_progress=on_progress
        )
        metrics = {
            **tested_metrics(network, child, data),
            "validation_accuracy": accuracy,
            "num_parameters": num_parameters(network),
            "num_train_images": len(data.train_images),
        }
        description = {
            **_use_and_training(winner, child, data, metrics, history),
            **_provenance(candidates, measured, plan),
        }
        write_model(folder, network, winner.architecture, description)
    return read_description(folder)


def open_images(config: RunConfig, place: Place) -> tuple[ImageSettings, ImageData, ImageChild]:
    """The run's settings, its images with a test part among them, and what trains a child on the search's split."""
    settings = config.evaluate
    if not isinstance(settings, ImageSettings):
        raise ConfigError(
            "a final training needs networks that netwright trains itself, and this run calls a function of yours; "
            "`netwright show RUN --json` prints the architectures to train in your own code"
        )
    data, data_folder = look_at_data(config, place)
    assert data is not None
    if not len(data.test_images):
        raise DataError(f"{data.name} has no test images, so a final network could not be tested on it")
    child = make_evaluate(config, data_folder)
    assert isinstance(child, ImageChild)
    return settings, data, child


def train_winner(
    winner: Candidate,
    child: ImageChild,
    data: ImageData,
    *,
    seed: int,
    folder: Path,
    common: Mapping[str, Any],
    on_progress: OnProgress,
) -> tuple[nn.Module, dict[str, Any]]:
    """The winner trained on all images but the test set's, in this process, going on from a checkpoint in `folder`."""
    identity = fingerprint({**common, "architecture": to_json(winner.architecture), "settings": dict(winner.settings)})
    seed = derive_seed(seed, "final", fingerprint(winner.architecture))
    settings = {**child.training, **winner.settings}
    epsilon, epochs = settings.pop("epsilon"), settings["epochs"]
    network = build(winner.architecture, len(data.class_names), data.train_images.shape[1], epsilon)
    initialise(network, seed)
    on_progress("final training", 0, epochs)
    try:
        history = train_classifier(
            network,
            everything_but_test(data),
            seed=seed,
            speed=child.speed,
            checkpoint=Checkpoint(folder / f"{identity}.safetensors"),
            on_epoch=lambda epoch, _accuracy: on_progress("final training", epoch + 1, epochs),
            **settings,
        )
    except ChildError as error:
        raise RunError(f"the final training failed: {error}; lower --set evaluate.learning_rate") from error
    return network, history


def tested_metrics(network: nn.Module, child: ImageChild, data: ImageData) -> dict[str, Any]:
    """The accuracy on the test images, in float32 as the network will be used, with its 95% interval (Wilson's)."""
    speed = replace(child.speed, precision="float32")
    accuracy = measure_accuracy(
        network, data.test_images, data.test_labels, upsample=child.training["upsample"], speed=speed
    )
    return {
        "test_accuracy": accuracy,
        "test_interval": list(wilson_interval(accuracy, len(data.test_images))),
        "num_test_images": len(data.test_images),
    }


def wilson_interval(share: float, count: int, deviations: float = 1.96) -> tuple[float, float]:
    """Where the probability of a success lies when a `share` of `count` trials succeeded (E. B. Wilson, 1927)."""
    squared = deviations**2 / count
    centre = share + squared / 2
    spread = deviations * math.sqrt(share * (1 - share) / count + squared / (4 * count))
    return (centre - spread) / (1 + squared), (centre + spread) / (1 + squared)


def _plan(found: Mapping[str, ConvNet], final: FinalSettings, common: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that decides which network comes out; kept with it, so that the same call knows it again."""
    architectures = {origin: to_json(network) for origin, network in found.items()}
    return {**common, "architectures": architectures, "final_settings": final.to_json()}


def _finished_already(folder: Path, plan: Mapping[str, Any]) -> dict[str, Any]:
    """The content of model.json where the folder is that of the same plan."""
    document = read_description(folder)
    if document.get("plan") != plan:
        raise ConfigError(
            f"{folder} holds a network that was trained from other architectures, settings or data; choose another "
            "--out, or remove the folder"
        )
    return document


@contextmanager
def _unfinished(folder: Path) -> Iterator[Path]:
    """The folder beside the model's for what was finished, this process's alone; gone when the model is complete."""
    unfinished = folder.with_name(folder.name + ".unfinished")
    try:
        unfinished.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make the folder {unfinished}: {error.strerror}; choose another --out") from None
    with locked(unfinished):
        yield unfinished
    shutil.rmtree(unfinished)


def _use_and_training(
    winner: Candidate, child: ImageChild, data: ImageData, metrics: Mapping[str, Any], history: Mapping[str, Any]
) -> dict[str, Any]:
    """The part of model.json about images: what goes in and out, how well it does, how it was trained."""
    return {
        "data": data.name,
        "class_names": list(data.class_names),
        "input_shape": list(data.train_images.shape[1:]),
        "normalisation": "every image by itself: mean 0, standard deviation 1",
        "upsample": child.training["upsample"],
        "epsilon": winner.settings["epsilon"],
        "origin": winner.origin,
        "metrics": dict(metrics),
        "settings": {**child.training, **winner.settings},
        "training_losses": history["training_losses"],
    }


def _provenance(candidates: Sequence[Candidate], measured: Measured, plan: Mapping[str, Any]) -> dict[str, Any]:
    """The part of model.json about where the network comes from: the grid, and what made it, when, from what."""
    return {
        "grid": [
            {"origin": each.origin, "settings": dict(each.settings), **(measured.of(each) or {})} for each in candidates
        ],
        "command": sys.argv,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {name: version(name) for name in ("netwright", "torch", "numpy")},
        "hardware": hardware(),
        "plan": dict(plan),
    }


def _checksum(data: ImageData) -> str:
    """Of everything that a training sees, so that nothing is taken over from a training on other images."""
    digest = hashlib.sha256(data.train_images.numpy().tobytes())
    digest.update(data.train_labels.numpy().tobytes())
    return digest.hexdigest()
