"""A policy without a network: every decision has its own logits, independent of the earlier decisions.

This is the policy of the REINFORCE baseline of NAS-Bench-201 (Dong & Yang 2020): one softmax for each edge of a cell.

Shapes: M sequences, D choices of all sequences, N options of the largest choice, B bits of all subsets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from netwright.controller.anchors import bernoulli_entropy
from netwright.controller.policy import Weights, sample_options
from netwright.errors import ConfigError, SpaceError
from netwright.spaces.decisions import Action, Choice, Decision
from netwright.spaces.programs import Episode


@dataclass
class _Places:
    """Positions of the logits of complete episodes in one vector of all logits used; its entry 0 is padding."""

    first: dict[str, int] = field(default_factory=dict)
    """Weight name -> its first entry."""
    size: int = 1
    choice_sequences: list[int] = field(default_factory=list)
    choice_firsts: list[int] = field(default_factory=list)
    choice_actions: list[int] = field(default_factory=list)
    choice_allowed: list[tuple[bool, ...]] = field(default_factory=list)
    bit_sequences: list[int] = field(default_factory=list)
    bit_entries: list[int] = field(default_factory=list)
    bit_taken: list[bool] = field(default_factory=list)

    def add(self, sequence: int, name: str, decision: Decision, action: Action) -> None:
        """Append the next decision of a sequence and its action; `name` is that of the decision's logits."""
        length = len(decision.options) if isinstance(decision, Choice) else decision.of
        first = self.first.setdefault(name, self.size)
        if first == self.size:
            self.size += length
        if isinstance(decision, Choice):
            assert isinstance(action, int)
            self.choice_sequences.append(sequence)
            self.choice_firsts.append(first)
            self.choice_actions.append(action)
            self.choice_allowed.append(decision.allowed)
        else:
            assert isinstance(action, tuple)
            self.bit_sequences.extend([sequence] * length)
            self.bit_entries.extend(range(first, first + length))
            self.bit_taken.extend(position in action for position in range(length))


class IndependentPolicy:
    """Independent decisions, each with its own logits, initially zero; implements `Policy`.

    `weights` maps "choice/NAME/k" to the logits of the k-th `Choice` of this name in a sequence, and "subset/NAME/k" to
    those of the k-th `Subset`, one logit for each of the k earlier positions; k counts from 0.

    Args:
        temperature: divides all logits; above 0.

    Raises:
        ConfigError: the temperature is not above 0.
    """

    def __init__(self, *, temperature: float = 1.0) -> None:
        if temperature <= 0:
            raise ConfigError(f"temperature must be above 0; got {temperature}")
        self.temperature = temperature
        self.weights: Weights = {}

    def meet(self, decision: Decision, occurrence: int) -> str:
        """Return the name of a decision's logits and create them at its first occurrence.

        Args:
            decision: the decision.
            occurrence: the number of earlier decisions of its name in the sequence.

        Raises:
            SpaceError: an earlier decision of this name and occurrence had another number of options.
        """
        choice = isinstance(decision, Choice)
        length = len(decision.options) if isinstance(decision, Choice) else decision.of
        name = f"{'choice' if choice else 'subset'}/{decision.name}/{occurrence}"
        known = self.weights.get(name)
        if known is None:
            self.weights[name] = torch.zeros(length, requires_grad=True)
        elif len(known) != length:
            raise SpaceError(f"{decision} differs from an earlier decision of the same name; run check_space")
        return name

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Replace all weights by copies of `weights`; a decision without an entry is initialised at its occurrence."""
        self.weights = {name: value.detach().clone().requires_grad_() for name, value in weights.items()}

    def snapshot(self) -> Weights:
        """Return a copy of all weights."""
        return {name: weight.detach().clone() for name, weight in self.weights.items()}

    @torch.no_grad()
    def sample(self, episodes: Sequence[Episode], rngs: Sequence[np.random.Generator]) -> None:
        """Sample an action for every decision of new episodes, in place; episode k is sampled with rngs[k] only."""
        for episode, rng in zip(episodes, rngs, strict=True):
            while (decision := episode.decision) is not None:
                logits = (self.weights[self.meet(decision, episode.occurrence)] / self.temperature).double()
                if isinstance(decision, Choice):
                    episode.act(sample_options(logits.numpy()[None], np.array([decision.allowed]), [rng])[0])
                else:
                    bits = rng.random(decision.of) < torch.sigmoid(logits).numpy()
                    episode.act(tuple(int(position) for position in np.flatnonzero(bits)))

    def log_probs(self, episodes: Sequence[Episode]) -> tuple[Tensor, Tensor]:
        """Return log-probability and entropy in nats, each [M], of M complete episodes; differentiable."""
        places = _Places()
        for sequence, episode in enumerate(episodes):
            steps = zip(episode.decisions, episode.occurrences, episode.actions, strict=True)
            for decision, occurrence, action in steps:
                places.add(sequence, self.meet(decision, occurrence), decision, action)
        padding = torch.zeros(1, requires_grad=True)
        logits = torch.cat([padding, *(self.weights[name] for name in places.first)]) / self.temperature
        log_probs = entropies = torch.zeros(len(episodes))
        for sequences, log_p, entropy in (_choices(logits, places), _bits(logits, places)):
            log_probs = log_probs.index_add(0, sequences, log_p)
            entropies = entropies.index_add(0, sequences, entropy)
        return log_probs, entropies


def _choices(logits: Tensor, places: _Places) -> tuple[Tensor, Tensor, Tensor]:
    """Return (sequence, log-probability, entropy) of each choice, each of shape [D]."""
    allowed_DN = np.zeros((len(places.choice_allowed), max(map(len, places.choice_allowed), default=1)), dtype=np.bool_)
    for row, allowed in enumerate(places.choice_allowed):
        allowed_DN[row, : len(allowed)] = allowed
    firsts_D1 = np.array(places.choice_firsts, dtype=np.int64)[:, None]
    entries_DN = np.where(allowed_DN, firsts_D1 + np.arange(allowed_DN.shape[1]), 0)
    masked = torch.from_numpy(~allowed_DN)
    log_p = functional.log_softmax(logits[torch.from_numpy(entries_DN)].masked_fill(masked, -torch.inf), dim=1)
    actions_D1 = torch.tensor(places.choice_actions, dtype=torch.int64).unsqueeze(1)
    entropy = -(log_p.exp() * log_p.masked_fill(masked, 0.0)).sum(1)
    return torch.tensor(places.choice_sequences, dtype=torch.int64), log_p.gather(1, actions_D1).squeeze(1), entropy


def _bits(logits: Tensor, places: _Places) -> tuple[Tensor, Tensor, Tensor]:
    """Return (sequence, log-probability, entropy) of each bit, each of shape [B]."""
    logits_B = logits[torch.tensor(places.bit_entries, dtype=torch.int64)]
    log_p = functional.logsigmoid(torch.where(torch.tensor(places.bit_taken, dtype=torch.bool), logits_B, -logits_B))
    return torch.tensor(places.bit_sequences, dtype=torch.int64), log_p, bernoulli_entropy(logits_B)
