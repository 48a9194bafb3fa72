"""Settings of n-gram models, which are counted and not trained."""

from typing import Annotated

from pydantic import Field, NonNegativeInt

from netwright.config.base import Fraction, Settings


class NgramSettings(Settings):
    """An n-gram model with Kneser-Ney smoothing (Mikolov & Zweig 2012, tables 2 and 3)."""

    order: Annotated[int, Field(ge=1, le=8)] = 5  # tokens of the longest n-grams; Mikolov & Zweig
    cache_size: NonNegativeInt = 0  # last tokens in a unigram cache; 0 is no cache
    cache_weight: Fraction = 0.1  # of the cache's probability beside the model's; ours
