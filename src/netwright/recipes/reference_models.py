"""Reference models: the language models that the paper compares its cells with, as their authors trained them.

netwright train lstm-small --task ptb --grid none
netwright train nas-cell --task ptb --grid none --like lstm-small       # as many parameters, the same settings
netwright train hyper-lstm --task ptb-characters --grid none
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from netwright.architectures.costs import language_model_parameters
from netwright.architectures.recurrent import (
    DeepTransition,
    Elman,
    HyperLstm,
    LayerNormLstm,
    Lstm,
    RecurrentArchitecture,
    RecurrentHighway,
)
from netwright.children.dropout import Dropout
from netwright.config import TextSettings, TranslationSettings
from netwright.errors import ConfigError, unknown
from netwright.recipes.cells import character_text

Sized = TypeVar("Sized", TextSettings, TranslationSettings)
"""Settings of a model whose size the user chooses."""
VOCABULARIES = {"ptb": 10_000, "ptb-characters": 50}
"""Words, and characters, of the Penn Treebank."""
SPELLED_WITH = 51
"""Symbols of its words: 48 characters, and the marks of padding, start and end."""

ZAREMBA = "Zaremba et al. 2014, arXiv 1409.2329"
GAL = "Gal & Ghahramani 2016, arXiv 1512.05287"
ZILLY = "Zilly et al. 2016, arXiv 1607.03474"
MIKOLOV = "Mikolov & Zweig 2012, Context dependent recurrent neural network language model"
PASCANU = "Pascanu et al. 2013, arXiv 1312.6026"
PRESS = "Press & Wolf 2016, arXiv 1608.05859"
KRUEGER = "Krueger et al. 2016, arXiv 1606.01305; result: Merity et al. 2016, arXiv 1609.07843"
INAN = "Inan et al. 2016, arXiv 1611.01462"
HA = "Ha et al. 2016, arXiv 1609.09106"
KIM = "Kim et al. 2015, arXiv 1508.06615"
ZOPH = "Zoph & Le 2017, arXiv 1611.01578"
MERITY = "Merity et al. 2016, arXiv 1609.07843"


@dataclass(frozen=True)
class ReferenceModel:
    """A published language model.

    Args:
        architecture: The recurrent layer.
        settings: The settings of its training; their task is the one with the published result.
        published: The published test result, "82.7 perplexity"; empty if there is none.
        source: Authors, year and arXiv number.
    """

    architecture: RecurrentArchitecture
    settings: TextSettings
    published: str
    source: str

    @property
    def num_parameters(self) -> int:
        """Weights and biases on the task of the settings."""
        settings = self.settings
        assert settings.hidden_size is not None
        return language_model_parameters(
            self.architecture,
            VOCABULARIES[settings.task],
            hidden_size=settings.hidden_size,
            num_layers=settings.num_layers,
            tied=settings.tied,
            embedding_size=settings.embedding_size,
            input_layer=settings.input_layer,
            output_layer=settings.output_layer,
            num_characters=SPELLED_WITH,
        )


def zaremba_small() -> ReferenceModel:
    """2 x 200 units without dropout: Zaremba et al. 2014 (arXiv 1409.2329)."""
    settings = TextSettings(
        num_parameters=None, hidden_size=200, init_range=0.1, window=20, epochs=13, constant_epochs=4, decay=2.0,
        dropout=Dropout(),
    )  # fmt: skip
    return ReferenceModel(Lstm(), settings, published="", source=ZAREMBA)


def zaremba_medium() -> ReferenceModel:
    """2 x 650 units, dropout 0.5: the same paper; 82.7 test perplexity."""
    settings = TextSettings(
        num_parameters=None, hidden_size=650, init_range=0.05, epochs=39, constant_epochs=6, decay=1.2,
        dropout=Dropout(inputs=0.5, output=0.5),
    )  # fmt: skip
    return ReferenceModel(Lstm(), settings, published="82.7 perplexity", source=ZAREMBA)


def zaremba_large() -> ReferenceModel:
    """2 x 1500 units, dropout 0.65: the same paper; 78.4 test perplexity."""
    settings = TextSettings(
        num_parameters=None, hidden_size=1500, init_range=0.04, epochs=55, constant_epochs=14, decay=1.15, clip=10.0,
        dropout=Dropout(inputs=0.65, output=0.65),
    )  # fmt: skip
    return ReferenceModel(Lstm(), settings, published="78.4 perplexity", source=ZAREMBA)


def gal_medium() -> ReferenceModel:
    """2 x 650 units with variational dropout: Gal & Ghahramani 2016 (arXiv 1512.05287); 79.7 test perplexity."""
    dropout = Dropout(inputs=0.5, output=0.5, state=0.2, words=0.2, variational=True)
    settings = zaremba_medium().settings.model_copy(update={"dropout": dropout})
    return ReferenceModel(Lstm(), settings, published="79.7 perplexity, 78.6 with Monte-Carlo evaluation", source=GAL)


def gal_large() -> ReferenceModel:
    """2 x 1500 units with variational dropout: the same paper; 75.2 test perplexity."""
    dropout = Dropout(inputs=0.5, output=0.5, state=0.3, words=0.3, variational=True)
    changes = {"dropout": dropout, "constant_epochs": 10, "weight_decay": 1e-7}
    settings = zaremba_large().settings.model_copy(update=changes)
    return ReferenceModel(Lstm(), settings, published="75.2 perplexity, 73.4 with Monte-Carlo evaluation", source=GAL)


def rhn() -> ReferenceModel:
    """One layer of 830 units and depth 10, tied: Zilly et al. 2016 (arXiv 1607.03474); 66.0 test perplexity."""
    settings = TextSettings(
        num_parameters=None, hidden_size=830, num_layers=1, tied=True, init_range=0.04, epochs=500, learning_rate=0.2,
        constant_epochs=20, decay=1.02, clip=10.0, weight_decay=1e-7,
        dropout=Dropout(inputs=0.75, output=0.75, state=0.25, words=0.25, variational=True),
    )  # fmt: skip
    return ReferenceModel(RecurrentHighway(10), settings, published="66.0 perplexity", source=ZILLY)


def mikolov_rnn() -> ReferenceModel:
    """One layer of 300 sigmoid units: Mikolov & Zweig 2012; 124.7 test perplexity. The schedule is ours."""
    settings = TextSettings(
        num_parameters=None, hidden_size=300, num_layers=1, init_range=0.1, window=20, epochs=20, constant_epochs=8,
        decay=2.0, dropout=Dropout(),
    )  # fmt: skip
    return ReferenceModel(Elman(), settings, published="124.7 perplexity", source=MIKOLOV)


def pascanu_deep() -> ReferenceModel:
    """The DOT(S)-RNN: Pascanu et al. 2013 (arXiv 1312.6026); 107.5 test perplexity. Units and schedule are ours.

    With 280 units it has the 6M parameters of the table.
    """
    settings = mikolov_rnn().settings.model_copy(update={"hidden_size": 280})
    return ReferenceModel(DeepTransition(), settings, published="107.5 perplexity", source=PASCANU)


def rhn_uncoupled() -> ReferenceModel:
    """`rhn` with a carry gate of its own, equations 7 to 9 of the same paper, which has no result for it."""
    return ReferenceModel(RecurrentHighway(10, coupled=False), rhn().settings, published="", source=ZILLY)


def press_large_tied() -> ReferenceModel:
    """`lstm-variational-large` with shared embeddings: Press & Wolf 2016 (arXiv 1608.05859); 73.2 test perplexity."""
    settings = gal_large().settings.model_copy(update={"tied": True})
    return ReferenceModel(Lstm(), settings, published="73.2 perplexity", source=PRESS)


def zoneout_medium() -> ReferenceModel:
    """`lstm-variational-medium` with zoneout: Krueger et al. 2016 (arXiv 1606.01305); 80.6 test perplexity."""
    zoneout = Lstm(zoneout_state=0.025, zoneout_cell=0.25)
    return ReferenceModel(zoneout, gal_medium().settings, published="80.6 perplexity", source=KRUEGER)


def real_large() -> ReferenceModel:
    """VD-LSTM + REAL, large: Inan et al. 2016 (arXiv 1611.01462); 68.5 test perplexity. The value of gamma is ours."""
    settings = press_large_tied().settings.model_copy(update={"augmented_weight": 0.65})
    return ReferenceModel(Lstm(), settings, published="68.5 perplexity", source=INAN)


def ha(
    architecture: RecurrentArchitecture,
    bits: str,
    *,
    hidden_size: int = 1000,
    num_layers: int = 1,
    dropped: float = 0.1,
) -> ReferenceModel:
    """Make a model of characters, one layer of 1000 units by default: Ha et al. 2016 (arXiv 1609.09106), A.3.3.

    The number of epochs is that of the paper's small models of characters, 80,000 steps (section 4.2).

    Deviation: Ha et al. sample a dropout mask for every step and apply the recurrent one to the candidate of the cell
    state. Here dropout is variational, as in the paper's own models of characters.

    Args:
        architecture: The recurrent layer.
        bits: The published test bits per character.
        hidden_size: Units of a layer.
        num_layers: Layers.
        dropped: The rate of dropout of inputs, output and recurrent connections.
    """
    settings = TextSettings(
        task="ptb-characters", num_parameters=None, hidden_size=hidden_size, num_layers=num_layers,
        input_layer="one-hot", orthogonal=True, epochs=204, batch_size=128, window=100, optimizer="adam",
        learning_rate=0.001, constant_epochs=0, decay=1.0, loss_over_time="mean", clip=1.0,
        dropout=Dropout(inputs=dropped, output=dropped, state=dropped, variational=True),
    )  # fmt: skip
    return ReferenceModel(architecture, settings, published=f"{bits} bits per character", source=HA)


def zoph_characters() -> ReferenceModel:
    """2 x 716 units, 6.57M parameters, beside the cell of equal size: Zoph & Le 2017; 1.243 test bits per character.

    The paper states the number of parameters and not the number of units.
    """
    settings = character_text(num_parameters=None, hidden_size=716)
    return ReferenceModel(Lstm(), settings, published="1.243 bits per character", source=ZOPH)


def kim_large() -> ReferenceModel:
    """2 x 650 units that read the spelling of words: Kim et al. 2015 (arXiv 1508.06615); 78.9 test perplexity."""
    settings = TextSettings(
        num_parameters=None, hidden_size=650, input_layer="char-cnn-large", epochs=25, constant_epochs=0,
        least_gain=1.0, decay=2.0, dropout=Dropout(inputs=0.5, output=0.5),
    )  # fmt: skip
    return ReferenceModel(Lstm(), settings, published="78.9 perplexity", source=KIM)


def kim_small() -> ReferenceModel:
    """2 x 300 units with fewer filters: the same paper; 92.3 test perplexity."""
    changes = {"hidden_size": 300, "input_layer": "char-cnn-small"}
    return ReferenceModel(
        Lstm(), kim_large().settings.model_copy(update=changes), published="92.3 perplexity", source=KIM
    )


def merity_medium() -> ReferenceModel:
    """2 x 650 units with a pointer to the last 100 words: Merity et al. 2016 (arXiv 1609.07843); 70.9 test perplexity.

    Its LSTM is that of `zoneout_medium` (recalled). The published 21M parameters are 20,199,000 here.
    """
    changes = {
        "output_layer": "pointer-sentinel", "batch_size": 32, "window": 100, "epochs": 64, "constant_epochs": 0,
        "least_gain": 0.0, "decay": 2.0, "clip": 1.0,
    }  # fmt: skip
    settings = gal_medium().settings.model_copy(update=changes)
    return ReferenceModel(zoneout_medium().architecture, settings, published="70.9 perplexity", source=MERITY)


REFERENCE_MODELS: dict[str, Callable[[], ReferenceModel]] = {
    "lstm-small": zaremba_small,
    "lstm-medium": zaremba_medium,
    "lstm-large": zaremba_large,
    "lstm-variational-medium": gal_medium,
    "lstm-variational-large": gal_large,
    "rhn": rhn,
    "rnn": mikolov_rnn,
    "deep-rnn": pascanu_deep,
    "rhn-uncoupled": rhn_uncoupled,
    "lstm-variational-large-tied": press_large_tied,
    "lstm-zoneout-medium": zoneout_medium,
    "lstm-real-large": real_large,
    "lstm-char": zoph_characters,
    "lstm-char-1000": lambda: ha(Lstm(), "1.312"),
    "lstm-char-1250": lambda: ha(Lstm(), "1.306", hidden_size=1250),
    "lstm-char-2x1000": lambda: ha(Lstm(), "1.281", num_layers=2),
    "lstm-char-layer-norm": lambda: ha(LayerNormLstm(), "1.267"),
    "hyper-lstm": lambda: ha(HyperLstm(), "1.265"),
    "hyper-lstm-layer-norm": lambda: ha(HyperLstm(layer_norm=True), "1.250"),
    "hyper-lstm-large": lambda: ha(HyperLstm(signal_size=16, layer_norm=True), "1.233", dropped=0.15),
    "hyper-lstm-2x1000": lambda: ha(HyperLstm(signal_size=16, layer_norm=True), "1.219", num_layers=2, dropped=0.2),
    "char-cnn-small": kim_small,
    "char-cnn-large": kim_large,
    "pointer-sentinel-medium": merity_medium,
}
"""By the names that `netwright train` accepts."""

PAPER_SIZES = {"32M": False, "25M": True, "54M": True}
"""The sizes of the paper's final models (table 2), and whether their embeddings are tied."""


def reference_settings(name: str, task: str, *, shrunk: bool) -> TextSettings:
    """Return the settings of the reference model `name` on `task`.

    Args:
        name: A name in `REFERENCE_MODELS`.
        task: The name of a text.
        shrunk: For another architecture with as many parameters on the model's own task, instead of as many units.

    Raises:
        ConfigError: There is no reference model of this name.
    """
    if name not in REFERENCE_MODELS:
        raise ConfigError(unknown("reference model", name, REFERENCE_MODELS))
    model = REFERENCE_MODELS[name]()
    settings = model.settings.model_copy(update={"task": task})
    if not shrunk:
        return settings
    return settings.model_copy(update={"hidden_size": None, "num_parameters": model.num_parameters})


def resized(settings: Sized, *, size: str | None, hidden: int | None) -> Sized:
    """Return `settings` with another size: "25M" parameters, or `hidden` units; `ConfigError` for any other size."""
    if size is not None and hidden is not None:
        raise ConfigError(f"--size {size} and --hidden {hidden} are two ways to say one thing; give one of them")
    if hidden is not None:
        return settings.model_copy(update={"hidden_size": hidden, "num_parameters": None})
    if size is None:
        return settings
    millions = re.fullmatch(r"(\d+(?:\.\d+)?)[Mm]", size)
    if millions is None or float(millions[1]) == 0:
        raise ConfigError(f"--size {size} is no number of millions of parameters; expected 25M, 54M, 32M or, say, 5M")
    changes: dict[str, object] = {"hidden_size": None, "num_parameters": round(float(millions[1]) * 1e6)}
    if isinstance(settings, TextSettings) and size.upper() in PAPER_SIZES:
        changes["tied"] = PAPER_SIZES[size.upper()]
    return settings.model_copy(update=changes)
