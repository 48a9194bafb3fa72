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
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from netwright.architectures.values import JsonObject
from netwright.children.dropout import Dropout
from netwright.children.language_model import LanguageModel
from netwright.errors import ChildError, DataError
from netwright.nn.interface import State
from netwright.nn.optimizers import SGD, Adam, Optimizer
from netwright.training.checkpoints import Checkpoint
from netwright.training.perplexity import measure_nats_per_token, perplexity_of
from netwright.training.speed import Speed, at_its_speed
from netwright.trials import never

TextOptimizer = Literal["sgd", "adam"]
LossOverTime = Literal["sum", "mean"]
KeptEpoch = Literal["last", "best"]

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


@dataclass(frozen=True)
class Schedule:
    """The learning rate of every window of a training.

    Args:
        peak: learning rate of the first epochs.
        constant_epochs: epochs before the decrease, if `least_gain` is None.
        decay: divides the learning rate in a later epoch.
        least_gain: the smallest decrease of the perplexity that leaves the learning rate as it is, or None.
        warm_up: windows during which the learning rate rises linearly; 0 is no warm-up.
    """

    peak: float
    constant_epochs: int
    decay: float
    least_gain: float | None = None
    warm_up: float = 0.0

    def rates(self, epoch: int, num_windows: int, perplexities: Sequence[float]) -> list[float]:
        """Return the learning rates of the windows of an epoch, which depend on nothing but the arguments.

        Args:
            epoch: number of the epoch, from 0.
            num_windows: windows of every epoch.
            perplexities: validation perplexities of the epochs before.
        """
        rate = (
            learning_rate_in(epoch, peak=self.peak, constant_epochs=self.constant_epochs, decay=self.decay)
            if self.least_gain is None
            else learning_rate_after(perplexities, peak=self.peak, decay=self.decay, least_gain=self.least_gain)
        )
        first = epoch * num_windows + 1
        return [rate * min(1.0, n / self.warm_up) if self.warm_up else rate for n in range(first, first + num_windows)]


class BestEpoch:
    """The weights of the epoch with the lowest validation perplexity, the earlier one of equals.

    Args:
        model: the model in training.
        keep: "best", or "last", with which no weights are copied.
    """

    def __init__(self, model: LanguageModel, keep: KeptEpoch) -> None:
        self._model, self._keep = model, keep
        self.weights: dict[str, Tensor] = {}
        """By their names in the model; empty before the first epoch, without validation and with "last"."""

    def note(self, perplexities: Sequence[float]) -> None:
        """Copy the model's weights if its perplexity, the last one, is lower than all before."""
        if self._keep == "best" and all(perplexities[-1] < before for before in perplexities[:-1]):
            self.weights |= {name: weight.clone() for name, weight in self._model.state_dict().items()}

    def restore(self) -> None:
        """Give the model the copied weights, if there are any."""
        if self.weights:
            self._model.load_state_dict(self.weights)


@dataclass(frozen=True)
class Step:
    """The step of the optimiser on each window; the arguments are those of `train_language_model`."""

    model: LanguageModel
    update: Optimizer
    generator: torch.Generator
    dropout: Dropout
    loss_over_time: LossOverTime
    clip: float
    speed: Speed
    augmented_weight: float
    augmented_temperature: float

    def epoch(self, number: int, windows: Sequence[tuple[Tensor, Tensor]], rates: Sequence[float]) -> float:
        """Train on all windows (inputs [T, B], targets [T, B]) with their learning rates; return nats per token."""
        self.model.train()
        states = self.model.initial_states(windows[0][0].shape[1])
        losses = LossWatch(number, self.model.vocabulary_size, self.speed.torch_device)
        for (inputs_TB, targets_TB), rate in zip(windows, rates, strict=True):
            self.update.learning_rate = rate
            states = tuple(tuple(part.detach() for part in state) for state in states)
            nats, states = self(inputs_TB, targets_TB, states)
            losses.add(nats, len(inputs_TB))
        return losses.mean()

    def __call__(
        self, inputs_TB: Tensor, targets_TB: Tensor, states: tuple[State, ...]
    ) -> tuple[Tensor, tuple[State, ...]]:
        """Change the weights; return the nats per token before that, and the states after the window."""
        model = self.model
        masks = model.sample_masks(self.dropout, len(inputs_TB), inputs_TB.shape[1], self.generator)
        with self.speed.arithmetic():
            logits_TBV, states = model(inputs_TB, states, masks)
        nats = functional.cross_entropy(logits_TBV.flatten(0, 1), targets_TB.flatten())
        self.update.zero_grad()
        loss = nats
        if self.augmented_weight and model.embedding is not None:
            similarity = augmented_loss(logits_TBV, targets_TB, model.embedding, temperature=self.augmented_temperature)
            loss = nats + self.augmented_weight * similarity
        (loss * len(inputs_TB) if self.loss_over_time == "sum" else loss).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), self.clip)
        self.update.step()
        return nats.detach(), states


@at_its_speed
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
    warm_up: float = 0.0,
    keep: KeptEpoch = "last",
    validation_streams: int = VALIDATION_STREAMS,
    checkpoint: Checkpoint | None = None,
    on_epoch: Callable[[int, float | None], None] = lambda epoch, perplexity: None,
    is_over: Callable[[JsonObject], bool] = never,
) -> dict[str, list[float]]:
    """Train `model` in place and measure its validation perplexity after every epoch.

    `train` and `validation` are int64 token numbers [N]. All randomness derives from `seed`. `checkpoint` stores the
    training after every epoch; from it training continues to the same weights. `on_epoch` is called with the number of
    every epoch, from 0, and its perplexity; `is_over` with the history so far, where True ends the training. The other
    arguments are settings of `TextSettings`; if `validation` is empty, the last epoch's weights are kept also with
    `keep = "best"`.

    Returns `validation_perplexities` (empty if `validation` is) and `training_losses` (nats per token, with dropout).
    Raises `ChildError` if the loss is not finite or far above that of uniform guessing.
    """
    model.to(device := speed.torch_device)
    windows = _windows(train.to(device), batch_size, window)
    generator = torch.Generator(device).manual_seed(seed)
    update = _optimizer(optimizer, model, learning_rate, weight_decay)
    step = Step(model, update, generator, dropout, loss_over_time, clip, speed, augmented_weight, augmented_temperature)
    schedule = Schedule(learning_rate, constant_epochs, decay, least_gain, warm_up * epochs * len(windows))
    best = BestEpoch(model, keep)
    restored = checkpoint.restore(model, update, generator, best.weights) if checkpoint else None
    history: dict[str, list[float]] = restored or {"validation_perplexities": [], "training_losses": []}
    losses, perplexities = history["training_losses"], history["validation_perplexities"]
    for epoch in range(len(losses), epochs):
        losses.append(step.epoch(epoch, windows, schedule.rates(epoch, len(windows), perplexities)))
        perplexity = _validation_perplexity(model, validation, speed, validation_streams)
        if perplexity is not None:
            perplexities.append(perplexity)
            best.note(perplexities)
        if checkpoint is not None:
            checkpoint.save(model, update, generator, history, best.weights)
        on_epoch(epoch, perplexity)
        if is_over(history):
            break
    best.restore()
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


def _windows(tokens: Tensor, batch_size: int, window: int) -> list[tuple[Tensor, Tensor]]:
    """Return the windows of an epoch: inputs and their targets, the next tokens, each [window or fewer, batch_size]."""
    length = len(tokens) // batch_size
    if length < 2:
        raise DataError(
            f"a text of {len(tokens):,} tokens gives {batch_size} parts of {length}; each needs 2 tokens or more"
        )
    parts = tokens[: length * batch_size].view(batch_size, length).t().contiguous()
    return list(zip(parts[:-1].split(window), parts[1:].split(window), strict=True))


def _optimizer(name: TextOptimizer, model: LanguageModel, learning_rate: float, weight_decay: float) -> Optimizer:
    kind = Adam if name == "adam" else SGD
    return kind(model.parameters(), learning_rate=learning_rate, weight_decay=weight_decay)
