"""Complete searches by name. A recipe is a function that returns a `RunConfig`; write your own like these.

The first line of a docstring says what is searched, the second what it costs; `netwright recipes` prints both.
"""

import traceback
from collections.abc import Callable
from pathlib import Path

from netwright.config import RunConfig
from netwright.errors import ConfigError, NetwrightError, unknown
from netwright.recipes.cells import ptb, ptb_characters, ptb_max_sin, ptb_quick, pydoc, text
from netwright.recipes.networks import (
    cifar10,
    cifar10_pooling,
    cifar10_quick,
    cifar10_slides,
    cifar10_strides,
    digits,
    images,
    metaqnn_digits,
)
from netwright.recipes.tables import digits_table, nasbench201_cifar10, nasbench201_cifar100
from netwright.recipes.translation import multi30k
from netwright.spaces.programs import Space
from netwright.spaces.references import load_function

RECIPES: dict[str, Callable[[], RunConfig]] = {
    "digits": digits,
    "cifar10": cifar10,
    "cifar10-strides": cifar10_strides,
    "cifar10-pooling": cifar10_pooling,
    "cifar10-slides": cifar10_slides,
    "cifar10-quick": cifar10_quick,
    "images": images,
    "ptb": ptb,
    "ptb-max-sin": ptb_max_sin,
    "ptb-quick": ptb_quick,
    "ptb-characters": ptb_characters,
    "pydoc": pydoc,
    "text": text,
    "multi30k": multi30k,
    "nasbench201-cifar10": nasbench201_cifar10,
    "nasbench201-cifar100": nasbench201_cifar100,
    "digits-table": digits_table,
    "metaqnn-digits": metaqnn_digits,
}


RECIPES_OF_TASKS = {"wikitext2": "ptb", "text-characters": "text", "parallel": "multi30k"}
"""The recipes with whose settings models are trained on the tasks that no recipe searches on."""


def config_of(recipe: str, data: Path | None = None, image_size: int | None = None) -> RunConfig:
    """Return the config of a recipe.

    Args:
        recipe: A name in `RECIPES`, or FILE.py:FUNCTION.
        data: A user's own images, to which the recipe `images` fits its settings.
        image_size: Their largest side in pixels; None is that of the task.

    Raises:
        ConfigError: There is no such recipe, or its images have one size, or the user's function failed or returned no
            `RunConfig`.
    """
    if image_size is not None and recipe != "images":
        raise ConfigError(
            f"--image-size is for the recipe images, your own images, and not for {recipe}; leave it out, or in a "
            "recipe of your own set evaluate.image_size"
        )
    if ".py:" in recipe:
        try:
            made = load_function(recipe)()
        except NetwrightError:
            raise
        except Exception:  # whatever a user's file raises
            raise ConfigError(f"{recipe} could not be used; it raised\n{traceback.format_exc()}") from None
        if not isinstance(made, RunConfig):
            hint = ""
            if isinstance(made, Space):
                hint = (
                    "; for a space: return nw.RunConfig(space=SPACE, evaluate=nw.FunctionSettings(function=evaluate))"
                )
            raise ConfigError(f"{recipe} returned {type(made).__name__}; a recipe returns a netwright.RunConfig{hint}")
        path, _, function = recipe.rpartition(":")
        return made.changed(recipe=f"{Path(path).resolve()}:{function}")
    if recipe not in RECIPES:
        raise ConfigError(unknown("recipe", recipe, RECIPES) + " (or FILE.py:FUNCTION for your own)")
    return images(data, image_size) if recipe == "images" else RECIPES[recipe]()
