"""Children on texts: recurrent cells in language models (paper, section 4.2)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from netwright.architectures.costs import hidden_size_for, language_model_parameters
from netwright.architectures.families import reads_text
from netwright.architectures.values import JsonObject
from netwright.architectures.word_inputs import CHARACTER_CNNS
from netwright.config import FinalTextSettings, TextSettings
from netwright.evaluation.interface import DatasetInfo, Evaluation, grid_lines
from netwright.evaluation.rewards import PerplexityReward, Reward

if TYPE_CHECKING:
    from netwright.evaluation.text_worker import TextChild

LANGUAGE_MODEL_SETTINGS = {"num_layers", "tied", "embedding_size", "cell_bias", "input_layer", "output_layer"}
TRAINING_SETTINGS = {
    "epochs", "batch_size", "window", "optimizer", "learning_rate", "constant_epochs", "decay", "loss_over_time",
    "clip", "weight_decay", "dropout",
    "augmented_weight", "augmented_temperature",
    "least_gain",
    "warm_up", "keep",
}  # fmt: skip
SPEED_SETTINGS = {"device", "precision", "deterministic"}


@dataclass(frozen=True)
class TextEvaluation(Evaluation):
    """Implements `Evaluation` for texts."""

    settings: TextSettings

    final_settings: ClassVar = FinalTextSettings

    @property
    def reward(self) -> Reward:
        """The constant over the squared validation perplexity."""
        return PerplexityReward(self.settings.constant, self.settings.keep)

    def open(self, path: Path | None, *, verify: bool) -> DatasetInfo:
        """Find and read the text of the task; `shape` is the size of its vocabulary."""
        from netwright.tasks.catalog import open_text, prepare_task
        from netwright.tasks.text.data import check_long_enough

        folder = prepare_task(self.settings.task, path, verify=verify)
        data = open_text(self.settings.task, folder, verify=False)
        check_long_enough(data, self.settings.batch_size, self.settings.window)
        return DatasetInfo(data.name, data.notes, folder, len(data.vocabulary), identity=data.identity)

    def evaluate(self, folder: Path | None) -> "TextChild":
        """Return what trains one language model."""
        from netwright.evaluation.text_worker import TextChild
        from netwright.training.speed import Speed

        settings = self.settings
        return TextChild(
            task=settings.task,
            folder=folder,
            num_train_tokens=settings.num_train_tokens,
            num_validation_tokens=settings.num_validation_tokens,
            hidden_size=settings.hidden_size,
            num_parameters=settings.num_parameters,
            init_range=settings.init_range,
            orthogonal=settings.orthogonal,
            model=settings.model_dump(include=LANGUAGE_MODEL_SETTINGS),
            training=settings.model_dump(include=TRAINING_SETTINGS),
            speed=Speed(**settings.model_dump(include=SPEED_SETTINGS)),
        )

    def costs(self, architecture: object, shape: object) -> Mapping[str, int]:
        """Count the parameters of the language model, and the hidden size that they allow.

        Those of a model that reads the spelling of words depend on more than the size of the vocabulary; nothing is
        counted for it.
        """
        if not isinstance(shape, int) or not reads_text(architecture) or self.settings.input_layer in CHARACTER_CNNS:
            return {}
        settings = self.settings.model_dump(include=LANGUAGE_MODEL_SETTINGS)
        hidden_size = self.settings.hidden_size
        if hidden_size is None:
            assert self.settings.num_parameters is not None
            hidden_size = hidden_size_for(self.settings.num_parameters, architecture, shape, **settings)
        count = language_model_parameters(architecture, shape, hidden_size=hidden_size, **settings)
        return {"num_parameters": count, "hidden_size": hidden_size}

    def model_lines(self, model: JsonObject) -> list[str]:
        """Describe size, settings, choice and test."""
        metrics, settings, unit = model["metrics"], model["settings"], model["unit"]
        tested, other = _figures(metrics["test_perplexity"], unit)
        return [
            f"{model['origin']}, {metrics['num_parameters']:,} parameters, {model['hidden_size']} units in "
            f"{model['num_layers']} layers, {settings['epochs']} epochs on {metrics['num_train_tokens']:,} tokens: "
            f"learning rate {settings['learning_rate']:g}{_warm_up(settings)}{_until(settings)}, first weights up to "
            f"{settings['init_range']:g}{_kept(model)}",
            *grid_lines(model, "validation_perplexity", None if unit == "word" else _validation_bits),
            f"test {tested} on {model['data']} ({other}, {metrics['num_test_tokens']:,} tokens, tested once)",
            *_monte_carlo_lines(metrics, unit),
        ]


def _figures(perplexity: float, unit: str) -> tuple[str, str]:
    """Return the usual figure of a text first, and the other one: perplexity of words, bits for each character."""
    figures = f"perplexity {perplexity:.2f}", f"{math.log2(perplexity):.3f} bits per {unit}"
    return figures if unit == "word" else figures[::-1]


def _validation_bits(perplexity: float) -> str:
    return f"{math.log2(perplexity):.4f} bits per character on validation"


def _monte_carlo_lines(metrics: JsonObject, unit: str) -> list[str]:
    if "test_perplexity_monte_carlo" not in metrics:
        return []
    return [
        f"test {_figures(metrics['test_perplexity_monte_carlo'], unit)[0]} by Monte-Carlo evaluation: the mean of "
        f"{metrics['mc_samples']} passes with dropout"
    ]


def _warm_up(settings: JsonObject) -> str:
    """Describe the warm-up; older models lack it."""
    share = settings.get("warm_up", 0.0)
    return f" after a warm-up of {share:.3g} of the training" if share else ""


def _kept(model: JsonObject) -> str:
    """Name the epoch whose weights were kept if it is the best one; older models keep the last."""
    if model["settings"].get("keep", "last") == "last":
        return ""
    perplexities = model["validation_perplexities"]
    return f"; weights of epoch {perplexities.index(min(perplexities)) + 1}, the best on validation"


def _until(settings: JsonObject) -> str:
    """Describe when the learning rate falls, by the settings of a model; older ones lack `least_gain`."""
    if settings["decay"] == 1:
        return ""
    if (gain := settings.get("least_gain")) is not None:
        return f" until an epoch gains less than {gain:g} in validation perplexity"
    return f" for {settings['constant_epochs']} epochs"
