"""The perplexity of a language model on a text.

The measure is the mean negative log-likelihood in nats per token. Every token of the text but the first is predicted
once, given all tokens before it: the state is zero at the start and carried through the whole text, and ends of lines
are tokens like any other. Perplexity is the exponential of it; divided by log 2 it is bits per token.

    perplexity_of(measure_nats_per_token(model, data.test, speed=Speed()))

Shapes: T steps, B streams, V vocabulary.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from netwright.children.dropout import Dropout
from netwright.children.language_model import LanguageModel
from netwright.errors import ChildError, DataError
from netwright.training.speed import Speed, at_its_speed

NOTHING = -1
"""The target in the padding of the last stream, where there is nothing to predict."""


@dataclass(frozen=True)
class MonteCarlo:
    """Monte Carlo dropout (Gal & Ghahramani 2016): average the probabilities of several passes with dropout.

    Each pass reads the whole text with its own state. Masks are sampled for every window, so the window should have the
    length of those in training.

    Args:
        dropout: the rates of dropout.
        num_samples: passes.
        seed: determines the masks.
    """

    dropout: Dropout
    num_samples: int
    seed: int


@at_its_speed
@torch.no_grad()
def measure_nats_per_token(
    model: LanguageModel,
    tokens: Tensor,
    *,
    speed: Speed,
    streams: int = 1,
    window: int = 100,
    monte_carlo: MonteCarlo | None = None,
) -> float:
    """Measure the mean negative log-likelihood of a text.

    Args:
        model: the language model; it is set to evaluation mode.
        tokens: int64 token numbers [N], of which N - 1 are predicted.
        speed: device and precision.
        streams: parts of the text that are read in parallel. Published results use 1; more are faster but approximate,
            because the state is zero at the start of every part.
        window: tokens read at once; without `monte_carlo` it affects memory and time only.
        monte_carlo: measure with dropout.

    Returns:
        Nats per token.

    Raises:
        DataError: the text has fewer than 2 tokens.
    """
    if len(tokens) < 2:
        raise DataError(f"a text of {len(tokens)} tokens has nothing to predict; it needs 2 or more")
    model.eval()
    inputs_NB, targets_NB = _in_streams(tokens.to(speed.torch_device), streams)
    streams = inputs_NB.shape[1]
    num_samples = monte_carlo.num_samples if monte_carlo else 1
    states = model.initial_states(num_samples * streams)
    generator = torch.Generator(speed.torch_device).manual_seed(monte_carlo.seed if monte_carlo else 0)
    summed = torch.zeros((), dtype=torch.float64, device=speed.torch_device)
    for inputs_TB, targets_TB in zip(inputs_NB.split(window), targets_NB.split(window), strict=True):
        masks = None
        if monte_carlo is not None:
            masks = model.sample_masks(monte_carlo.dropout, len(inputs_TB), num_samples * streams, generator)
        with speed.arithmetic():
            logits_TBV, states = model(inputs_TB.repeat(1, num_samples), states, masks)
        log_probs_TSB = _log_probs_of(targets_TB.repeat(1, num_samples), logits_TBV).unflatten(
            1, (num_samples, streams)
        )
        mean = log_probs_TSB.logsumexp(1) - math.log(num_samples)
        summed -= mean[targets_TB != NOTHING].sum()
    return float(summed) / (len(tokens) - 1)


def _in_streams(tokens: Tensor, streams: int) -> tuple[Tensor, Tensor]:
    """Return inputs and targets, each [N / streams, streams]; the last stream is padded at its end."""
    length = math.ceil((len(tokens) - 1) / streams)
    missing = length * streams - (len(tokens) - 1)
    inputs = functional.pad(tokens[:-1], (0, missing))
    targets = functional.pad(tokens[1:], (0, missing), value=NOTHING)
    return inputs.view(streams, length).t(), targets.view(streams, length).t()


def _log_probs_of(targets_TB: Tensor, logits_TBV: Tensor) -> Tensor:
    """Return log-probabilities [T, B] of the targets, in float64 so that sums over long texts lose no precision."""
    nats = functional.cross_entropy(
        logits_TBV.flatten(0, 1), targets_TB.flatten(), ignore_index=NOTHING, reduction="none"
    )
    return -nats.double().view_as(targets_TB)


def perplexity_of(nats_per_token: float) -> float:
    """Return exp(nats_per_token); raise `ChildError` if that is not finite."""
    if not nats_per_token < 700:
        raise ChildError(f"{nats_per_token} nats per token give no finite perplexity")
    return math.exp(nats_per_token)


def bits_of(nats_per_token: float) -> float:
    """Return bits per token; if tokens are characters, these are bits per character."""
    return nats_per_token / math.log(2)
