"""What a row's model is in code: its number of parameters, its epochs, and the time of an epoch here."""

from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import torch
from table_results import Results
from table_rows import Training

from netwright.architectures.convolutional import ConvNet
from netwright.architectures.costs import costs_of
from netwright.architectures.families import Architecture
from netwright.cli.trainable import Trainable, trainable
from netwright.config import ImageSettings, RunConfig
from netwright.evaluation.factory import evaluation_of
from netwright.final_training.factory import final_training_of
from netwright.final_training.grid import candidates_of
from netwright.final_training.images import EPOCHS_FACTOR
from netwright.recipes.listing import CIFAR10
from netwright.recipes.ngram_models import NGRAM_MODELS
from netwright.recipes.reference_models import REFERENCE_MODELS, VOCABULARIES
from netwright.recipes.reference_networks import REFERENCE_NETWORKS

TRANSLATOR = "gnmt"


def has_estimate(training: Training) -> bool:
    """Return whether its time can be estimated: n-grams are counted in seconds, and a translator lacks its data."""
    return training.name != TRANSLATOR and training.name not in NGRAM_MODELS


def num_parameters_of(training: Training, results: Results) -> int | None:
    """Return the number of parameters that the row's model has here; that of n-grams is in their results.

    Args:
        training: The training of the row.
        results: The results so far.

    Returns:
        None if nothing is counted: n-grams before their benchmark ran, and translators.

    Raises:
        ConfigError: There is no model of this name.
    """
    name = training.name
    if name == TRANSLATOR:
        return None
    if name in NGRAM_MODELS:
        return results.num_ngrams(name)
    if name in REFERENCE_NETWORKS:
        return REFERENCE_NETWORKS[name]().num_parameters
    if name in REFERENCE_MODELS:
        return REFERENCE_MODELS[name]().num_parameters
    what, config = _sized(training)
    architecture = _found(what)[name]
    if isinstance(architecture, ConvNet):
        costs = costs_of(architecture, CIFAR10)
        return costs.num_parameters if costs else None
    counted = evaluation_of(config.evaluate).costs(architecture, VOCABULARIES[training.task])
    return counted["num_parameters"]


def epochs_of(training: Training) -> int | None:
    """Return the epochs of the published recipe; None for a model without."""
    if not has_estimate(training):
        return None
    if training.epochs is not None:
        return training.epochs
    what, config = _sized(training)
    if isinstance(config.evaluate, ImageSettings):
        return what.epochs or EPOCHS_FACTOR * config.evaluate.epochs
    epochs: int = config.evaluate.to_json()["epochs"]
    return epochs


def epoch_seconds_in_own_process(training: Training, data: Path | None, *, verify: bool) -> tuple[float | None, str]:
    """Time a few mini-batches in a process that starts for it, so that nothing else is in its memory.

    Returns:
        The seconds of an epoch on one core, or None with the reason.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(epoch_seconds, training, data, verify=verify).result(), ""
        except BrokenProcessPool:
            return None, "the process was killed, as happens when it needs more memory than there is"


def epoch_seconds(training: Training, data: Path | None, *, verify: bool) -> float:
    """Return the seconds of an epoch on one core, as `netwright train NAME --estimate` takes them.

    Args:
        training: The training of a row.
        data: The folder with the data; None looks for it as the command does.
        verify: Whether the files must be the official ones.
    """
    torch.set_num_threads(1)
    what, config = _sized(training)
    placement = replace(what.placement, data=data, verify=verify)
    given = {"epochs": what.epochs} if what.epochs else {}
    final = evaluation_of(config.evaluate).final_settings.from_json(given).without_grid()
    found = _found(what)
    training_here = final_training_of(config, final, found, placement)
    (candidate,) = candidates_of(found, training_here.grid())
    return training_here.epoch_seconds(candidate)


def _found(what: Trainable) -> Mapping[str, Architecture]:
    """Return the architecture by its name."""
    return what.find(1)


def _sized(training: Training) -> tuple[Trainable, RunConfig]:
    """Return what `netwright train` makes of the options."""
    what = trainable(training.name, training.task, None, trust_code=False)
    return what, what.sized(training.size, None, training.like)
