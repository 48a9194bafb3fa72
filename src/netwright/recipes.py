"""Complete searches by name. A recipe is a function that returns a `RunConfig`; write your own like these.

The first line of a docstring says what is searched, the second what it costs; `netwright recipes` prints both.
"""

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from netwright.architectures.recurrent import ACTIVATIONS, COMBINATIONS
from netwright.children.dropout import Dropout
from netwright.config import (
    ConfirmSettings,
    ImageSettings,
    QLearningSettings,
    ReinforceSettings,
    RunConfig,
    TableSettings,
    TextSettings,
)
from netwright.errors import ConfigError, NetwrightError, unknown
from netwright.spaces.convolutional import convolutional
from netwright.spaces.metaqnn import metaqnn
from netwright.spaces.nasbench201 import nasbench201
from netwright.spaces.programs import Schedule
from netwright.spaces.recurrent import recurrent_cell
from netwright.spaces.references import load_function

DEPTH = {"num_layers": Schedule(start=6, step=2, interval=1600)}
"""The paper's depth schedule: 6 layers at first, 20 at sample 12,799 (section 4.1)."""


def digits() -> RunConfig:
    """4-layer networks for scikit-learn's 8x8 digits, nothing to download, confirmed at the end.

    About 2 minutes on 2 cores.
    """
    return RunConfig(
        recipe="digits",
        space=convolutional(4, filter_sizes=(1, 3, 5), num_filters=(4, 8, 16, 24)),
        evaluate=ImageSettings(
            task="digits",
            num_validation=500,
            epochs=6,
            batch_size=32,
            learning_rate=0.1,
            schedule="cosine",
            upsample=10,
            flips=False,
            last_epochs=2,
        ),
        strategy=ReinforceSettings(learning_rate=0.01),
        num_trials=96,
        confirm=ConfirmSettings(top=5, num_seeds=3, at_end=True),
    )


def cifar10() -> RunConfig:
    """The paper's first experiment on CIFAR-10: stride 1, skip connections, 6 to 20 layers, reward cubed.

    12,800 children of 50 epochs: the paper had 800 GPUs; years on a laptop.
    """
    return RunConfig(recipe="cifar10", space=convolutional().with_parameters(**DEPTH), evaluate=ImageSettings())


def cifar10_strides() -> RunConfig:
    """The second experiment: stride heights and widths {1, 2, 3} are predicted too.

    As cifar10, with somewhat cheaper children.
    """
    return cifar10().changed(recipe="cifar10-strides", space=convolutional(strides=(1, 2, 3)).with_parameters(**DEPTH))


def cifar10_pooling() -> RunConfig:
    """The third experiment: 13 predicted layers of 3 convolutions each, 2 max-pools, filters {6, 12, 24, 36}.

    As cifar10. The paper then adds 40 filters to every layer: ConvNet.widened(40).
    """
    space = convolutional(13, num_filters=(6, 12, 24, 36), block_size=3, pool_after=(13, 24))
    return cifar10().changed(recipe="cifar10-pooling", space=space)


def cifar10_slides() -> RunConfig:
    """The first experiment as the slides tell it: reward squared, a controller of one layer with 128 units.

    As cifar10.
    """
    return cifar10().changed(
        recipe="cifar10-slides",
        evaluate=ImageSettings(exponent=2.0),
        strategy=ReinforceSettings(hidden_size=128, num_layers=1),
    )


def cifar10_quick() -> RunConfig:
    """5-layer networks with skip connections and two max-pools on a fifth of CIFAR-10, for a laptop.

    About 8 minutes on 2 cores.
    """
    return RunConfig(
        recipe="cifar10-quick",
        space=convolutional(5, num_filters=(8, 16, 24, 32), pool_after=(1, 3)),
        evaluate=ImageSettings(
            num_train=8000, num_validation=2000, epochs=4, learning_rate=0.05, schedule="cosine", last_epochs=1
        ),
        strategy=ReinforceSettings(learning_rate=0.01),
        num_trials=64,
    )


def images(data: Path | None = None) -> RunConfig:
    """Your own images (--data FOLDER or FILE.npz): 4 or 5 layers with skip connections, fitted to their size.

    A few minutes for thousands of small images on 2 cores, an hour where they have 64 x 64 pixels.
    """
    # Training sees as many images as that of cifar10-quick, whose settings these are where the data does not say.
    height, width, channels, num_images = 32, 32, 3, 10_000
    if data is not None:
        from netwright.tasks.own_images import load_images

        num_images, channels, height, width = load_images(data).train_images.shape
    edge = max(height, width)
    num_train = min(8000, round(0.8 * num_images))
    pool_after = () if edge <= 12 else (1, 3) if edge <= 40 else (1, 2, 4)
    return RunConfig(
        recipe="images",
        space=convolutional(
            4 if edge <= 12 else 5, filter_sizes=(1, 3, 5), num_filters=(8, 16, 24, 32), pool_after=pool_after
        ),
        evaluate=ImageSettings(
            task="images",
            num_train=num_train if num_train == 8000 else None,
            num_validation=0.2,
            epochs=min(30, 32_000 // num_train),
            batch_size=64 if num_train > 2000 else 32,
            learning_rate=0.05,
            schedule="cosine",
            upsample=edge + edge // 4,
            flips=channels == 3,  # grey images are often characters, which have a left and a right
            last_epochs=2,
        ),
        strategy=ReinforceSettings(learning_rate=0.01),
        num_trials=64,
        confirm=ConfirmSettings(top=3, num_seeds=3, at_end=True),
    )


def ptb() -> RunConfig:
    """The paper's recurrent cells of base 8 on Penn Treebank, in language models of 20M parameters.

    15,000 children of 35 epochs: the paper had 400 processors; years on a laptop.
    """
    return RunConfig(
        recipe="ptb",
        space=recurrent_cell(8),
        evaluate=TextSettings(),
        strategy=ReinforceSettings(learning_rate=0.0005),  # paper
        num_trials=15_000,  # paper
        batch_size=10,  # the paper's replicas draw one child each, and ten of their gradients make an update
    )


def ptb_max_sin() -> RunConfig:
    """The same with `max` among the combinations and `sin` among the activations.

    As ptb.
    """
    space = recurrent_cell(8, combinations=COMBINATIONS, activations=ACTIVATIONS)
    return ptb().changed(recipe="ptb-max-sin", space=space)


def ptb_quick() -> RunConfig:
    """Cells of base 8 with 64 units in one layer, on a tenth of Penn Treebank, for a laptop.

    About 10 minutes on 2 cores.
    """
    return RunConfig(
        recipe="ptb-quick",
        space=recurrent_cell(8),
        evaluate=quick_text(task="ptb", num_train_tokens=90_000, num_validation_tokens=20_000),
        strategy=ReinforceSettings(learning_rate=0.01),
        num_trials=48,
    )


def pydoc() -> RunConfig:
    """Cells of base 4 for the text of Python's own help, nothing to download, confirmed at the end.

    About 3 minutes on 2 cores.
    """
    return RunConfig(
        recipe="pydoc",
        space=recurrent_cell(4),
        evaluate=quick_text(task="pydoc", num_train_tokens=60_000, num_validation_tokens=None),
        strategy=ReinforceSettings(learning_rate=0.01),
        num_trials=48,
        confirm=ConfirmSettings(top=3, num_seeds=3, at_end=True),
    )


def text(data: Path | None = None) -> RunConfig:
    """Your own text (--data FILE): cells of base 8 with 64 units, by words or --set evaluate.task=text-characters.

    About 20 minutes on 2 cores.
    """
    return ptb_quick().changed(
        recipe="text", evaluate=quick_text(task="text", num_train_tokens=90_000, num_validation_tokens=20_000)
    )


def nasbench201_cifar10() -> RunConfig:
    """The cells of NAS-Bench-201 on CIFAR-10, looked up in its table (--data FILE): nothing is trained.

    A few seconds; 177 cells are about what 20,000 seconds of training pay for.
    """
    return RunConfig(
        recipe="nasbench201-cifar10",
        space=nasbench201(),
        evaluate=TableSettings(task="nasbench201-cifar10"),
        strategy=ReinforceSettings(learning_rate=0.01),
        num_trials=177,
        batch_size=1,  # the benchmark's protocol: one cell after the other
        lag=0,
    )


def nasbench201_cifar100() -> RunConfig:
    """The same on CIFAR-100, where 40,000 seconds pay for as many cells.

    As nasbench201-cifar10.
    """
    return nasbench201_cifar10().changed(
        recipe="nasbench201-cifar100", evaluate=TableSettings(task="nasbench201-cifar100")
    )


def digits_table() -> RunConfig:
    """Two layers for the digits, looked up in a table that netwright has made: nothing is trained or downloaded.

    A few seconds.
    """
    return nasbench201_cifar10().changed(
        recipe="digits-table",
        space=convolutional(2, filter_sizes=(1, 3, 5), num_filters=(4, 12, 24), pool_after=(1,)),
        evaluate=TableSettings(task="digits-table"),
        num_trials=100,
    )


def metaqnn_digits() -> RunConfig:
    """MetaQNN (Baker et al. 2017) scaled to the digits: its space with 16 times fewer filters, Q-learning.

    About 4 minutes on 2 cores.
    """
    return RunConfig(
        recipe="metaqnn-digits",
        space=metaqnn(6, num_filters=(4, 8, 16, 32), dense_units=(64, 32, 16), image_size=8),
        evaluate=ImageSettings(
            task="digits",
            num_validation=500,
            epochs=6,
            batch_size=32,
            learning_rate=0.05,
            schedule="cosine",
            upsample=None,
            flips=False,
            last_epochs=1,
            exponent=1.0,  # Baker's reward is the validation accuracy
        ),
        strategy=QLearningSettings(num_models=300),
        num_trials=450,  # a network that is drawn again is no further model
    )


def quick_text(**changes: Any) -> TextSettings:
    """Small language models that tell good cells from bad ones within seconds of training."""
    settings: dict[str, Any] = {
        "num_parameters": None,
        "hidden_size": 64,
        "num_layers": 1,
        "init_range": 0.1,
        "epochs": 2,
        "window": 20,
        "optimizer": "adam",
        "learning_rate": 0.005,
        "constant_epochs": 1,
        "decay": 2.0,
        "loss_over_time": "mean",
        "dropout": Dropout(),
    }
    return TextSettings(**{**settings, **changes})


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
    "pydoc": pydoc,
    "text": text,
    "nasbench201-cifar10": nasbench201_cifar10,
    "nasbench201-cifar100": nasbench201_cifar100,
    "digits-table": digits_table,
    "metaqnn-digits": metaqnn_digits,
}


def config_of(recipe: str, data: Path | None = None) -> RunConfig:
    """The config of a recipe by name or as FILE.py:FUNCTION; `ConfigError` where there is none.

    `data` is where the images of a user's own are, to which `images` fits its settings.
    """
    if ".py:" in recipe:
        try:
            made = load_function(recipe)()
        except NetwrightError:
            raise
        except Exception:  # whatever a user's file raises
            raise ConfigError(f"{recipe} could not be used; it raised\n{traceback.format_exc()}") from None
        if not isinstance(made, RunConfig):
            raise ConfigError(f"{recipe} returned {type(made).__name__}; a recipe returns a netwright.RunConfig")
        path, _, function = recipe.rpartition(":")
        return made.changed(recipe=f"{Path(path).resolve()}:{function}")
    if recipe not in RECIPES:
        raise ConfigError(unknown("recipe", recipe, RECIPES) + " (or FILE.py:FUNCTION for your own)")
    return images(data) if recipe == "images" else RECIPES[recipe]()
