"""Everything that `netwright train` trains by its name, with sizes, published results and sources."""

from dataclasses import asdict, dataclass
from typing import Literal

from netwright.architectures.convolutional import ConvNet
from netwright.architectures.costs import ImageShape, costs_of
from netwright.architectures.published import PUBLISHED
from netwright.architectures.values import JsonObject
from netwright.recipes.ngram_models import NGRAM_MODELS
from netwright.recipes.reference_models import REFERENCE_MODELS, ZOPH
from netwright.recipes.reference_networks import REFERENCE_NETWORKS
from netwright.recipes.translation import GNMT, GNMT_TASK

CIFAR10 = ImageShape(3, 32, 32, 10)
RESULTS = {
    "nas-cnn-15": "5.50% error",
    "nas-cell": "67.9 (32M), 64.0 (25M, tied), 62.4 (54M, tied) perplexity; characters: 1.228 (6.57M), 1.214 "
    "(16.28M) bits",
}
"""Of the paper's own architectures, by name."""


@dataclass(frozen=True)
class ListedModel:
    """A model that is trained by its name."""

    name: str
    kind: Literal["images", "text", "translation"]
    task: str
    """The one with the published result."""
    num_parameters: int | None
    """None where the model has the size that the user chooses, and for a table of n-grams."""
    multiply_adds: int | None
    """For one image; None for text."""
    published: str
    source: str

    def to_json(self) -> JsonObject:
        """Return the fields as JSON values."""
        return asdict(self)


GNMT_MODEL = ListedModel(
    GNMT,
    "translation",
    GNMT_TASK,
    None,
    None,
    "24.1 BLEU with LSTMs, 24.6 with the NAS cell, WMT'14 en-de",
    "Wu et al. 2016, arXiv 1609.08144; result: " + ZOPH,
)


def listed_models() -> list[ListedModel]:
    """Return all models, by task: networks for images, models of words, models of characters."""
    found = [*_published("images"), *_networks(), *_published("text"), *_ngrams(), *_language_models(), GNMT_MODEL]
    return sorted(found, key=lambda model: model.task)


def _published(kind: Literal["images", "text"]) -> list[ListedModel]:
    found = []
    for name, make in PUBLISHED.items():
        architecture = make()
        if isinstance(architecture, ConvNet) == (kind == "images"):
            costs = costs_of(architecture, CIFAR10) if isinstance(architecture, ConvNet) else None
            found.append(
                ListedModel(
                    name,
                    kind,
                    "cifar10" if costs else "ptb",
                    costs.num_parameters if costs else None,
                    costs.multiply_adds if costs else None,
                    RESULTS.get(name, ""),
                    ZOPH,
                )
            )
    return found


def _networks() -> list[ListedModel]:
    made = {name: make() for name, make in REFERENCE_NETWORKS.items()}
    return [
        ListedModel(
            name, "images", each.settings.task, each.num_parameters, each.multiply_adds, each.published, each.source
        )
        for name, each in made.items()
    ]


def _ngrams() -> list[ListedModel]:
    return [
        ListedModel(name, "text", "ptb", None, None, each.published, each.source) for name, each in NGRAM_MODELS.items()
    ]


def _language_models() -> list[ListedModel]:
    made = {name: make() for name, make in REFERENCE_MODELS.items()}
    return [
        ListedModel(name, "text", each.settings.task, each.num_parameters, None, each.published, each.source)
        for name, each in made.items()
    ]
