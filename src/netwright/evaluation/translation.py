"""Children on parallel texts: recurrent cells in translators (paper, section 4.2, transfer to GNMT)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from netwright.architectures.costs import (
    translator_hidden_size_for,
    translator_multiply_adds,
    translator_parameters,
)
from netwright.architectures.families import reads_text
from netwright.architectures.values import JsonObject
from netwright.config import FinalTranslationSettings, TranslationSettings
from netwright.evaluation.interface import DatasetInfo, Evaluation, grid_lines
from netwright.evaluation.rewards import PerplexityReward, Reward

if TYPE_CHECKING:
    from netwright.evaluation.translation_worker import TranslationChild

PIECES_SETTINGS = {"vocabulary_size", "max_length"}
TRANSLATOR_SETTINGS = {"num_encoder_layers", "num_decoder_layers", "cell_bias"}
TRAINING_SETTINGS = {
    "epochs", "batch_size", "learning_rate", "warm_up", "decay_from", "clip", "dropout", "label_smoothing",
}  # fmt: skip
SPEED_SETTINGS = {"device", "precision", "deterministic"}


@dataclass(frozen=True)
class TranslationEvaluation(Evaluation):
    """Implements `Evaluation` for parallel texts."""

    settings: TranslationSettings

    final_settings: ClassVar = FinalTranslationSettings

    @property
    def reward(self) -> Reward:
        """The constant over the squared validation perplexity of a piece."""
        return PerplexityReward(self.settings.constant)

    def open(self, path: Path | None, *, verify: bool) -> DatasetInfo:
        """Find and read the parallel text of the task and learn its subwords; `shape` is the size of the vocabulary."""
        from netwright.evaluation.translation_worker import direction, in_pieces
        from netwright.tasks.catalog import open_parallel, prepare_task

        folder = prepare_task(self.settings.task, path, verify=verify)
        text = open_parallel(self.settings.task, folder, verify=False)
        languages = direction(text, self.settings.source, self.settings.target)
        in_pieces(text, languages, **self.settings.model_dump(include=PIECES_SETTINGS))  # raises what every child would
        return DatasetInfo(text.name, text.notes, folder, self.settings.vocabulary_size, identity=text.identity)

    def evaluate(self, folder: Path | None) -> "TranslationChild":
        """Return what trains one translator."""
        from netwright.evaluation.translation_worker import TranslationChild
        from netwright.training.speed import Speed

        settings = self.settings
        return TranslationChild(
            task=settings.task,
            folder=folder,
            languages=(settings.source, settings.target),
            pieces=settings.model_dump(include=PIECES_SETTINGS),
            num_train_pairs=settings.num_train_pairs,
            hidden_size=settings.hidden_size,
            num_parameters=settings.num_parameters,
            init_range=settings.init_range,
            model=settings.model_dump(include=TRANSLATOR_SETTINGS),
            training=settings.model_dump(include=TRAINING_SETTINGS),
            speed=Speed(**settings.model_dump(include=SPEED_SETTINGS)),
        )

    def costs(self, architecture: object, shape: object) -> Mapping[str, int]:
        """Count the parameters, the hidden size that they allow, and the multiply-adds for a pair of pieces."""
        if not isinstance(shape, int) or not reads_text(architecture):
            return {}
        settings = self.settings.model_dump(include=TRANSLATOR_SETTINGS)
        hidden_size = self.settings.hidden_size
        if hidden_size is None:
            assert self.settings.num_parameters is not None
            hidden_size = translator_hidden_size_for(self.settings.num_parameters, architecture, shape, **settings)
        settings["hidden_size"] = hidden_size
        return {
            "num_parameters": translator_parameters(architecture, shape, **settings),
            "multiply_adds": translator_multiply_adds(architecture, shape, **settings),
            "hidden_size": hidden_size,
        }

    def model_lines(self, model: JsonObject) -> list[str]:
        """Describe size, settings, choice and test BLEU."""
        metrics, settings = model["metrics"], model["settings"]
        return [
            f"{model['origin']}, {metrics['num_parameters']:,} parameters, {metrics['multiply_adds']:,} multiply-adds "
            f"for a piece of each side, {model['num_encoder_layers']} + {model['num_decoder_layers']} layers of "
            f"{model['hidden_size']} units, {settings['epochs']} epochs on {metrics['num_train_pairs']:,} pairs: "
            f"learning rate {settings['learning_rate']:g}, first weights up to {settings['init_range']:g}, warm-up "
            f"{settings['warm_up']:.0%} of training",
            *grid_lines(model, "validation_perplexity"),
            f"test BLEU {metrics['test_bleu']:.2f} on {model['data']} from {model['source']} to {model['target']}, "
            f"perplexity {metrics['test_perplexity']:.2f} of a piece ({metrics['num_test_pairs']:,} sentences, beam of "
            f"{model['beam']['size']}, tested once)",
            f"BLEU by sacreBLEU, {metrics['bleu_signature']}",
        ]
