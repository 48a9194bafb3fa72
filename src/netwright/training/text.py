"""The training loop of a language model, by truncated backpropagation through time.

    history = train_language_model(model, train, validation, seed=0, epochs=39, batch_size=20, window=35, ...)
    history["validation_perplexities"][-1]

The text is divided into `batch_size` parts of equal length that are read in parallel, `window` tokens at a time; the
remaining tokens are left out. The state is carried from window to window without gradient, and is zero at the start
of an epoch. The loss of a window is the cross-entropy in nats, averaged over the batch and summed over time (Zaremba
et al. 2014, whose learning rates are for this sum) or averaged over time.

Shapes: T steps, B sequences, V vocabulary.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

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
"""Windows between two checks of the loss, each of which synchronises with a GPU."""
SETTLED_AFTER = 100
"""Windows after which a loss far above that of uniform guessing is no longer taken for a temporary peak."""
VALIDATION_STREAMS = 10
"""The validation text is read in so many parts at once."""
HOPELESS = 2.0
"""Training is stopped at this multiple of the loss of uniform guessing, log V."""


def learning_rate_in(epoch: int, *, peak: float, constant_epochs: int, decay: float) -> float:
    """Return the learning rate of an epoch (Zaremba et al. 2014).

    Args:
        epoch: number of the epoch, from 0.
        peak: learning rate of the first `constant_epochs` epochs.
        constant_epochs: epochs before the decrease.
        decay: divides the learning rate in every later epoch.
    """
    return peak / decay ** max(0, epoch + 1 - constant_epochs)


def learning_rate_after(perplexities: Sequence[float], *, peak: float, decay: float, least_gain: float) -> float:
    """Return the learning rate after the epochs with these validation perplexities (Kim et al. 2015).

    Args:
        perplexities: after every epoch so far.
        peak: learning rate of the first epoch.
        decay: divides the learning rate after an epoch that gains too little.
        least_gain: the smallest decrease of the perplexity that leaves the learning rate as it is.
    """
    return peak / decay ** sum(before - after < least_gain for before, after in pairwise(perplexities))


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
    augmented_weight: float = 0.0,
    augmented_temperature: float = 20.0,
    least_gain: float | None = None,
    validation_streams: int = VALIDATION_STREAMS,
    checkpoint: Checkpoint | None = None,
    on_epoch: Callable[[int, float | None], None] = lambda epoch, perplexity: None,
) -> dict[str, list[float]]:
    """Train `model` in place and measure its validation perplexity after every epoch.

    `train` and `validation` are int64 token numbers [N]. All randomness derives from `seed`. `checkpoint` stores the
    training after every epoch; from it training continues to the same weights. `on_epoch` is called with the number of
    every epoch, from 0, and its perplexity. The other arguments are settings of `TextSettings`.

    Returns `validation_perplexities` (empty if `validation` is) and `training_losses` (nats per token, with dropout).
    Raises `ChildError` if the loss is not finite or far above that of uniform guessing.
    """
    model.to(device := speed.torch_device)
    inputs_NB, targets_NB = _in_parts(train.to(device), batch_size)
    update = _optimizer(optimizer, model, learning_rate, weight_decay)
    generator = torch.Generator(device).manual_seed(seed)
    restored = checkpoint.restore(model, update, generator) if checkpoint else None
    history: dict[str, list[float]] = restored or {"validation_perplexities": [], "training_losses": []}
    perplexities = history["validation_perplexities"]
    for epoch in range(len(history["training_losses"]), epochs):
        model.train()
        update.learning_rate = (
            learning_rate_in(epoch, peak=learning_rate, constant_epochs=constant_epochs, decay=decay)
            if least_gain is None
            else learning_rate_after(perplexities, peak=learning_rate, decay=decay, least_gain=least_gain)
        )
        states = model.initial_states(batch_size)
        losses = LossWatch(epoch, model.vocabulary_size, device)
        for inputs_TB, targets_TB in zip(inputs_NB.split(window), targets_NB.split(window), strict=True):
            masks = model.sample_masks(dropout, len(inputs_TB), batch_size, generator)
            states = tuple(tuple(part.detach() for part in state) for state in states)
            with speed.arithmetic():
                logits_TBV, states = model(inputs_TB, states, masks)
            nats = functional.cross_entropy(logits_TBV.flatten(0, 1), targets_TB.flatten())
            update.zero_grad()
            loss = nats
            if augmented_weight and model.embedding is not None:
                similarity = augmented_loss(logits_TBV, targets_TB, model.embedding, temperature=augmented_temperature)
                loss = nats + augmented_weight * similarity
            (loss * len(inputs_TB) if loss_over_time == "sum" else loss).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
            update.step()
            losses.add(nats.detach(), len(inputs_TB))
        history["training_losses"].append(losses.mean())
        perplexity = _validation_perplexity(model, validation, speed, validation_streams)
        perplexities += [] if perplexity is None else [perplexity]
        if checkpoint is not None:
            checkpoint.save(model, update, generator, history)
        on_epoch(epoch, perplexity)
    return dict(history)


def augmented_loss(logits_TBV: Tensor, targets_TB: Tensor, embedding: Tensor, *, temperature: float) -> Tensor:
    """Return the augmented loss of Inan et al. 2016 (arXiv 1611.01462, equations 3.1 to 3.4), averaged over tokens.

        temperature KL(softmax(L l_target / temperature) || softmax(logits / temperature))

    L is the embedding, and l_target its row of the right token, so that tokens with similar embeddings count as partly
    right. The paper's weight alpha is gamma times the temperature; gamma is the setting `augmented_weight`.
    The distribution on the left is constant: no gradient flows through it.

    Args:
        logits_TBV: The logits of a window.
        targets_TB: The numbers of the right tokens.
        embedding: The embedding matrix [V, E].
        temperature: The larger, the closer both distributions are to the uniform one.
    """
    table = embedding.detach().float()
    wanted = (table[targets_TB.flatten()] @ table.t() / temperature).log_softmax(1)
    found = (logits_TBV.flatten(0, 1) / temperature).log_softmax(1)
    return temperature * functional.kl_div(found, wanted, reduction="batchmean", log_target=True)


def _validation_perplexity(model: LanguageModel, validation: Tensor, speed: Speed, streams: int) -> float | None:
    """Measure the perplexity on `validation`; None if it is empty.

    Deviation: the text is read in ten streams by default, each from a zero state. The paper does not say how it
    measured the perplexity of a child; published results are from one stream, which takes longer.
    """
    if not len(validation):
        return None
    return perplexity_of(measure_nats_per_token(model, validation, speed=speed, streams=streams))


class LossWatch:
    """The training loss of one epoch: its mean over tokens, and a `ChildError` as soon as training has diverged.

    Deviation: a child is given up if, after its first 100 windows, the mean loss of 20 windows is above 2 log V, twice
    that of uniform guessing. The paper does not mention children that diverge.
    """

    def __init__(self, epoch: int, vocabulary_size: int, device: torch.device) -> None:
        self.epoch, self.limit = epoch, HOPELESS * math.log(vocabulary_size)
        self.windows = self.steps = 0
        self.summed = torch.zeros((), dtype=torch.float64, device=device)
        self.recent = torch.zeros((), device=device)

    def add(self, nats: Tensor, num_steps: int) -> None:
        """Add the mean nats per token of a window of `num_steps` steps."""
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
        """Return the nats per token of the whole epoch; raise `ChildError` if they are not finite."""
        mean = float(self.summed) / self.steps
        if not math.isfinite(mean):
            raise ChildError(f"the training loss is {mean} nats per token in epoch {self.epoch + 1}")
        return mean


def _in_parts(tokens: Tensor, batch_size: int) -> tuple[Tensor, Tensor]:
    """Return the inputs and their targets, the next tokens, each [steps, batch_size]."""
    length = len(tokens) // batch_size
    if length < 2:
        raise DataError(
            f"a text of {len(tokens):,} tokens gives {batch_size} parts of {length}; each needs 2 tokens or more"
        )
    parts = tokens[: length * batch_size].view(batch_size, length).t().contiguous()
    return parts[:-1], parts[1:]


def _optimizer(name: TextOptimizer, model: LanguageModel, learning_rate: float, weight_decay: float) -> Optimizer:
    kind = Adam if name == "adam" else SGD
    return kind(model.parameters(), learning_rate=learning_rate, weight_decay=weight_decay)
