"""How large a language model is, counted from its description alone, and the width that gives a wanted size.

The models are those of children/language_model.py: an embedding, recurrent layers, a softmax with a bias.
"""

from typing import Any

from netwright.architectures.recurrent import RecurrentCell
from netwright.architectures.recurrent_baselines import Lstm, RecurrentArchitecture
from netwright.errors import ConfigError


def language_model_parameters(
    architecture: RecurrentArchitecture,
    vocabulary_size: int,
    *,
    hidden_size: int,
    num_layers: int = 2,
    tied: bool = False,
    embedding_size: int | None = None,
    cell_bias: bool = False,
) -> int:
    """The number of weights and biases; the arguments are those of `LanguageModel`."""
    embedded = hidden_size if embedding_size is None else embedding_size
    inputs = [embedded] + [hidden_size] * (num_layers - 1)
    layers = sum(_of_layer(architecture, input_size, hidden_size, cell_bias) for input_size in inputs)
    words = vocabulary_size * (embedded if tied else embedded + hidden_size)
    return words + layers + vocabulary_size


def _of_layer(architecture: RecurrentArchitecture, inputs: int, hidden: int, cell_bias: bool) -> int:
    if isinstance(architecture, RecurrentCell):
        return architecture.base * hidden * (inputs + hidden + cell_bias)
    if isinstance(architecture, Lstm):
        return 4 * hidden * (inputs + hidden + 1)
    return 2 * hidden * (inputs + architecture.depth * (hidden + 1))


def hidden_size_for(
    num_parameters: int, architecture: RecurrentArchitecture, vocabulary_size: int, **settings: Any
) -> int:
    """The largest hidden size with which the model has at most `num_parameters`.

    The paper keeps all children of a search at one size in this way (section 4.2). `settings` are the other keyword
    arguments of `language_model_parameters`. Raises `ConfigError` where one unit is too many already.
    """

    def size(hidden_size: int) -> int:
        return language_model_parameters(architecture, vocabulary_size, hidden_size=hidden_size, **settings)

    if size(1) > num_parameters:
        raise ConfigError(
            f"num_parameters is {num_parameters:,}, and a language model of {vocabulary_size:,} tokens has at least "
            f"{size(1):,}; ask for more"
        )
    enough, too_many = 1, 2
    while size(too_many) <= num_parameters:
        enough, too_many = too_many, 2 * too_many
    while too_many - enough > 1:
        middle = (enough + too_many) // 2
        enough, too_many = (middle, too_many) if size(middle) <= num_parameters else (enough, middle)
    return enough
