"""Translators: the published one by its name, and the search for their recurrent cells."""

from netwright.config import ReinforceSettings, RunConfig, TranslationSettings
from netwright.spaces.recurrent import recurrent_cell

GNMT = "gnmt"
"""The name of the translator of Wu et al. 2016; its cell, size and task are the user's choice."""
GNMT_CELL = "lstm"
GNMT_TASK = "multi30k"
"""What it has without --cell and --task."""


def multi30k() -> RunConfig:
    """Cells of base 8 in translators from English to German on Multi30k, 2 + 2 layers of 256 units.

    Half an hour a child on one core; 20 times less with evaluate.num_train_pairs=6000 and evaluate.epochs=4.
    """
    return RunConfig(
        recipe="multi30k",
        space=recurrent_cell(8),
        evaluate=TranslationSettings(),
        strategy=ReinforceSettings(learning_rate=0.0005),
        num_trials=400,
    )
