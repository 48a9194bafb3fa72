"""`netwright train` for n-gram models, which have no grid, no epochs and no seed."""

from pathlib import Path

from netwright.architectures.values import JsonObject
from netwright.config import NgramSettings, assigned
from netwright.errors import ConfigError
from netwright.recipes.ngram_models import NGRAM_MODELS


def count_named(
    name: str,
    *,
    task: str | None,
    data: Path | None,
    verify: bool,
    folder: Path,
    assignments: list[str],
    unusable: JsonObject,
) -> list[str]:
    """Count the n-gram model `name` on a task and return lines that describe it.

    Args:
        name: A name in `NGRAM_MODELS`.
        task: The value of --task.
        data: The value of --data.
        verify: The value of --verify-data.
        folder: The model's folder.
        assignments: The values of --set.
        unusable: Options for networks and their values; one that is not None is refused.

    Raises:
        ConfigError: An option or a setting does not fit an n-gram model.
    """
    from netwright.final_training.ngram import count, model_lines

    if task is None:
        raise ConfigError(f"{name} does not say what to count; add --task ptb or --task pydoc, for example")
    if given := [option for option, value in unusable.items() if value is not None]:
        raise ConfigError(
            f"{', '.join(given)}: {name} is an n-gram model, which is counted and not trained; leave the option out. "
            "Its settings: --set ngram.order=N, --set ngram.cache_size=N, --set ngram.cache_weight=W"
        )
    document = assigned({"ngram": NGRAM_MODELS[name].settings.to_json()}, assignments)
    settings = NgramSettings.from_json(document["ngram"])
    return model_lines(count(settings, task=task, data=data, verify=verify, folder=folder, origin=name))
