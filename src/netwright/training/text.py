"""The loop that trains a child on text: plain, visible, one window after the other.

Legend of shapes: T steps, B sequences, V vocabulary.
"""

import math
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from netwright.children.dropout import Dropout
from netwright.children.language_model import LanguageModel
from netwright.errors import ChildError, DataError
from netwright.nn.optimizers import SGD, Adam, Optimizer
from netwright.training.checkpoints import Checkpoint
from netwright.training.perplexity import measure_nats_per_token, perplexity_of
from netwright.training.speed import Speed

TextOptimizer = Literal["sgd", "adam"]
LossOverTime = Literal["sum", "mean"]

CHECKED_EVERY = 20
"""Windows between two looks at the loss, each of which waits for a GPU."""
SETTLED_AFTER = 100
"""Windows after which a loss far above that of guessing is no passing peak any more."""
HOPELESS = 2.0
"""Times the loss of guessing, log V."""


def learning_rate_in(epoch: int, *, peak: float, constant_epochs: int, decay: float) -> float:
    """The learning rate of an epoch, from 0: `peak` for so many epochs, then divided by `decay` at each (Zaremba)."""
    return peak / decay ** max(0, epoch + 1 - constant_epochs)


def train_language_model(
    model: LanguageModel,
    train: Tensor,
    validation: Tensor,
    *,
    seed: int,
    epochs: int,
    batch_size: int,
    window: int,
    optimizer: TextOptimizer,
    learning_rate: float,
    constant_epochs: int,
    decay: float,
    loss_over_time: LossOverTime,
    clip: float,
    weight_decay: float,
    dropout: Dropout,
    speed: Speed,
    validation_streams: int = 10,
    checkpoint: Checkpoint | None = None,
    on_epoch: Callable[[int, float | None], None] = lambda epoch, perplexity: None,
) -> dict[str, Any]:
    """Train `model` in place on the token numbers in `train` and measure it on `validation` after every epoch.

    The text is cut into `batch_size` parts of equal length that are read side by side, `window` tokens at a time; the
    few tokens that fill no part are left out. The state is carried from window to window, without gradients, and is
    zero at the start of an epoch. The loss of a window is the mean over the batch of its nats, summed over time
    (Zaremba et al. 2014, whose learning rates belong to it) or averaged. `clip` bounds the norm of the whole gradient.

    Returns `validation_perplexities` (in `validation_streams` streams; empty where `validation` is) and
    `training_losses` (nats per token, with dropout), one entry per epoch. Dropout comes from `seed`. With a
    `checkpoint`, training goes on after the last epoch that it holds, to the same weights. Raises `ChildError` soon
    after the loss is no number any more, or far above that of guessing.
    """
    device = speed.torch_device
    model.to(device)
    inputs_NB, targets_NB = _in_parts(train.to(device), batch_size)
    update = _optimizer(optimizer, model, learning_rate, weight_decay)
    generator = torch.Generator(device).manual_seed(seed)
    history: dict[str, list[float]] = {"validation_perplexities": [], "training_losses": []}
    if checkpoint is not None:
        history = checkpoint.restore(model, update, generator) or history
    for epoch in range(len(history["training_losses"]), epochs):
        model.train()
        update.learning_rate = learning_rate_in(epoch, peak=learning_rate, constant_epochs=constant_epochs, decay=decay)
        states = model.initial_states(batch_size)
        losses = LossWatch(epoch, model.vocabulary_size, device)
        for inputs_TB, targets_TB in zip(inputs_NB.split(window), targets_NB.split(window), strict=True):
            masks = model.sample_masks(dropout, len(inputs_TB), batch_size, generator)
            states = tuple(tuple(part.detach() for part in state) for state in states)
            with speed.arithmetic():
                logits_TBV, states = model(inputs_TB, states, masks)
            nats = functional.cross_entropy(logits_TBV.flatten(0, 1), targets_TB.flatten())
            update.zero_grad()
            (nats * len(inputs_TB) if loss_over_time == "sum" else nats).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
            update.step()
            losses.add(nats.detach(), len(inputs_TB))
        history["training_losses"].append(losses.mean())
        perplexity = None
        if len(validation):
            nats_per_token = measure_nats_per_token(model, validation, speed=speed, streams=validation_streams)
            perplexity = perplexity_of(nats_per_token)
            history["validation_perplexities"].append(perplexity)
        if checkpoint is not None:
            checkpoint.save(model, update, generator, history)
        on_epoch(epoch, perplexity)
    return dict(history)


class LossWatch:
    """The losses of an epoch: their mean over tokens, and the alarm when there is no point in going on."""

    def __init__(self, epoch: int, vocabulary_size: int, device: torch.device) -> None:
        self.epoch, self.limit = epoch, HOPELESS * math.log(vocabulary_size)
        self.windows = self.steps = 0
        self.summed = torch.zeros((), dtype=torch.float64, device=device)
        self.recent = torch.zeros((), device=device)

    def add(self, nats: Tensor, num_steps: int) -> None:
        """Take in the mean nats per token of a window of `num_steps` steps."""
        self.windows, self.steps = self.windows + 1, self.steps + num_steps
        self.summed += nats * num_steps
        self.recent += nats
        if self.windows % CHECKED_EVERY == 0:
            recent = float(self.recent) / CHECKED_EVERY
            settled = self.epoch > 0 or self.windows > SETTLED_AFTER
            if not math.isfinite(recent) or (settled and recent > self.limit):
                raise ChildError(
                    f"the training loss is {recent:.4g} nats per token in epoch {self.epoch + 1}, window {self.windows}"
                )
            self.recent.zero_()

    def mean(self) -> float:
        """Nats per token of the whole epoch."""
        mean = float(self.summed) / self.steps
        if not math.isfinite(mean):
            raise ChildError(f"the training loss is {mean} nats per token in epoch {self.epoch + 1}")
        return mean


def _in_parts(tokens: Tensor, batch_size: int) -> tuple[Tensor, Tensor]:
    """Inputs and what follows them, [steps, batch_size] each."""
    length = len(tokens) // batch_size
    if length < 2:
        raise DataError(
            f"a text of {len(tokens):,} tokens gives {batch_size} parts of {length}; 2 tokens in each are the fewest"
        )
    parts = tokens[: length * batch_size].view(batch_size, length).t().contiguous()
    return parts[:-1], parts[1:]


def _optimizer(name: TextOptimizer, model: LanguageModel, learning_rate: float, weight_decay: float) -> Optimizer:
    kind = Adam if name == "adam" else SGD
    return kind(model.parameters(), learning_rate=learning_rate, weight_decay=weight_decay)
