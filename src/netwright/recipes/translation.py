"""Searches for recurrent cells of translators."""

from netwright.config import ReinforceSettings, RunConfig, TranslationSettings
from netwright.spaces.recurrent import recurrent_cell


def multi30k() -> RunConfig:
    """Cells of base 8 in translators from English to German on Multi30k, 2 + 2 layers of 256 units.

    Half an hour for each of 400 children on a core; `--set evaluate.num_train_pairs=6000 --set evaluate.epochs=4` is 20
    times cheaper.
    """
    return RunConfig(
        recipe="multi30k",
        space=recurrent_cell(8),
        evaluate=TranslationSettings(),
        strategy=ReinforceSettings(learning_rate=0.0005),
        num_trials=400,
    )
