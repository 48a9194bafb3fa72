"""N-gram models as reference models: counted in seconds, without randomness.

netwright train kn-5 --task ptb
netwright train kn-5-cache --task ptb --set ngram.cache_size=500
"""

from dataclasses import dataclass

from netwright.config.ngram import NgramSettings
from netwright.recipes.reference_models import MIKOLOV


@dataclass(frozen=True)
class NgramReference:
    """A published n-gram model; the fields are those of a `ReferenceModel`.

    Args:
        settings: The order and the cache.
        published: The published test result.
        source: Authors, year and title.
    """

    settings: NgramSettings
    published: str
    source: str


NGRAM_MODELS = {
    "kn-5": NgramReference(NgramSettings(), published="141.2 perplexity", source=MIKOLOV),
    # The publication gives neither size nor weight of its cache; with these, the result is within 1 of the published.
    "kn-5-cache": NgramReference(NgramSettings(cache_size=200), published="125.7 perplexity", source=MIKOLOV),
}
"""By the names that `netwright train` accepts."""
