"""REINFORCE with a moving-average baseline (Williams 1992), as Zoph & Le 2017 use it (section 3.2)."""

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np
import safetensors.torch
import torch

from netwright.controller.objectives import reinforce_loss
from netwright.controller.parameters import AdamParameters, gradient_norm
from netwright.controller.policy import Controller, Weights
from netwright.spaces.programs import Space
from netwright.trials import Proposal, StrategyState, Ticket, Trial, Update, derive_seed


class Reinforce:
    """The controller as a strategy; implements `Strategy`.

    The gradient of a batch is taken at the weights that the batch was drawn with, kept as a snapshot while the batch is
    in flight, and applied to the newest weights. With one batch in flight this is textbook REINFORCE; with more it is
    the delayed gradient of the paper's asynchronous scheme. Under newer weights the estimate would be biased and the
    baseline no longer neutral.

    Deviation: one process with a fixed lag stands in the place of the paper's 100 replicas and 20 parameter servers,
    so that a seed determines a search.
    """

    def __init__(
        self,
        space: Space,
        controller: Controller,
        parameters: AdamParameters,
        *,
        seed: int,
        entropy_weight: float = 0.0,
    ) -> None:
        self._space, self._controller, self._parameters = space, controller, parameters
        self._seed, self._entropy_weight = seed, entropy_weight
        self._snapshots: dict[int, Weights] = {}
        self._version_of_round: dict[int, int] = {}

    def propose(self, ticket: Ticket) -> list[Proposal]:
        """Draw a batch with the newest weights and remember them until the batch is learned."""
        pulled = self._parameters.pull()
        self._controller.load(pulled.weights)
        spaces = [self._space.at(ticket.first + index) for index in range(ticket.size)]
        performances = [space.start() for space in spaces]
        seeds = (derive_seed(self._seed, "propose", ticket.replica, ticket.round, i) for i in range(ticket.size))
        with _one_thread():
            self._controller.sample(performances, [np.random.default_rng(seed) for seed in seeds])
        # After the draw: it may have met new decisions, which the gradient will need.
        self._snapshots[pulled.version] = self._controller.snapshot()
        self._version_of_round[ticket.round] = pulled.version
        return [
            Proposal(space.parameters, tuple(performance.actions), performance.architecture, pulled.version)
            for space, performance in zip(spaces, performances, strict=True)
        ]

    def observe(self, ticket: Ticket, trials: Sequence[Trial]) -> Update:
        """One policy-gradient step from a finished batch. Duplicates count as often as they were drawn."""
        weights = self._forget(ticket.round)
        learned = [trial for trial in trials if trial.reward is not None]
        rewards = [trial.reward for trial in learned if trial.reward is not None]
        if not learned:
            return Update(ticket.round, {})
        self._controller.load(weights)
        performances = [
            self._space.with_parameters(**trial.proposal.parameters).replay(trial.proposal.actions) for trial in learned
        ]
        advantages = self._parameters.advantages(rewards)
        with _one_thread():
            log_probs, entropies = self._controller.log_probs(performances)
            loss = reinforce_loss(log_probs, entropies, torch.tensor(advantages), entropy_weight=self._entropy_weight)
            names = list(self._controller.weights)
            values = torch.autograd.grad(loss, [self._controller.weights[n] for n in names], allow_unused=True)
            gradient = {name: value for name, value in zip(names, values, strict=True) if value is not None}
            self._parameters.push(gradient, rewards)
        return Update(
            ticket.round,
            {
                "mean_reward": sum(rewards) / len(rewards),
                "baseline": self._parameters.baseline.value or 0.0,
                "entropy": float(entropies.detach().mean()),
                "log_prob": float(log_probs.detach().mean()),
                "gradient_norm": gradient_norm(gradient),
            },
        )

    def _forget(self, round_number: int) -> Weights:
        """The snapshot of a round; dropped when no other round in flight needs it."""
        version = self._version_of_round.pop(round_number)
        weights = self._snapshots[version]
        if version not in self._version_of_round.values():
            del self._snapshots[version]
        return weights

    def state(self) -> StrategyState:
        """Weights, Adam's moments, baseline and the snapshots of the batches in flight."""
        values, tensors = self._parameters.state()
        for version, weights in self._snapshots.items():
            tensors.update({f"snapshot/{version}/{name}": weight for name, weight in weights.items()})
        values["in_flight"] = {str(number): version for number, version in self._version_of_round.items()}
        return StrategyState(values, safetensors.torch.save(tensors))

    def restore(self, state: StrategyState) -> None:
        """Go on exactly where `state` was taken."""
        tensors = safetensors.torch.load(state.tensors)
        self._parameters.restore(state.values, tensors)
        self._version_of_round = {int(number): version for number, version in state.values["in_flight"].items()}
        self._snapshots = {version: {} for version in self._version_of_round.values()}
        for key, value in tensors.items():
            if key.startswith("snapshot/"):
                _, version, name = key.split("/", 2)
                self._snapshots[int(version)][name] = value


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """The controller is small, and sums over several threads would depend on how many there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
