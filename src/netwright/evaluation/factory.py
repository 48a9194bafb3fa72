"""From the name of a kind of child to its description; the only place that maps them."""

from collections.abc import Callable, Mapping

from netwright.config import EvaluateSettings
from netwright.evaluation.function import FunctionEvaluation
from netwright.evaluation.images import ImageEvaluation
from netwright.evaluation.interface import Evaluation
from netwright.evaluation.table import TableEvaluation
from netwright.evaluation.text import TextEvaluation
from netwright.evaluation.translation import TranslationEvaluation

EVALUATIONS: Mapping[
    str, type[ImageEvaluation | TextEvaluation | TranslationEvaluation | TableEvaluation | FunctionEvaluation]
] = {
    "images": ImageEvaluation,
    "text": TextEvaluation,
    "translation": TranslationEvaluation,
    "table": TableEvaluation,
    "function": FunctionEvaluation,
}
"""By the `kind` in a config's `evaluate` group."""


def evaluation_of(settings: EvaluateSettings) -> Evaluation:
    """Return the description of the kind that a config's `evaluate` group selects."""
    make: Callable[..., Evaluation] = EVALUATIONS[settings.kind]
    return make(settings)
