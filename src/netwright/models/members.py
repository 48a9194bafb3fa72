"""The members of model.json that are needed to rebuild each kind of network, each with a check of its value."""

from collections.abc import Callable
from typing import get_args

from netwright.architectures.word_inputs import InputLayer, OutputLayer
from netwright.children.translation.beam import BeamSettings


def _is_size(value: object) -> bool:
    return type(value) is int and 0 < value < 100_000


def _is_depth(value: object) -> bool:
    return _is_size(value) and value != 1


Wanted = dict[str, tuple[str, Callable[[object], bool]]]
COMMON: Wanted = {
    "format": ("a number", lambda value: type(value) is int),
    "weights_sha256": ("a checksum", lambda value: isinstance(value, str) and value.isalnum()),
}
IMAGES: Wanted = {
    "input_shape": (
        "[channels, height, width]",
        lambda value: isinstance(value, list) and len(value) == 3 and all(map(_is_size, value)),
    ),
    "upsample": ("a number of pixels or null", lambda value: value is None or _is_size(value)),
    "epsilon": ("a number between 0 and 1", lambda value: type(value) is float and 0 < value < 1),
    "class_names": (
        "a list of names",
        lambda value: isinstance(value, list) and len(value) > 0 and all(isinstance(name, str) for name in value),
    ),
}
TEXT: Wanted = {
    "vocabulary": (
        "a list of tokens",
        lambda value: isinstance(value, list) and len(value) > 0 and all(isinstance(token, str) for token in value),
    ),
    "hidden_size": ("a number of units", _is_size),
    "num_layers": ("a number of layers", _is_size),
    "embedding_size": ("a number of units or null", lambda value: value is None or _is_size(value)),
    "tied": ("true or false", lambda value: type(value) is bool),
    "cell_bias": ("true or false", lambda value: type(value) is bool),
}


def _is_temperature(value: object) -> bool:
    return value is None or (type(value) in (int, float) and 0 < float(str(value)) < 1_000)


def _are_tests(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(each, dict) and type(each.get("count")) is int and each["count"] > 0 for each in value.values()
    )


IMAGES_OPTIONAL: Wanted = {
    "metrics": (
        "the figures of a test, with a temperature above 0 or null",
        lambda value: isinstance(value, dict) and _is_temperature(value.get("temperature")),
    ),
    "tests": ("the number of tests on each set of images", _are_tests),
    "plan": (
        "what was trained",
        lambda value: isinstance(value, dict) and isinstance(value.get("search_settings", {}), dict),
    ),
    "data_id": ("what identifies the data", lambda value: value is None or isinstance(value, dict)),
}
"""The members of a network for images that older or other ones lack."""

OPTIONAL: dict[str, tuple[object, tuple[str, ...]]] = {
    "input_layer": ("embedding", get_args(InputLayer)),
    "output_layer": ("softmax", get_args(OutputLayer)),
}
"""The members of a language model's model.json that older ones lack: the default, and the possible values."""
TRANSLATION: Wanted = {
    "subwords": ("a model of sentencepiece in base64", lambda value: isinstance(value, str)),
    "hidden_size": TEXT["hidden_size"],
    "max_length": ("a number of pieces", _is_size),
    "num_encoder_layers": ("a number of layers, 2 or more", _is_depth),
    "num_decoder_layers": ("a number of layers, 2 or more", _is_depth),
    "cell_bias": TEXT["cell_bias"],
    "beam": (
        "the settings of a beam",
        lambda value: isinstance(value, dict) and value.keys() == BeamSettings.__dataclass_fields__.keys(),
    ),
}
NGRAM: Wanted = {
    "vocabulary": TEXT["vocabulary"],
    "cache_size": ("a number of tokens", lambda value: type(value) is int and value >= 0),
    "cache_weight": ("a number from 0 to 1", lambda value: type(value) in (int, float) and 0 <= float(str(value)) <= 1),
}
REQUIRED: dict[str, Wanted] = {
    "images": {**COMMON, **IMAGES},
    "text": {**COMMON, **TEXT},
    "translation": {**COMMON, **TRANSLATION},
    "ngram": {**COMMON, **NGRAM},
}
"""The members of model.json that are needed to rebuild each kind of network: in words, and as a check."""
