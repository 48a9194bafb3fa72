"""From the name of a kind of child to its final training; kinds that are not here have none."""

from collections.abc import Callable, Mapping

from netwright.architectures.families import FAMILIES, Architecture, entry_of
from netwright.config import RunConfig
from netwright.config.final_training import FinalTrainingSettings
from netwright.errors import ConfigError
from netwright.evaluation.factory import evaluation_of
from netwright.final_training.images import FinalImages
from netwright.final_training.interface import FinalTraining
from netwright.final_training.text import FinalText
from netwright.final_training.translation import FinalTranslation
from netwright.searching.placement import Placement

FINAL_TRAININGS: Mapping[str, Callable[..., FinalTraining]] = {
    "images": FinalImages.open,
    "text": FinalText.open,
    "translation": FinalTranslation.open,
}
"""By the `kind` in a config's `evaluate` group: opens the data and returns the final training."""


def final_training_of(
    config: RunConfig, final: FinalTrainingSettings, found: Mapping[str, Architecture], placement: Placement
) -> FinalTraining:
    """Open the final training of the kind of child that `config` trains.

    Args:
        config: The search's settings.
        final: Settings of the class that the kind's description names.
        found: The architectures to train, by where they are from.
        placement: Where the data is.

    Raises:
        ConfigError: The kind has no final training, or cannot train one of the architectures in `found`.
        DataError: The data is missing or damaged, or has no test part.
    """
    evaluation = evaluation_of(config.evaluate)
    assert type(final) is evaluation.final_settings
    for origin, network in found.items():
        family = entry_of(FAMILIES, network)
        kind = family and family.trained_on
        if kind == config.evaluate.trains:
            continue
        if kind is None:
            raise ConfigError(
                f"{origin} is a cell of NAS-Bench-201, which netwright looks up in a table and does not train"
            )
        raise ConfigError(
            f"{origin} is a network for {kind}, and the task {config.evaluate.task} is not; choose another --task"
        )
    return FINAL_TRAININGS[config.evaluate.kind](config.evaluate, final, placement)
