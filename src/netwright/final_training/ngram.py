"""Counts the n-grams of a text, tests the model, and writes its folder."""

from pathlib import Path

import numpy as np

from netwright.architectures.values import JsonObject
from netwright.children.ngram import Cache, KneserNey
from netwright.config.ngram import NgramSettings
from netwright.errors import ConfigError
from netwright.final_training.interface import sha256_of
from netwright.models.folder import read_description, write_ngram
from netwright.models.ngram import nats_of
from netwright.searching.provenance import provenance
from netwright.tasks.catalog import open_text, prepare_task
from netwright.tasks.text.data import TextData, check_long_enough
from netwright.training.perplexity import bits_of, perplexity_of


def count(
    settings: NgramSettings, *, task: str, data: Path | None, verify: bool, folder: Path, origin: str
) -> JsonObject:
    """Count the n-grams of a text, measure the model on validation and test, and write its folder.

    Args:
        settings: The order and the cache.
        task: The name of a text.
        data: The user's folder or file; None for the task's default.
        verify: Whether published files must have their official checksums.
        folder: The model's folder. One that the same call has completed is kept, without a second test.
        origin: The name of the model.

    Returns:
        The content of model.json.

    Raises:
        ConfigError: `folder` holds another model, or the task is no text.
        DataError: The data is missing or too short.
    """
    text = open_text(task, prepare_task(task, data, verify=verify), verify=False)
    check_long_enough(text, batch_size=1, window=settings.order)
    plan = {
        "settings": settings.to_json(),
        "data_sha256": sha256_of(text.train, text.validation),
        "test_sha256": sha256_of(text.test),
    }
    if folder.exists():
        return _counted_already(folder, plan)
    model = KneserNey.counted(text.train.numpy(), order=settings.order, vocabulary_size=len(text.vocabulary))
    description: JsonObject = {
        "kind": "ngram",
        "data": text.name,
        "data_notes": list(text.notes),
        "unit": text.unit,
        "vocabulary": list(text.vocabulary),
        **settings.to_json(),
        "origin": origin,
        "metrics": _measured(model, Cache(settings.cache_size, settings.cache_weight), text),
        **provenance(),
        "plan": plan,
    }
    write_ngram(folder, model, description)
    return read_description(folder)


def _measured(model: KneserNey, cache: Cache, text: TextData) -> JsonObject:
    """Measure every token of a part given those before it; the first one has an empty history and an empty cache."""
    validation, test = (float(np.mean(nats_of(model, cache, part.numpy()))) for part in (text.validation, text.test))
    return {
        "validation_perplexity": perplexity_of(validation),
        "test_perplexity": perplexity_of(test),
        f"test_bits_per_{text.unit}": bits_of(test),
        "num_validation_tokens": len(text.validation),
        "num_test_tokens": len(text.test),
        "num_train_tokens": len(text.train),
        "num_ngrams": list(model.num_ngrams),
    }


def _counted_already(folder: Path, plan: JsonObject) -> JsonObject:
    document = read_description(folder)
    if document.get("plan") != plan:
        raise ConfigError(
            f"{folder} holds a model of another kind, of other settings or other data; choose another --out, or remove "
            "the folder"
        )
    return document


def model_lines(model: JsonObject) -> list[str]:
    """Describe size and perplexities of a counted model, from its model.json, in a few lines for the terminal."""
    metrics, unit = model["metrics"], model["unit"]
    numbers = ", ".join(f"{number:,} of {n}" for n, number in enumerate(metrics["num_ngrams"], 1))
    cache = (
        f", cache of {model['cache_size']} tokens with weight {model['cache_weight']:g}" if model["cache_size"] else ""
    )
    return [
        f"{model['origin']}: modified Kneser-Ney of order {model['order']}{cache}",
        f"{sum(metrics['num_ngrams']):,} n-grams in {metrics['num_train_tokens']:,} tokens ({numbers} tokens)",
        f"validation perplexity {metrics['validation_perplexity']:.2f} ({metrics['num_validation_tokens']:,} tokens)",
        f"test perplexity {metrics['test_perplexity']:.2f} on {model['data']} "
        f"({metrics[f'test_bits_per_{unit}']:.3f} bits per {unit}, {metrics['num_test_tokens']:,} tokens)",
    ]
