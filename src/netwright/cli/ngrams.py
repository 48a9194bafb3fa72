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
    target: Path | None,
    assignments: list[str] | None,
    unusable: JsonObject,
) -> tuple[list[str], Path, bool]:
    """Count the n-gram model `name` on a task.

    Args:
        name: A name in `NGRAM_MODELS`.
        task: The value of --task.
        data: The value of --data.
        verify: The value of --verify-data.
        target: The value of --out.
        assignments: The values of --set.
        unusable: Arguments for networks and their values; one that is not None is refused.

    Returns:
        Lines that describe the model, its folder, and whether it was there already.

    Raises:
        ConfigError: An option or a setting does not fit an n-gram model.
    """
    from netwright.final_training.ngram import count, model_lines

    if task is None:
        raise ConfigError(f"{name} does not say what to count; add --task ptb or --task pydoc, for example")
    if given := [f"--{option.replace('_', '-')}" for option, value in unusable.items() if value is not None]:
        raise ConfigError(
            f"{', '.join(given)}: {name} is an n-gram model, which is counted and not trained; leave the option out. "
            "Its settings: --set ngram.order=N, --set ngram.cache_size=N, --set ngram.cache_weight=W"
        )
    document = assigned({"ngram": NGRAM_MODELS[name].settings.to_json()}, assignments or [])
    settings = NgramSettings.from_json(document["ngram"])
    folder = target or Path("models") / name
    complete = folder.exists()
    model = count(settings, task=task, data=data, verify=verify, folder=folder, origin=name)
    return model_lines(model), folder, complete
