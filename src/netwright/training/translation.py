"""The training loop of a translator, by teacher forcing.

    history = train_translator(model, train, validation, seed=0, epochs=12, batch_size=128, learning_rate=0.002, ...)
    history["validation_perplexities"][-1]

The loss of a mini-batch is the cross-entropy in nats, averaged over the pieces of the target and its end. Mini-batches
have sentences of similar lengths: the pairs are shuffled, cut into groups of 50 mini-batches, sorted by length within
each group and cut again; the order of the mini-batches is shuffled.

Shapes: S and T steps of source and target, B pairs, V pieces.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from netwright.architectures.values import JsonObject
from netwright.children.translation.sentences import Sentences
from netwright.children.translation.translator import Drop, Translator, dropping, keeping
from netwright.errors import DataError
from netwright.nn.optimizers import Adam
from netwright.subwords import END, PAD, START, Subwords
from netwright.training.checkpoints import Checkpoint
from netwright.training.perplexity import perplexity_of
from netwright.training.speed import Speed, at_its_speed
from netwright.training.text import LossWatch
from netwright.trials import never

SORTED_TOGETHER = 50
"""Mini-batches whose pairs are sorted by length together."""
NUM_HALVINGS = 4
"""The learning rate is halved so often, at equal distances, from `decay_from` to the end, as in GNMT's training."""


@dataclass(frozen=True)
class Pairs:
    """Sentences with their translations; sources end with END, targets have neither start nor end."""

    source: Sentences
    target: Sentences

    @classmethod
    def of(cls, subwords: Subwords, sources: Sequence[str], targets: Sequence[str]) -> "Pairs":
        """Convert lines and their translations to pieces."""
        return cls(
            Sentences([*subwords.encode(line), END] for line in sources),
            Sentences(subwords.encode(line) for line in targets),
        )

    def __len__(self) -> int:
        return len(self.source)

    def up_to(self, max_length: int) -> "Pairs":
        """Return the pairs with at most `max_length` pieces on each side, the end among them."""
        short = (self.source.lengths <= max_length) & (self.target.lengths < max_length)
        return self.chosen(short.nonzero().flatten())

    @property
    def num_predicted(self) -> int:
        """The pieces of all targets, with their ends: what the perplexity is a mean over."""
        return len(self.target.pieces) + len(self)

    def first(self, number: int | None) -> "Pairs":
        """Return the first pairs, so many or all if there are fewer; None is all."""
        return self if number is None else self.chosen(torch.arange(min(number, len(self))))

    def chosen(self, numbers: Tensor) -> "Pairs":
        """Return the pairs with these numbers, in their order."""
        return Pairs(self.source.chosen(numbers), self.target.chosen(numbers))

    def batches(self, batch_size: int, generator: torch.Generator | None = None) -> Iterator[Tensor]:
        """Return the numbers of the pairs of each mini-batch.

        Args:
            batch_size: Pairs of a mini-batch.
            generator: The source of the order; None sorts all pairs by length.
        """
        device = None if generator is None else generator.device
        order = torch.arange(len(self))
        group = len(self)
        if generator is not None:
            order = torch.randperm(len(self), generator=generator, device=device).cpu()
            group = SORTED_TOGETHER * batch_size
        lengths = self.target.lengths * (int(self.source.lengths.max()) + 1) + self.source.lengths
        batches: list[Tensor] = []
        for numbers in order.split(group):
            batches += numbers[lengths[numbers].argsort(stable=True)].split(batch_size)
        if generator is None:
            yield from batches
        else:
            for number in torch.randperm(len(batches), generator=generator, device=device).tolist():
                yield batches[number]

    def tensors(self, numbers: Tensor, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the pairs of a mini-batch.

        Returns:
            Source [S, B], its lengths [B], what the decoder reads [T, B] and what it has to predict [T, B].
        """
        target = self.target.padded(numbers)
        start = torch.full((1, len(numbers)), START)
        wanted = functional.pad(target, (0, 0, 0, 1), value=PAD)
        wanted[self.target.lengths[numbers], torch.arange(len(numbers))] = END
        parts = (self.source.padded(numbers), self.source.lengths[numbers], torch.cat([start, target]), wanted)
        source, lengths, read, predicted = (part.to(device) for part in parts)
        return source, lengths, read, predicted


def learning_rate_at(progress: float, *, peak: float, warm_up: float, decay_from: float) -> float:
    """Return the learning rate of a step.

    Args:
        progress: The share of training after this step, above 0 and at most 1.
        peak: The highest learning rate.
        warm_up: The share of training during which the learning rate rises linearly.
        decay_from: The share of training after which it is halved, four times at equal distances.
    """
    if progress < warm_up:
        return peak * progress / warm_up
    if progress <= decay_from:
        return peak
    passed = (progress - decay_from) / (1 - decay_from) * NUM_HALVINGS
    return peak / 2.0 ** math.ceil(passed)


@at_its_speed
def train_translator(
    model: Translator,
    train: Pairs,
    validation: Pairs,
    *,
    seed: int,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    warm_up: float,
    decay_from: float,
    clip: float,
    dropout: float,
    label_smoothing: float,
    speed: Speed,
    checkpoint: Checkpoint | None = None,
    on_epoch: Callable[[int, float], None] = lambda epoch, perplexity: None,
    is_over: Callable[[JsonObject], bool] = never,
) -> dict[str, list[float]]:
    """Train `model` in place and measure its validation perplexity after every epoch.

    All randomness derives from `seed`. `checkpoint` stores the training after every epoch; from it training continues
    to the same weights. `on_epoch` is called with the number of every epoch, from 0, and its perplexity; `is_over` with
    the history so far, where True ends the training. The other arguments are settings of `TranslationSettings`.

    Returns `validation_perplexities` of a piece, and `training_losses` in nats per piece, with dropout and smoothing.
    Raises `ChildError` if the loss is not finite or far above that of uniform guessing, `DataError` without pairs.
    """
    if not len(train):
        raise DataError("there is no pair of sentences to train on")
    model.to(device := speed.torch_device)
    update = Adam(model.parameters(), learning_rate=learning_rate)
    generator = torch.Generator(device).manual_seed(seed)
    restored = checkpoint.restore(model, update, generator) if checkpoint else None
    history: dict[str, list[float]] = restored or {"validation_perplexities": [], "training_losses": []}
    num_batches = sum(1 for _ in train.batches(batch_size))
    drop = dropping(dropout, generator)
    for epoch in range(len(history["training_losses"]), epochs):
        model.train()
        losses = LossWatch(epoch, model.vocabulary_size, device)
        for step, numbers in enumerate(train.batches(batch_size, generator), start=1 + epoch * num_batches):
            update.learning_rate = learning_rate_at(
                step / (epochs * num_batches), peak=learning_rate, warm_up=warm_up, decay_from=decay_from
            )
            loss = _loss(model, train, numbers, speed, drop, label_smoothing)
            update.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
            update.step()
            losses.add(loss.detach(), int(train.target.lengths[numbers].sum()) + len(numbers))
        history["training_losses"].append(losses.mean())
        perplexity = perplexity_of(measure_nats_per_piece(model, validation, speed=speed, batch_size=batch_size))
        history["validation_perplexities"].append(perplexity)
        if checkpoint is not None:
            checkpoint.save(model, update, generator, history)
        on_epoch(epoch, perplexity)
        if is_over(history):
            break
    return dict(history)


def _loss(
    model: Translator, pairs: Pairs, numbers: Tensor, speed: Speed, drop: Drop = keeping, label_smoothing: float = 0.0
) -> Tensor:
    """Return the mean cross-entropy of the pieces of these pairs' targets, with their ends."""
    source, lengths, read, predicted = pairs.tensors(numbers, speed.torch_device)
    with speed.arithmetic():
        logits_TBV = model(source, lengths, read, drop)
    return functional.cross_entropy(
        logits_TBV.flatten(0, 1), predicted.flatten(), ignore_index=PAD, label_smoothing=label_smoothing
    )


@at_its_speed
@torch.no_grad()
def measure_nats_per_piece(model: Translator, pairs: Pairs, *, speed: Speed, batch_size: int) -> float:
    """Measure the mean negative log-likelihood of the targets, given their sources, in nats for each piece and end.

    Raises:
        DataError: There are no pairs.
    """
    if not len(pairs):
        raise DataError("there is no pair of sentences to measure on")
    model.eval()
    summed = torch.zeros((), dtype=torch.float64, device=speed.torch_device)
    for numbers in pairs.batches(batch_size):
        num_predicted = int(pairs.target.lengths[numbers].sum()) + len(numbers)
        summed += _loss(model, pairs, numbers, speed).double() * num_predicted
    return float(summed) / pairs.num_predicted
