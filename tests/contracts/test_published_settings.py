"""Every setting of every recipe, strategy and reference model, typed from the publications and not from the code.

Letters and numbers in comments are sections: "4.1" of Zoph & Le (ICLR 2017), else the named paper. "ours" marks values
that no publication gives. A changed value is an error here or a decision that belongs into this table, the
documentation and the changelog.
"""

import inspect
import re
from typing import Any

import pytest

from netwright.architectures.recurrent import (
    DeepTransition,
    Elman,
    HyperLstm,
    LayerNormLstm,
    Lstm,
    RecurrentArchitecture,
    RecurrentHighway,
)
from netwright.compare.comparison import MODELS, TOPS
from netwright.config import STRATEGIES, ReplicaSettings, flattened
from netwright.evaluation.rewards import AccuracyReward, PerplexityReward
from netwright.recipes import RECIPES
from netwright.recipes.ngram_models import NGRAM_MODELS
from netwright.recipes.reference_models import PAPER_SIZES, REFERENCE_MODELS
from netwright.recipes.reference_networks import REFERENCE_NETWORKS
from netwright.training.text import train_language_model
from netwright.trials import Measurement

Table = dict[str, Any]

# Groups that recipes have in common -----------------------------------------------------------------------------------

RUN: Table = {
    "seed": 0, "batch_size": 8, "lag": 1, "replicas": None, "reuse": True, "failure_reward": None,
    "time_limit_seconds": None, "constraints.max_parameters": None, "constraints.max_multiply_adds": None,
    "constraints.rejected_reward": None, "constraints.target_parameters": None,
    "constraints.target_multiply_adds": None, "constraints.weight": 0.07, "constraints.max_redraws": 200,  # ours
    "confirm.top": 5, "confirm.num_seeds": 3, "confirm.epochs": None, "confirm.first": [], "confirm.at_end": False,
    "stopping.rungs": [], "stopping.min_reached": 8,  # no child is stopped in the paper
}  # fmt: skip
REWARD_0_OF_FAILURES: Table = {"failure_reward": 0.0, "constraints.rejected_reward": 0.0}  # ours, below every reward
CONTROLLER: Table = {
    "strategy.name": "reinforce", "strategy.policy": "lstm",
    "strategy.learning_rate": 0.0006, "strategy.hidden_size": 35, "strategy.num_layers": 2,  # 4.1
    "strategy.init_range": 0.08,  # 4.1
    "strategy.baseline_decay": 0.95,  # not in the paper; NASNet, appendix A
    "strategy.entropy_weight": 0.0, "strategy.temperature": 1.0,  # none in the paper
}  # fmt: skip
LAPTOP: Table = {"strategy.learning_rate": 0.01}  # ours, for tens of trials
CONVOLUTIONAL: Table = {
    "space.filter_sizes": [1, 3, 5, 7], "space.num_filters": [24, 36, 48, 64], "space.strides": [1],  # 4.1
    "space.skip_connections": True, "space.anchors": "before_filters", "space.may_end": False,  # 3.3, figure 4
    "space.block_size": 1, "space.pool_after": [], "space.more_filters": 0,
}  # fmt: skip
GROWING: Table = {"space.num_layers": {"schedule": {"start": 6, "step": 2, "interval": 1600, "stop": None}}}  # 4.1
IMAGES: Table = {
    "evaluate.kind": "images", "evaluate.task": "cifar10",
    "evaluate.num_train": None, "evaluate.num_validation": 5000, "evaluate.split_seed": 0,  # 4.1: 45,000 and 5,000
    "evaluate.image_size": None,  # for a user's own images alone
    "evaluate.epochs": 50, "evaluate.learning_rate": 0.1, "evaluate.momentum": 0.9,  # 4.1
    "evaluate.weight_decay": 0.0001,  # 4.1
    "evaluate.batch_size": 64, "evaluate.schedule": "step",  # DenseNet
    "evaluate.milestones": [0.5, 0.75], "evaluate.decay": 10.0, "evaluate.nesterov": True,  # DenseNet
    "evaluate.warm_up": 0.0, "evaluate.padding": None,  # none in the paper
    "evaluate.upsample": 40, "evaluate.flips": True,  # 4.1; 40: NASNet, appendix A
    "evaluate.last_epochs": 5, "evaluate.exponent": 3.0,  # 4.1
    "evaluate.score": "accuracy", "evaluate.class_weights": "none",  # 4.1: accuracy; no weights
    "evaluate.device": "auto", "evaluate.precision": "auto", "evaluate.channels_last": True,
    "evaluate.deterministic": True,  # ours
}  # fmt: skip
CELLS: Table = {
    "space.base": 8, "space.combinations": ["add", "elem_mult"],  # 3.4, 4.2
    "space.activations": ["identity", "tanh", "sigmoid", "relu"],  # 4.2
}  # fmt: skip
TEXT: Table = {
    "evaluate.kind": "text", "evaluate.task": "ptb",
    "evaluate.num_train_tokens": None, "evaluate.num_validation_tokens": None,
    "evaluate.num_parameters": 20_000_000, "evaluate.hidden_size": None, "evaluate.num_layers": 2,  # 4.2
    "evaluate.embedding_size": None, "evaluate.tied": False, "evaluate.cell_bias": False,
    "evaluate.epochs": 35, "evaluate.constant": 80.0,  # 4.2
    "evaluate.input_layer": "embedding", "evaluate.output_layer": "softmax", "evaluate.orthogonal": False,
    "evaluate.least_gain": None, "evaluate.warm_up": 0.0, "evaluate.keep": "last",
    "evaluate.init_range": 0.05, "evaluate.batch_size": 20, "evaluate.window": 35,  # Zaremba et al. 2014, medium
    "evaluate.optimizer": "sgd", "evaluate.learning_rate": 1.0, "evaluate.constant_epochs": 6,  # the same
    "evaluate.decay": 1.2, "evaluate.loss_over_time": "sum", "evaluate.clip": 5.0,  # the same
    "evaluate.weight_decay": 0.0,
    "evaluate.augmented_weight": 0.0, "evaluate.augmented_temperature": 20.0,  # Inan et al. 2016
    "evaluate.dropout.inputs": 0.5, "evaluate.dropout.output": 0.5,  # Gal & Ghahramani 2016, medium
    "evaluate.dropout.state": 0.2, "evaluate.dropout.words": 0.2, "evaluate.dropout.variational": True,  # the same
    "evaluate.device": "auto", "evaluate.precision": "auto",
    "evaluate.deterministic": True,  # ours
}  # fmt: skip
QUICK_TEXT: Table = TEXT | {  # ours
    "evaluate.num_parameters": None, "evaluate.hidden_size": 64, "evaluate.num_layers": 1, "evaluate.init_range": 0.1,
    "evaluate.epochs": 2, "evaluate.window": 20, "evaluate.optimizer": "adam", "evaluate.learning_rate": 0.005,
    "evaluate.constant_epochs": 1, "evaluate.decay": 2.0, "evaluate.loss_over_time": "mean",
    "evaluate.dropout.inputs": 0.0, "evaluate.dropout.output": 0.0, "evaluate.dropout.state": 0.0,
    "evaluate.dropout.words": 0.0, "evaluate.dropout.variational": False,
}  # fmt: skip
PAPERS_CHARACTERS: Table = TEXT | {  # 4.2, characters
    "evaluate.task": "ptb-characters", "evaluate.num_parameters": 6_570_000, "evaluate.embedding_size": 128,
    "evaluate.optimizer": "adam", "evaluate.learning_rate": 0.001, "evaluate.weight_decay": 1e-4,
    "evaluate.batch_size": 32, "evaluate.window": 100, "evaluate.keep": "best",
    "evaluate.epochs": 51,  # 80,000 steps, of which an epoch has 1,568
    "evaluate.dropout.words": 0.0,  # 0.2 and 0.5 as Gal, medium, without dropout of words
    "evaluate.constant_epochs": 0, "evaluate.decay": 1.0, "evaluate.loss_over_time": "mean",
    "evaluate.clip": 1.0,  # Ha et al. 2016
}  # fmt: skip
TRANSLATION: Table = {
    "evaluate.kind": "translation", "evaluate.task": "multi30k", "evaluate.source": None, "evaluate.target": None,
    "evaluate.batch_size": 128,  # 4.2, transfer to GNMT
    "evaluate.decay_from": 0.5, "evaluate.clip": 5.0,  # Wu et al. 2016
    "evaluate.length_penalty": 0.2, "evaluate.coverage_penalty": 0.2, "evaluate.label_smoothing": 0.0,  # the same
    "evaluate.vocabulary_size": 4000, "evaluate.max_length": 100, "evaluate.num_train_pairs": None,  # ours, from here
    "evaluate.num_parameters": None, "evaluate.hidden_size": 256, "evaluate.num_encoder_layers": 2,
    "evaluate.num_decoder_layers": 2, "evaluate.cell_bias": False, "evaluate.epochs": 12,
    "evaluate.init_range": 0.1, "evaluate.learning_rate": 0.004, "evaluate.warm_up": 0.05, "evaluate.dropout": 0.3,
    "evaluate.beam_size": 5,
    "evaluate.constant": 80.0, "evaluate.device": "auto", "evaluate.precision": "auto",
    "evaluate.deterministic": True,  # ours
}  # fmt: skip
CONFIRMED: Table = {"confirm.at_end": True}
FIRST: Table = RUN | REWARD_0_OF_FAILURES | CONTROLLER | CONVOLUTIONAL | GROWING | IMAGES | {"num_trials": 12_800}
NASBENCH201: Table = RUN | CONTROLLER | LAPTOP | {
    "evaluate.kind": "table", "evaluate.task": "nasbench201-cifar10", "num_trials": 177, "batch_size": 1, "lag": 0,
}  # fmt: skip
PTB: Table = RUN | REWARD_0_OF_FAILURES | CONTROLLER | CELLS | TEXT | {
    "strategy.learning_rate": 0.0005, "num_trials": 15_000,  # 4.2
    "batch_size": 10,  # 4.2: ten gradients of one child each make an update
}  # fmt: skip

# Recipes --------------------------------------------------------------------------------------------------------------

EXPECTED: dict[str, Table] = {
    "cifar10": FIRST,
    "cifar10-strides": FIRST | {"space.strides": [1, 2, 3]},  # 4.1, second experiment
    "cifar10-pooling": FIRST | {  # 4.1, third experiment: 13 layers of 3, pooling at 13 and 24 of 39
        "space.num_layers": 13, "space.block_size": 3, "space.pool_after": [13, 24],
        "space.num_filters": [6, 12, 24, 36],
    },
    "cifar10-slides": FIRST | {  # the slides
        "evaluate.exponent": 2.0, "strategy.hidden_size": 128, "strategy.num_layers": 1,
    },
    "ptb": PTB,
    "ptb-max-sin": PTB | {  # 4.2, the extra experiment
        "space.combinations": ["add", "elem_mult", "max"],
        "space.activations": ["identity", "tanh", "sigmoid", "relu", "sin"],
    },
    "ptb-characters": PTB | PAPERS_CHARACTERS,
    # Ours, for a laptop
    "digits": RUN | CONTROLLER | LAPTOP | CONVOLUTIONAL | IMAGES | CONFIRMED | {
        "space.num_layers": 4, "space.filter_sizes": [1, 3, 5], "space.num_filters": [4, 8, 16, 24],
        "evaluate.task": "digits", "evaluate.num_validation": 500, "evaluate.epochs": 6, "evaluate.batch_size": 32,
        "evaluate.schedule": "cosine", "evaluate.upsample": 10, "evaluate.flips": False, "evaluate.last_epochs": 2,
        "num_trials": 96,
    },
    "cifar10-quick": RUN | CONTROLLER | LAPTOP | CONVOLUTIONAL | IMAGES | {
        "space.num_layers": 5, "space.num_filters": [8, 16, 24, 32], "space.pool_after": [1, 3],
        "evaluate.num_train": 8000, "evaluate.num_validation": 2000, "evaluate.epochs": 4,
        "evaluate.learning_rate": 0.05, "evaluate.schedule": "cosine", "evaluate.last_epochs": 1, "num_trials": 64,
    },
    "images": RUN | CONTROLLER | LAPTOP | CONVOLUTIONAL | IMAGES | CONFIRMED | {
        "space.num_layers": 5, "space.filter_sizes": [1, 3, 5], "space.num_filters": [8, 16, 24, 32],
        "space.pool_after": [1, 3], "evaluate.task": "images", "evaluate.num_train": 8000,
        "evaluate.num_validation": 0.2, "evaluate.epochs": 4, "evaluate.learning_rate": 0.05,
        "evaluate.schedule": "cosine", "evaluate.last_epochs": 2, "num_trials": 64, "confirm.top": 3,
    },
    "ptb-quick": RUN | CONTROLLER | LAPTOP | CELLS | QUICK_TEXT | {
        "evaluate.num_train_tokens": 90_000, "evaluate.num_validation_tokens": 20_000, "num_trials": 48,
    },
    "text": RUN | CONTROLLER | LAPTOP | CELLS | QUICK_TEXT | {
        "evaluate.task": "text", "evaluate.num_train_tokens": 90_000, "evaluate.num_validation_tokens": 20_000,
        "num_trials": 48,
    },
    "pydoc": RUN | CONTROLLER | LAPTOP | CELLS | QUICK_TEXT | CONFIRMED | {
        "space.base": 4, "evaluate.task": "pydoc", "evaluate.num_train_tokens": 60_000, "num_trials": 48,
        "confirm.top": 3,
    },
    "multi30k": RUN | CONTROLLER | CELLS | TRANSLATION | {"strategy.learning_rate": 0.0005, "num_trials": 400},
    "nasbench201-cifar10": NASBENCH201,
    "nasbench201-cifar100": NASBENCH201 | {"evaluate.task": "nasbench201-cifar100"},
    "digits-table": NASBENCH201 | CONVOLUTIONAL | {
        "space.num_layers": 2, "space.filter_sizes": [1, 3, 5], "space.num_filters": [4, 12, 24],
        "space.pool_after": [1], "evaluate.task": "digits-table", "num_trials": 100,
    },
    "metaqnn-digits": RUN | IMAGES | {
        "space.max_layers": 6, "space.num_filters": [4, 8, 16, 32], "space.dense_units": [64, 32, 16],
        "space.image_size": 8,
        "space.filter_sizes": [1, 3, 5], "space.pools": [[5, 3], [3, 2], [2, 2]], "space.max_dense": 2,  # Baker
        "evaluate.task": "digits", "evaluate.num_validation": 500, "evaluate.epochs": 6, "evaluate.batch_size": 32,
        "evaluate.learning_rate": 0.05, "evaluate.schedule": "cosine", "evaluate.upsample": None,
        "evaluate.flips": False, "evaluate.last_epochs": 1,
        "evaluate.exponent": 1.0,  # Baker: the reward is the accuracy
        "strategy.name": "q-learning", "strategy.learning_rate": 0.01, "strategy.discount": 1.0,  # Baker
        "strategy.initial_value": 0.5, "strategy.replay": 100,  # Baker
        "strategy.num_models": 300, "num_trials": 600,
    },
}  # fmt: skip


def test_every_recipe_is_in_the_table() -> None:
    assert set(EXPECTED) == set(RECIPES)


@pytest.mark.parametrize("name", EXPECTED)
def test_the_settings_of_a_recipe(name: str) -> None:
    assert dict(flattened(RECIPES[name]().to_json())) == EXPECTED[name] | {"recipe": name}


# Strategies -----------------------------------------------------------------------------------------------------------

STRATEGY_DEFAULTS: dict[str, Table] = {
    "reinforce": {name.removeprefix("strategy."): value for name, value in CONTROLLER.items()},
    "ppo": {  # NASNet, appendix A; the last two ours
        "name": "ppo", "policy": "lstm", "learning_rate": 0.00035, "hidden_size": 100, "num_layers": 1,
        "init_range": 0.1, "baseline_decay": 0.95, "entropy_weight": 0.00001, "temperature": 1.0, "clip": 0.2,
        "num_epochs": 4,
    },
    "pqt": {  # Abolafia et al. 2018, whose gradients but not the queue's are multiplied by 64; Adam as Zoph & Le
        "name": "pqt", "policy_gradient": False, "policy": "lstm", "learning_rate": 0.0006, "hidden_size": 35,
        "num_layers": 2, "init_range": 0.08, "baseline_decay": 0.99, "entropy_weight": 0.01, "temperature": 1.0,
        "queue_size": 10, "queue_weight": 200 / 64,
    },
    "thompson": {  # ours
        "name": "thompson", "num_random": 10, "num_best": 10, "max_changes": 3, "num_candidates": 100,
    },
    "evolution": {"name": "evolution", "population": 100, "sample": 25, "aging": True},  # Real et al. 2019
    "local-search": {"name": "local-search", "num_random": 1},  # White et al. 2021
    "large-scale-evolution": {"name": "large-scale-evolution", "population": 1000},  # Real et al. 2017
    "q-learning": {  # Baker et al. 2017
        "name": "q-learning", "learning_rate": 0.01, "discount": 1.0, "initial_value": 0.5, "replay": 100,
        "num_models": 2700,
    },
    "optuna": {"name": "optuna", "sampler": "tpe"},
    "random": {"name": "random"},
}  # fmt: skip


def test_the_settings_of_the_strategies() -> None:
    found = {name: entry.settings.from_json({}).to_json() for name, entry in STRATEGIES.items()}
    assert found == STRATEGY_DEFAULTS


def test_the_settings_of_the_replicas() -> None:
    # 4.1: K = 100, S = 20, every gradient is applied at once
    assert ReplicaSettings().to_json() == {"count": 100, "servers": 20, "accumulate": 1, "max_staleness": None}


# Reference models -----------------------------------------------------------------------------------------------------

LARGE: Table = TEXT | {  # Zaremba, large
    "evaluate.num_parameters": None, "evaluate.hidden_size": 1500, "evaluate.init_range": 0.04, "evaluate.epochs": 55,
    "evaluate.constant_epochs": 14, "evaluate.decay": 1.15, "evaluate.clip": 10.0, "evaluate.dropout.inputs": 0.65,
    "evaluate.dropout.output": 0.65, "evaluate.dropout.state": 0.0, "evaluate.dropout.words": 0.0,
    "evaluate.dropout.variational": False,
}  # fmt: skip
MEDIUM: Table = TEXT | {  # Zaremba, medium
    "evaluate.num_parameters": None, "evaluate.hidden_size": 650, "evaluate.epochs": 39,
    "evaluate.dropout.state": 0.0, "evaluate.dropout.words": 0.0, "evaluate.dropout.variational": False,
}  # fmt: skip
VARIATIONAL_LARGE: Table = LARGE | {  # Gal's code, large
    "evaluate.dropout.inputs": 0.5, "evaluate.dropout.output": 0.5, "evaluate.dropout.state": 0.3,
    "evaluate.dropout.words": 0.3, "evaluate.dropout.variational": True, "evaluate.constant_epochs": 10,
    "evaluate.weight_decay": 1e-7,
}  # fmt: skip
VARIATIONAL_MEDIUM: Table = MEDIUM | {  # Gal, medium
    "evaluate.dropout.state": 0.2, "evaluate.dropout.words": 0.2, "evaluate.dropout.variational": True,
}  # fmt: skip
RHN: Table = TEXT | {  # Zilly et al. 2016 with its code
    "evaluate.num_parameters": None, "evaluate.hidden_size": 830, "evaluate.num_layers": 1, "evaluate.tied": True,
    "evaluate.init_range": 0.04, "evaluate.epochs": 500, "evaluate.learning_rate": 0.2,
    "evaluate.constant_epochs": 20, "evaluate.decay": 1.02, "evaluate.clip": 10.0, "evaluate.weight_decay": 1e-7,
    "evaluate.dropout.inputs": 0.75, "evaluate.dropout.output": 0.75, "evaluate.dropout.state": 0.25,
    "evaluate.dropout.words": 0.25,
}  # fmt: skip
RNN: Table = MEDIUM | {  # sizes of Mikolov & Zweig 2012, its schedule is ours
    "evaluate.hidden_size": 300, "evaluate.num_layers": 1, "evaluate.init_range": 0.1, "evaluate.window": 20,
    "evaluate.epochs": 20, "evaluate.constant_epochs": 8, "evaluate.decay": 2.0, "evaluate.dropout.inputs": 0.0,
    "evaluate.dropout.output": 0.0,
}  # fmt: skip
CHARACTERS: Table = MEDIUM | {  # Ha et al. 2016, A.3.3; variational as in the paper's own models of characters
    "evaluate.task": "ptb-characters", "evaluate.hidden_size": 1000, "evaluate.num_layers": 1,
    "evaluate.input_layer": "one-hot", "evaluate.orthogonal": True, "evaluate.batch_size": 128, "evaluate.window": 100,
    "evaluate.optimizer": "adam", "evaluate.learning_rate": 0.001, "evaluate.clip": 1.0,
    "evaluate.loss_over_time": "mean", "evaluate.dropout.inputs": 0.1, "evaluate.dropout.output": 0.1,
    "evaluate.dropout.state": 0.1, "evaluate.dropout.variational": True,
    "evaluate.constant_epochs": 0, "evaluate.decay": 1.0,
    "evaluate.epochs": 204,  # 4.2: 80,000 steps, of which an epoch has 392
}  # fmt: skip
KIM: Table = MEDIUM | {  # Kim et al. 2015
    "evaluate.input_layer": "char-cnn-large", "evaluate.epochs": 25, "evaluate.constant_epochs": 0,
    "evaluate.decay": 2.0, "evaluate.least_gain": 1.0,
}  # fmt: skip


def dropping(rate: float) -> Table:
    return {f"evaluate.dropout.{name}": rate for name in ("inputs", "output", "state")}


MODELS_EXPECTED: dict[str, Table] = {
    "lstm-small": MEDIUM | {  # Zaremba, small
        "evaluate.hidden_size": 200, "evaluate.init_range": 0.1, "evaluate.window": 20, "evaluate.epochs": 13,
        "evaluate.constant_epochs": 4, "evaluate.decay": 2.0, "evaluate.dropout.inputs": 0.0,
        "evaluate.dropout.output": 0.0,
    },
    "lstm-medium": MEDIUM,
    "lstm-large": LARGE,
    "lstm-variational-medium": VARIATIONAL_MEDIUM,
    "lstm-variational-large": VARIATIONAL_LARGE,
    "lstm-variational-large-tied": VARIATIONAL_LARGE | {"evaluate.tied": True},  # Press & Wolf 2016
    "lstm-zoneout-medium": VARIATIONAL_MEDIUM,
    "lstm-real-large": VARIATIONAL_LARGE | {  # Inan et al. 2016; the weight is ours
        "evaluate.tied": True, "evaluate.augmented_weight": 0.65,
    },
    "rhn": RHN,
    "rhn-uncoupled": RHN,
    "rnn": RNN,
    "deep-rnn": RNN | {"evaluate.hidden_size": 280},  # ours: 6M parameters
    "lstm-char": PAPERS_CHARACTERS | {"evaluate.num_parameters": None, "evaluate.hidden_size": 716},  # 6.57M
    "lstm-char-1000": CHARACTERS,
    "lstm-char-1250": CHARACTERS | {"evaluate.hidden_size": 1250},
    "lstm-char-2x1000": CHARACTERS | {"evaluate.num_layers": 2},
    "lstm-char-layer-norm": CHARACTERS,
    "hyper-lstm": CHARACTERS,
    "hyper-lstm-layer-norm": CHARACTERS,
    "hyper-lstm-large": CHARACTERS | dropping(0.15),
    "hyper-lstm-2x1000": CHARACTERS | {"evaluate.num_layers": 2} | dropping(0.2),
    "char-cnn-small": KIM | {"evaluate.input_layer": "char-cnn-small", "evaluate.hidden_size": 300},
    "char-cnn-large": KIM,
    "pointer-sentinel-medium": MEDIUM | {  # Merity et al. 2016; dropout as Gal, medium
        "evaluate.dropout.state": 0.2, "evaluate.dropout.words": 0.2, "evaluate.dropout.variational": True,
        "evaluate.output_layer": "pointer-sentinel", "evaluate.batch_size": 32, "evaluate.window": 100,
        "evaluate.epochs": 64, "evaluate.constant_epochs": 0, "evaluate.decay": 2.0, "evaluate.least_gain": 0.0,
        "evaluate.clip": 1.0,
    },
}  # fmt: skip
ARCHITECTURES: dict[str, RecurrentArchitecture] = dict.fromkeys(MODELS_EXPECTED, Lstm()) | {
    "rhn": RecurrentHighway(10),
    "rhn-uncoupled": RecurrentHighway(10, coupled=False),
    "rnn": Elman(),
    "deep-rnn": DeepTransition(),
    "lstm-zoneout-medium": Lstm(zoneout_state=0.025, zoneout_cell=0.25),  # Krueger et al. 2016, words (recalled)
    "pointer-sentinel-medium": Lstm(zoneout_state=0.025, zoneout_cell=0.25),  # Merity et al. 2016 (recalled)
    "lstm-char-layer-norm": LayerNormLstm(),
    "hyper-lstm": HyperLstm(hyper_units=128, signal_size=4),
    "hyper-lstm-layer-norm": HyperLstm(hyper_units=128, signal_size=4, layer_norm=True),
    "hyper-lstm-large": HyperLstm(hyper_units=128, signal_size=16, layer_norm=True),
    "hyper-lstm-2x1000": HyperLstm(hyper_units=128, signal_size=16, layer_norm=True),
}


def test_every_reference_model_is_in_the_table() -> None:
    assert set(MODELS_EXPECTED) == set(REFERENCE_MODELS)


@pytest.mark.parametrize("name", MODELS_EXPECTED)
def test_the_settings_of_a_reference_model(name: str) -> None:
    model = REFERENCE_MODELS[name]()
    assert dict(flattened(model.settings.to_json(), "evaluate.")) == MODELS_EXPECTED[name]
    assert model.architecture == ARCHITECTURES[name]


def test_the_settings_of_the_ngram_models() -> None:
    found = {name: (model.settings.to_json(), model.published) for name, model in NGRAM_MODELS.items()}
    order_5 = {"order": 5, "cache_size": 0, "cache_weight": 0.1}  # Mikolov & Zweig 2012; the cache is ours
    assert found == {
        "kn-5": (order_5, "141.2 perplexity"),
        "kn-5-cache": (order_5 | {"cache_size": 200}, "125.7 perplexity"),
    }


def test_the_sizes_of_the_papers_models_and_whether_they_are_tied() -> None:
    assert PAPER_SIZES == {"32M": False, "25M": True, "54M": True}  # table 2


# Reference networks ---------------------------------------------------------------------------------------------------

RESIDUAL: Table = IMAGES | {  # He et al. 2015, 4.2: batches of 128, 64,000 steps, / 10 at 32,000 and 48,000, 4 zeros
    "evaluate.epochs": 164, "evaluate.batch_size": 128, "evaluate.nesterov": False, "evaluate.upsample": None,
    "evaluate.padding": 4,
}  # fmt: skip
WARMED_UP: Table = RESIDUAL | {"evaluate.warm_up": 0.00625}  # 0.01 for about 400 steps
WIDE: Table = IMAGES | {  # Zagoruyko & Komodakis 2016: * 0.2 at 60, 120 and 160 of 200 epochs
    "evaluate.epochs": 200, "evaluate.batch_size": 128, "evaluate.milestones": [0.3, 0.6, 0.8], "evaluate.decay": 5.0,
    "evaluate.weight_decay": 0.0005, "evaluate.upsample": None, "evaluate.padding": 4,
}  # fmt: skip
DENSE: Table = IMAGES | {  # DenseNet
    "evaluate.epochs": 300, "evaluate.upsample": None, "evaluate.padding": 4,
}  # fmt: skip
CROPPED: Table = IMAGES | {"evaluate.nesterov": False, "evaluate.upsample": None, "evaluate.padding": 4}
NETWORKS_EXPECTED: dict[str, Table] = {
    **dict.fromkeys(("resnet-20", "resnet-32", "resnet-44", "resnet-56"), RESIDUAL),
    **dict.fromkeys(("resnet-110", "preact-resnet-164"), WARMED_UP),
    "resnet-110-stochastic-depth": RESIDUAL | {"evaluate.epochs": 500, "evaluate.nesterov": True},  # its code
    "preact-resnet-1001": RESIDUAL | {  # its code
        "evaluate.epochs": 200, "evaluate.batch_size": 64, "evaluate.milestones": [0.4, 0.605],
        "evaluate.nesterov": True,
    },
    **dict.fromkeys(("wide-resnet-16-8", "wide-resnet-28-10"), WIDE),
    **dict.fromkeys(("densenet-22-12", "densenet-40-12", "densenet-100-12", "densenet-100-24"), DENSE),
    "densenet-bc-190-40": DENSE,
    "network-in-network": CROPPED | {  # its code: 120,000 steps, / 10 at 100,000 and 110,000
        "evaluate.epochs": 307, "evaluate.batch_size": 128, "evaluate.milestones": [100 / 120, 110 / 120],
    },
    "all-cnn": CROPPED | {  # Springenberg et al. 2014, 3.1; shifts of up to 5 pixels
        "evaluate.epochs": 350, "evaluate.batch_size": 128, "evaluate.learning_rate": 0.05,
        "evaluate.milestones": [200 / 350, 250 / 350, 300 / 350], "evaluate.weight_decay": 0.001, "evaluate.padding": 5,
    },
    "highway": CROPPED | {  # its code: 200,000 steps of 100, / 10 at 100,000, 150,000 and 175,000
        "evaluate.epochs": 400, "evaluate.batch_size": 100, "evaluate.learning_rate": 0.025,
        "evaluate.milestones": [0.5, 0.75, 0.875], "evaluate.weight_decay": 0.001, "evaluate.nesterov": True,
    },
    **dict.fromkeys(("fractalnet", "fractalnet-drop-path"), CROPPED | {  # Larsson et al. 2016, 4
        "evaluate.epochs": 400, "evaluate.batch_size": 100, "evaluate.learning_rate": 0.02,
        "evaluate.milestones": [0.5, 0.75, 0.875, 0.9375], "evaluate.weight_decay": 0.0,
    }),
    "inception-v4": CROPPED | {  # Szegedy et al. 2016, 5: * 0.94 every two epochs
        "evaluate.epochs": 160, "evaluate.batch_size": 32, "evaluate.learning_rate": 0.045,
        "evaluate.milestones": [epoch / 160 for epoch in range(2, 160, 2)], "evaluate.decay": 1 / 0.94,
        "evaluate.weight_decay": 0.00004, "evaluate.padding": None,
    },
}  # fmt: skip
PUBLISHED_ERRORS = {  # the paper's table 1, "6.41%" from Huang et al. 2016; depths 20 to 56: He et al. 2015, table 6
    "resnet-20": ["8.75"], "resnet-32": ["7.51"], "resnet-44": ["7.17"], "resnet-56": ["6.97"],
    "resnet-110": ["6.61", "6.41"], "resnet-110-stochastic-depth": ["5.23"], "preact-resnet-164": ["5.46"],
    "preact-resnet-1001": ["4.62"], "wide-resnet-16-8": ["4.81"], "wide-resnet-28-10": ["4.17"], "densenet-22-12": [],
    "densenet-40-12": ["5.24"], "densenet-100-12": ["4.10"], "densenet-100-24": ["3.74"],
    "densenet-bc-190-40": ["3.46"], "network-in-network": ["8.81"], "all-cnn": ["7.25"], "highway": ["7.72"],
    "fractalnet": ["5.22"], "fractalnet-drop-path": ["4.60"], "inception-v4": ["20.0", "5.0"],  # Szegedy: table 2
}  # fmt: skip


def test_every_reference_network_is_in_the_table() -> None:
    assert set(NETWORKS_EXPECTED) == set(PUBLISHED_ERRORS) == set(REFERENCE_NETWORKS)


@pytest.mark.parametrize("name", NETWORKS_EXPECTED)
def test_the_settings_and_the_error_of_a_reference_network(name: str) -> None:
    network = REFERENCE_NETWORKS[name]()
    assert dict(flattened(network.settings.to_json(), "evaluate.")) == NETWORKS_EXPECTED[name]
    assert re.findall(r"([\d.]+)%", network.published) == PUBLISHED_ERRORS[name]
    assert re.fullmatch(r".+ 201[3-6], arXiv \d{4}\.\d{4,5}", network.source)


# What is no setting ---------------------------------------------------------------------------------------------------


def test_the_score_of_an_image_child_is_the_best_of_its_last_epochs() -> None:
    accuracies = {"validation_accuracies": [0.9, 0.1, 0.5, 0.2, 0.3, 0.4]}  # 4.1: the last 5
    assert AccuracyReward().score(Measurement(accuracies)) == 0.5
    assert AccuracyReward()(0.5) == 0.125  # 4.1: cubed


def test_the_score_of_a_text_child_is_that_of_its_last_epoch_from_ten_streams() -> None:
    reward = PerplexityReward()
    measured = Measurement({"validation_perplexities": [100.0, 40.0, 80.0]})
    assert reward.score(measured) == 80.0  # ours
    assert PerplexityReward(keep="best").score(measured) == 40.0, "that of the weights that are kept"
    assert reward(80.0) == 80.0 / 6400.0  # 4.2: c / perplexity squared, c = 80
    assert inspect.signature(train_language_model).parameters["validation_streams"].default == 10  # ours


def test_the_comparison_of_figure_6_has_its_interval_and_its_numbers_of_models() -> None:
    assert (MODELS, TOPS) == (400, (1, 5, 15))  # 4.2
