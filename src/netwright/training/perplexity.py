"""How well a language model predicts a text.

What is measured is the mean negative log-likelihood, in nats per token. Every token of the text but the first one is
predicted exactly once, from all tokens before it: the state starts at zero and is carried through the whole text, and
ends of lines are tokens like all others. Perplexity is its exponential, bits per character are it in units of log 2.

Legend of shapes: T steps, B streams, V vocabulary.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from netwright.children.dropout import Dropout
from netwright.children.language_model import LanguageModel
from netwright.errors import ChildError, DataError
from netwright.training.speed import Speed

NOTHING = -1
"""Stands after the end of a stream that is shorter than others, where there is nothing to predict."""


@dataclass(frozen=True)
class MonteCarlo:
    """Measuring with dropout, as Gal & Ghahramani 2016 do: the probabilities of `num_samples` passes are averaged.

    Each pass goes through the whole text with a state of its own; masks are new for every window, so the window is
    that of training.
    """

    dropout: Dropout
    num_samples: int
    seed: int


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
    """The mean negative log-likelihood of the token numbers [N], of N - 1 predictions.

    The text is read in windows of `window` tokens, which only limit the memory that is needed. More `streams` than one
    are faster and not exact: the text is cut into so many parts that are read side by side, and the state is zero
    again at the start of each, though the token before it is still read. One stream is what papers report.
    """
    if len(tokens) < 2:
        raise DataError(f"a text of {len(tokens)} tokens has nothing to predict; 2 are the fewest")
    model.eval()
    inputs_NB, targets_NB = _in_streams(tokens.to(speed.torch_device), streams)
    streams = inputs_NB.shape[1]
    passes = [model.initial_states(streams)] * (monte_carlo.num_samples if monte_carlo else 1)
    generator = torch.Generator(speed.torch_device).manual_seed(monte_carlo.seed if monte_carlo else 0)
    summed = torch.zeros((), dtype=torch.float64, device=speed.torch_device)
    for inputs_TB, targets_TB in zip(inputs_NB.split(window), targets_NB.split(window), strict=True):
        log_probs = []
        for number, states in enumerate(passes):
            masks = None
            if monte_carlo is not None:
                masks = model.sample_masks(monte_carlo.dropout, len(inputs_TB), streams, generator)
            with speed.arithmetic():
                logits_TBV, passes[number] = model(inputs_TB, states, masks)
            log_probs.append(_log_probs_of(targets_TB, logits_TBV))
        mean = torch.stack(log_probs).logsumexp(0) - math.log(len(log_probs))
        summed -= mean[targets_TB != NOTHING].sum()
    return float(summed) / (len(tokens) - 1)


def _in_streams(tokens: Tensor, streams: int) -> tuple[Tensor, Tensor]:
    """Inputs and what follows them, [N / streams, streams] each; the last stream is filled up at its end."""
    length = math.ceil((len(tokens) - 1) / streams)
    missing = length * streams - (len(tokens) - 1)
    inputs = functional.pad(tokens[:-1], (0, missing))
    targets = functional.pad(tokens[1:], (0, missing), value=NOTHING)
    return inputs.view(streams, length).t(), targets.view(streams, length).t()


def _log_probs_of(targets_TB: Tensor, logits_TBV: Tensor) -> Tensor:
    """[T, B] in float64, so that sums over long texts are exact."""
    nats = functional.cross_entropy(
        logits_TBV.flatten(0, 1), targets_TB.flatten(), ignore_index=NOTHING, reduction="none"
    )
    return -nats.double().view_as(targets_TB)


def perplexity_of(nats_per_token: float) -> float:
    """The exponential; `ChildError` where that is no finite number."""
    if not nats_per_token < 700:
        raise ChildError(f"{nats_per_token} nats per token give no perplexity")
    return math.exp(nats_per_token)


def bits_of(nats_per_token: float) -> float:
    """Bits per token, which are bits per character where tokens are characters."""
    return nats_per_token / math.log(2)
