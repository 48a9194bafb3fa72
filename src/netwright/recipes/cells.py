"""Searches for recurrent cells of language models."""

from pathlib import Path

from netwright.architectures.recurrent import ACTIVATIONS, COMBINATIONS
from netwright.children.dropout import Dropout
from netwright.config import ConfirmSettings, ConstraintSettings, ReinforceSettings, RunConfig, TextSettings
from netwright.spaces.recurrent import recurrent_cell


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
        batch_size=10,  # the paper's replicas sample one child each, and ten of their gradients make an update
        failure_reward=0.0,
        constraints=ConstraintSettings(rejected_reward=0.0),
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


def ptb_characters() -> RunConfig:
    """The paper's cells as language models of characters, 6.57M parameters: the settings of its transfer to characters.

    15,000 children of 80,000 steps; centuries on a laptop. Its settings serve `netwright train nas-cell`.
    """
    return ptb().changed(recipe="ptb-characters", evaluate=character_text())


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


def character_text(**changes: object) -> TextSettings:
    """Return the settings of the paper's models of characters (section 4.2).

    The small models are trained for 80,000 steps, 51 epochs of 1,568 steps on Penn Treebank; the large ones of 16.28M
    parameters for 600,000, 383 epochs. "0.2 and 0.5 as in Gal" are the rates of Gal's medium model: recurrent 0.2,
    inputs and outputs 0.5. The paper does not name the largest norm of a gradient; 1.0 is that of Ha et al. 2016.
    """
    settings: dict[str, object] = {
        "task": "ptb-characters",
        "num_parameters": 6_570_000,
        "embedding_size": 128,
        "epochs": 51,
        "batch_size": 32,
        "window": 100,
        "optimizer": "adam",
        "learning_rate": 0.001,
        "constant_epochs": 0,
        "decay": 1.0,
        "loss_over_time": "mean",
        "clip": 1.0,
        "weight_decay": 1e-4,
        "dropout": Dropout(inputs=0.5, output=0.5, state=0.2, variational=True),
        "keep": "best",
    }
    return TextSettings.from_json({**settings, **changes})


def quick_text(**changes: object) -> TextSettings:
    """Return settings of small language models, which rank cells after seconds of training."""
    settings: dict[str, object] = {
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
    return TextSettings.from_json({**settings, **changes})
