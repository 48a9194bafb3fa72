"""A text that a small language model learns in seconds, and its training: what tests of the text loop share."""

import torch
from torch import Tensor

from netwright.architectures.recurrent import CellNode, Lstm, RecurrentArchitecture, RecurrentCell
from netwright.children.dropout import Dropout
from netwright.children.language_model import LanguageModel
from netwright.tasks.text.data import TextData
from netwright.training.speed import Speed
from netwright.training.text import train_language_model

FLOAT32 = Speed(device="cpu", precision="float32")
VOCABULARY = tuple("abcdefghijk")
SETTINGS = {
    "epochs": 3,
    "batch_size": 4,
    "window": 7,
    "optimizer": "sgd",
    "learning_rate": 1.0,
    "constant_epochs": 2,
    "decay": 2.0,
    "loss_over_time": "sum",
    "clip": 5.0,
    "weight_decay": 0.0,
    "dropout": Dropout(),
    "speed": FLOAT32,
    "validation_streams": 1,
}
SMALL_CELL = RecurrentCell(
    nodes=(CellNode("add", "tanh"), CellNode("elem_mult", "relu"), CellNode("elem_mult", "sigmoid")),
    inject=CellNode("add", "relu"),
    read_index=1,
    inject_index=0,
)
"""The worked example of the paper (section 3.4)."""


def rhymes(number: int, seed: int) -> Tensor:
    """Each token follows from the two before it, but one in ten is a random one."""
    generator = torch.Generator().manual_seed(seed)
    strays = torch.randint(11, (number,), generator=generator).tolist()
    astray = (torch.rand(number, generator=generator) < 0.1).tolist()
    tokens = [1, 2]
    for stray, is_astray in zip(strays[2:], astray[2:], strict=True):
        tokens.append(stray if is_astray else (tokens[-1] + 3 * tokens[-2] + 1) % 11)
    return torch.tensor(tokens)


def rhyming_text() -> TextData:
    """1,500 tokens for training, 300 for validation, 200 for the test."""
    return TextData("rhymes", rhymes(1500, 0), rhymes(300, 1), rhymes(200, 2), VOCABULARY, "character")


def fresh(architecture: RecurrentArchitecture | None = None, seed: int = 5, **settings: object) -> LanguageModel:
    return LanguageModel(
        architecture or Lstm(),
        11,
        **{"hidden_size": 16, "init_range": 0.3, "seed": seed, **settings},  # type: ignore[arg-type]
    )


def train(
    text: TextData, model: LanguageModel | None = None, seed: int = 5, **changes: object
) -> dict[str, list[float]]:
    model = fresh() if model is None else model
    return train_language_model(model, text.train, text.validation, seed=seed, **{**SETTINGS, **changes})  # type: ignore[arg-type]


def log_probs_token_by_token(model: LanguageModel, tokens: list[int]) -> list[Tensor]:
    """In float64, the log-probabilities [V] after each token of one text: the state is carried, masks are none."""
    model = model.double()
    weight = model.embedding if model.softmax_weight is None else model.softmax_weight
    states = [
        layer.initial_state(torch.zeros(1, 1, size, dtype=torch.float64))  # type: ignore[operator]
        for layer, size in zip(model.layers, model.input_sizes, strict=True)
    ]
    after = []
    with torch.no_grad():
        for token in tokens:
            x = model.embedding[token].reshape(1, 1, -1)
            for index, layer in enumerate(model.layers):
                x, states[index] = layer(x, states[index])
            logits = weight @ x.flatten() + model.softmax_bias
            after.append(logits - logits.exp().sum().log())
    return after
