"""Settings of the kinds of children: how a child is trained and evaluated."""

import inspect
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from netwright.architectures.values import JsonObject
from netwright.architectures.word_inputs import InputLayer, OutputLayer
from netwright.children.dropout import Dropout
from netwright.config.base import Below1, Fraction, FunctionField, NonNegative, Positive, Settings, Share, Values

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class ChildSettings(Settings):
    """Base class of the settings of one kind of child, with what the rest of a config must respect.

    A new kind is a class here, added to `EvaluateSettings`, and a description in `netwright.evaluation`.
    """

    cannot_limit: ClassVar[Mapping[str, str]] = {}
    """The costs that cannot be limited ("parameters", "multiply_adds"), each with the reason."""
    cannot_repeat: ClassVar[str | None] = None
    """Why architectures cannot be confirmed by training them again for as many epochs; None where they can."""
    cannot_train_longer: ClassVar[str | None] = None
    """Why children cannot be trained for another number of epochs; None where they can."""
    trains: ClassVar[Literal["images", "text"] | None] = None
    """The families of architectures that are trained, by `Family.trained_on`; None where none is trained."""

    @property
    def cannot_stop(self) -> str | None:
        """Why children cannot be stopped early; None where they can."""
        return None


class ImageSettings(ChildSettings):
    """How a network is trained on images and evaluated (paper, section 4.1)."""

    trains: ClassVar = "images"

    kind: Literal["images"] = "images"  # of children
    task: str = "cifar10"  # the data set
    num_train: PositiveInt | None = None  # images; None is all that validation leaves
    num_validation: PositiveInt | Share = 5000  # images; paper. Below 1: that share of every class
    split_seed: int = 0  # of the split into training and validation images
    image_size: Annotated[int, Field(ge=1, le=224)] | None = None  # largest side of own images in pixels; None is 64
    epochs: PositiveInt = 50  # passes over the training images; paper
    batch_size: PositiveInt = 64  # images; DenseNet's; the paper names no other
    learning_rate: Positive = 0.1  # of SGD, the first one; paper
    schedule: Literal["constant", "step", "cosine"] = "step"  # of the learning rate; DenseNet's
    milestones: Values[Share] = (0.5, 0.75)  # shares of training at which "step" divides the rate; DenseNet's
    decay: Annotated[float, Field(ge=1)] = 10.0  # "step" divides the learning rate by it at every milestone; DenseNet's
    warm_up: Below1 = 0.0  # share of training at a tenth of the learning rate, before any schedule; none in the paper
    momentum: Fraction = 0.9  # of SGD; paper
    nesterov: bool = True  # whether the momentum is Nesterov's; paper
    weight_decay: NonNegative = 0.0001  # of all weights; paper
    upsample: PositiveInt | None = 40  # pixels of the longer side, then a crop; Zoph et al. 2018. None is none
    padding: PositiveInt | None = None  # pixels of zeros on each side, then a crop, in the place of upsample; He 2015
    flips: bool = True  # left and right, half of the time; paper
    class_weights: Literal["none", "balanced"] = (
        "none"  # balanced: all classes count alike in the loss; none in the paper
    )
    score: Literal["accuracy", "balanced-accuracy", "macro-f1"] = "accuracy"  # of the validation images; paper
    last_epochs: PositiveInt = 5  # the score is the best one of the last epochs; paper
    exponent: Positive = 3.0  # reward = score ** exponent; paper. The slides say 2
    device: Literal["auto", "cpu", "cuda"] = "auto"  # auto: a GPU where there is one
    precision: Literal["auto", "float32", "bfloat16"] = "auto"  # auto: bfloat16 where the hardware has it
    deterministic: bool = True  # on a GPU the same seed gives the same bits; false may be faster
    channels_last: bool = True  # the order of values in memory, which is faster on most hardware

    @model_validator(mode="after")
    def _one_enlargement(self) -> Self:
        if self.upsample is not None and self.padding is not None:
            raise ValueError("give either upsample or padding, and null for the other")
        return self


class TextSettings(ChildSettings):
    """How the language model around a recurrent cell is trained and evaluated (paper, section 4.2).

    The paper gives layers, size, epochs and reward; the other values are those of its reference models of medium size
    (Zaremba et al. 2014, Gal & Ghahramani 2016).
    """

    cannot_limit: ClassVar[Mapping[str, str]] = {
        "multiply_adds": "multiply-adds are counted for networks for images alone; limit the parameters of a cell"
    }
    trains: ClassVar = "text"

    kind: Literal["text"] = "text"  # of children
    task: str = "ptb"  # the data set
    num_train_tokens: PositiveInt | None = None  # the first ones; None is all
    num_validation_tokens: PositiveInt | None = None  # the first ones; None is all
    num_parameters: PositiveInt | None = 20_000_000  # of the whole model, which decides the hidden size; paper
    hidden_size: PositiveInt | None = None  # units of a layer, in the place of num_parameters
    num_layers: PositiveInt = 2  # recurrent layers; paper
    embedding_size: PositiveInt | None = None  # None is the hidden size
    tied: bool = False  # whether the softmax has the embedding's weights
    cell_bias: bool = False  # whether the leaves of a cell have a bias; none in the paper
    input_layer: InputLayer = "embedding"  # what stands for a token; char-cnn-small and -large are Kim's
    output_layer: OutputLayer = "softmax"  # pointer-sentinel mixes in a pointer to the last 100 tokens; Merity
    init_range: Positive = 0.05  # matrices U(-0.05, 0.05); Zaremba
    orthogonal: bool = False  # whether the recurrent layers' matrices begin orthogonal instead; Ha
    epochs: PositiveInt = 35  # passes over the training text; paper
    batch_size: PositiveInt = 20  # sequences side by side; Zaremba
    window: PositiveInt = 35  # steps through which gradients flow; Zaremba
    optimizer: Literal["sgd", "adam"] = "sgd"  # how weights are updated; Zaremba
    learning_rate: Positive = 1.0  # the first one; Zaremba
    constant_epochs: NonNegativeInt = 6  # epochs before the learning rate begins to fall; Zaremba
    decay: Annotated[float, Field(ge=1)] = 1.2  # the learning rate is divided by it at every further epoch; Zaremba
    least_gain: NonNegative | None = None  # perplexity; decay only after epochs that gain less on validation; Kim
    warm_up: Below1 = 0.0  # share of training during which the learning rate rises linearly; none in the paper
    keep: Literal["last", "best"] = "last"  # the epoch whose weights are kept; best: that of the best validation
    loss_over_time: Literal["sum", "mean"] = "sum"  # of a window's nats; Zaremba
    clip: Positive = 5.0  # largest norm of a gradient; Zaremba
    weight_decay: NonNegative = 0.0  # of all weights; none in the paper
    dropout: Dropout = Dropout(inputs=0.5, output=0.5, state=0.2, words=0.2, variational=True)  # probabilities; Gal
    augmented_weight: NonNegative = 0.0  # gamma, weight of the augmented loss; 0 is none. Inan et al. 2016
    augmented_temperature: Positive = 20.0  # of the augmented loss; Inan et al. 2016
    constant: Positive = 80.0  # reward = constant / (validation perplexity) ** 2; paper
    device: Literal["auto", "cpu", "cuda"] = "auto"  # auto: a GPU where there is one
    precision: Literal["auto", "float32", "bfloat16"] = "auto"  # auto: bfloat16 where the hardware has it
    deterministic: bool = True  # on a GPU the same seed gives the same bits; false may be faster

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if (self.num_parameters is None) == (self.hidden_size is None):
            raise ValueError("give either num_parameters or hidden_size, and null for the other")
        if self.augmented_weight and self.input_layer != "embedding":
            raise ValueError('an augmented_weight needs the words\' vectors of input_layer = "embedding"')
        return self


class TranslationSettings(ChildSettings):
    """How the translator around a recurrent cell is trained and evaluated (GNMT, Wu et al. 2016, arXiv 1609.08144).

    GNMT has 8 + 8 layers of 1024 units and 32,000 pieces, and was trained on 5 million pairs; the defaults are for the
    29,000 pairs of Multi30k on one core.
    """

    trains: ClassVar = "text"

    kind: Literal["translation"] = "translation"  # of children
    task: str = "multi30k"  # the data set
    source: str | None = None  # the language to translate from; None is the task's own direction
    target: str | None = None  # the language to translate to
    vocabulary_size: Annotated[int, Field(ge=8, le=1_000_000)] = 4_000  # pieces of both languages together
    max_length: PositiveInt = 100  # pieces of a sentence; longer pairs are not trained on
    num_train_pairs: PositiveInt | None = None  # of a search and of a grid, the first ones; None is all
    num_parameters: PositiveInt | None = None  # of the whole model, which decide the hidden size
    hidden_size: PositiveInt | None = 256  # units of a layer, in the place of num_parameters
    num_encoder_layers: Annotated[int, Field(ge=2)] = 2  # the first one has two directions
    num_decoder_layers: Annotated[int, Field(ge=2)] = 2  # recurrent layers
    cell_bias: bool = False  # whether the leaves of a cell have a bias; none in the paper
    init_range: Positive = 0.1  # matrices U(-0.1, 0.1); GNMT 0.04 for 1024 units
    epochs: PositiveInt = 12  # passes over the training pairs
    batch_size: PositiveInt = 128  # pairs; paper
    learning_rate: Positive = 0.004  # of Adam; paper 0.0002 for 1024 units
    warm_up: Below1 = 0.05  # share of training during which the learning rate rises linearly
    decay_from: Share = 0.5  # share of training after which the learning rate is halved four times; GNMT
    clip: Positive = 5.0  # largest norm of a gradient; GNMT
    dropout: Below1 = 0.3  # of the inputs of every layer and of the softmax; GNMT
    label_smoothing: Below1 = 0.0  # share of the target that is spread over all pieces; none in GNMT
    beam_size: Annotated[int, Field(ge=1, le=1_000)] = 5  # hypotheses kept at every step of a translation
    length_penalty: Annotated[float, Field(ge=0, le=2)] = 0.2  # exponent of the length normalisation; GNMT
    coverage_penalty: Annotated[float, Field(ge=0, le=2)] = 0.2  # weight of attention to all words; GNMT
    constant: Positive = 80.0  # reward = constant / (validation perplexity of a piece) ** 2; as for language models
    device: Literal["auto", "cpu", "cuda"] = "auto"  # auto: a GPU where there is one
    precision: Literal["auto", "float32", "bfloat16"] = "auto"  # auto: bfloat16 where the hardware has it
    deterministic: bool = True  # on a GPU the same seed gives the same bits; false may be faster

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if (self.num_parameters is None) == (self.hidden_size is None):
            raise ValueError("give either num_parameters or hidden_size, and null for the other")
        if (self.source is None) != (self.target is None):
            raise ValueError("give both source and target, or neither for the task's own direction")
        return self


class FunctionSettings(ChildSettings):
    """A user's own function: architecture -> reward."""

    cannot_limit: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("parameters", "multiply_adds"),
        "netwright counts the costs of its own networks; a function of your own counts its own",
    )
    cannot_train_longer: ClassVar[str | None] = (
        "your own function decides how long it trains; confirm without a number of epochs"
    )

    task: ClassVar[None] = None
    """The function has its own data."""

    kind: Literal["function"] = "function"  # of children
    function: FunctionField  # MODULE:FUNCTION or FILE.py:FUNCTION

    @property
    def takes_trial(self) -> bool:
        """Whether the function has a second argument, the trial with which it reports its scores."""
        try:
            parameters = inspect.signature(self.function).parameters.values()
        except (TypeError, ValueError):  # a function of C without a signature
            return False
        second = [each for each in parameters if each.kind in POSITIONAL][1:2]
        return any(each.default is each.empty or each.name == "trial" for each in second)

    @property
    def cannot_stop(self) -> str | None:
        """A function that reports no scores cannot be stopped."""
        if self.takes_trial:
            return None
        return (
            "evaluate reports no scores while it trains, so that no child can be stopped early; write it as "
            "evaluate(architecture, trial) and call trial.report(step, score) after each epoch"
        )


class TableSettings(ChildSettings):
    """A table of trained architectures: each is looked up, none is trained."""

    cannot_limit: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("parameters", "multiply_adds"),
        "costs are counted for networks that are trained; a table is searched without limits",
    )
    cannot_repeat: ClassVar[str | None] = (
        "what stands in a table stays what it is; confirm with --epochs N where the table has results after more epochs"
    )
    kind: Literal["table"] = "table"  # of children
    task: str = "nasbench201-cifar10"  # the table

    @property
    def cannot_stop(self) -> str | None:
        """Nothing is trained."""
        return "a table has the results at the end alone, so that no child can be stopped early"


EvaluateSettings = ImageSettings | TextSettings | TranslationSettings | FunctionSettings | TableSettings
"""The settings of any kind of child; the field `kind` is the discriminator."""

LATER_SETTINGS: Mapping[str, JsonObject] = {
    "images": {
        "milestones": [0.5, 0.75],
        "decay": 10.0,
        "warm_up": 0.0,
        "image_size": None,
        "nesterov": True,
        "padding": None,
        "class_weights": "none",
        "score": "accuracy",
        "deterministic": True,
    },
    "text": {
        "augmented_weight": 0.0,
        "augmented_temperature": 20.0,
        "input_layer": "embedding",
        "output_layer": "softmax",
        "orthogonal": False,
        "least_gain": None,
        "warm_up": 0.0,
        "keep": "last",
        "deterministic": True,
    },
    "translation": {"deterministic": True},
}
"""By kind of child, the settings that older runs and models lack, with the values that describe what these did."""


def completed(evaluate: JsonObject) -> JsonObject:
    """Return the JSON of a child's settings with those that did not exist when it was stored."""
    return {**LATER_SETTINGS.get(evaluate["kind"], {}), **evaluate}


def as_stored_first(evaluate: JsonObject) -> JsonObject:
    """Return the JSON of a child's settings without later ones whose values change nothing.

    Fingerprints and plans of final trainings are made of it, so that those of older versions stay valid.
    """
    later = LATER_SETTINGS.get(evaluate["kind"], {})
    return {name: value for name, value in evaluate.items() if name not in later or value != later[name]}
