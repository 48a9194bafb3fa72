"""What the strategies that learn a policy share: drawing batches, and the weights behind those in flight."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import safetensors.numpy
import safetensors.torch
import torch
from torch import Tensor

from netwright.controller.interface import Policy
from netwright.controller.parameters import Origin, Parameters, gradient_norm
from netwright.controller.policy import Weights
from netwright.spaces.programs import Performance, Space
from netwright.trials import Proposal, StrategyState, Ticket, Trial, Update, derive_seed


@dataclass(frozen=True)
class Batch:
    """What there is to learn from a finished batch: the sequences that have a reward."""

    origin: Origin
    performances: list[Performance]
    rewards: list[float]


class DrawnBatches:
    """Draws batches with the newest weights, and keeps these for each batch until it is learned.

    Several replicas may draw from one object: all that tells them apart is in their tickets.

    proposals = drawn.propose(ticket)
    batch = drawn.finished(ticket, trials)      # the policy has the weights that drew it
    gradient = drawn.gradient(loss)             # by the policy's weights
    """

    def __init__(self, space: Space, policy: Policy, parameters: Parameters, *, seed: int) -> None:
        self._space, self._policy, self._parameters, self._seed = space, policy, parameters, seed
        self._snapshots: dict[int, Weights] = {}
        self._version_of: dict[tuple[int, int], int] = {}
        """(replica, round) -> the version that drew it."""

    def propose(self, ticket: Ticket) -> list[Proposal]:
        """Draw a batch with the newest weights and remember them until the batch is learned."""
        version = self.load_newest()
        spaces = [self._space.at(ticket.first + index) for index in range(ticket.size)]
        performances = [space.start() for space in spaces]
        seeds = (derive_seed(self._seed, "propose", ticket.replica, ticket.round, i) for i in range(ticket.size))
        with one_thread():
            self._policy.sample(performances, [np.random.default_rng(seed) for seed in seeds])
        # After the draw: it may have met new decisions, which the gradient will need.
        self._snapshots[version] = self._policy.snapshot()
        self._version_of[ticket.replica, ticket.round] = version
        return [
            Proposal(space.parameters, tuple(performance.actions), performance.architecture, version)
            for space, performance in zip(spaces, performances, strict=True)
        ]

    def finished(self, ticket: Ticket, trials: Sequence[Trial]) -> Batch:
        """What `trials` say, with the policy at the weights that drew them; these are then forgotten."""
        version = self._version_of.pop((ticket.replica, ticket.round))
        self._policy.load(self._snapshots[version])
        if version not in self._version_of.values():  # no other batch in flight needs it
            del self._snapshots[version]
        learned = [trial for trial in trials if trial.reward is not None]
        return Batch(
            Origin(ticket.replica, ticket.round, version),
            [self._space.with_parameters(**t.proposal.parameters).replay(t.proposal.actions) for t in learned],
            [trial.reward for trial in learned if trial.reward is not None],
        )

    def load_newest(self) -> int:
        """Give the policy the newest weights; returns their version."""
        pulled = self._parameters.pull()
        self._policy.load(pulled.weights)
        return pulled.version

    def gradient(self, loss: Tensor) -> dict[str, Tensor]:
        """The gradient of `loss` by every weight of the policy that it depends on."""
        names = list(self._policy.weights)
        values = torch.autograd.grad(loss, [self._policy.weights[name] for name in names], allow_unused=True)
        return {name: value for name, value in zip(names, values, strict=True) if value is not None}

    def update(
        self,
        ticket: Ticket,
        batch: Batch,
        log_probs: Tensor,
        entropies: Tensor,
        gradient: dict[str, Tensor],
        pushed: Mapping[str, float],
    ) -> Update:
        """What people see of a learned batch; `pushed` is what the parameters said of the gradient."""
        return Update(
            ticket.round,
            {
                "mean_reward": sum(batch.rewards) / len(batch.rewards),
                "baseline": self._parameters.baseline.value or 0.0,
                "entropy": float(entropies.detach().mean()),
                "log_prob": float(log_probs.detach().mean()),
                "gradient_norm": gradient_norm(gradient),
                **pushed,
            },
        )

    def state(self, **values: Any) -> StrategyState:
        """Weights, Adam's moments, baseline, the snapshots of the batches in flight, and `values` of the strategy."""
        kept, tensors = self._parameters.state()
        for version, weights in self._snapshots.items():
            tensors.update({f"snapshot/{version}/{name}": weight for name, weight in weights.items()})
        kept["in_flight"] = {_key(*place): version for place, version in self._version_of.items()}
        # The same bytes as from safetensors.torch, in a third of the time; a state is taken after every arrival.
        return StrategyState({**kept, **values}, safetensors.numpy.save({k: v.numpy() for k, v in tensors.items()}))

    def restore(self, state: StrategyState) -> None:
        """Go on exactly where `state` was taken."""
        tensors = safetensors.torch.load(state.tensors)
        self._parameters.restore(state.values, tensors)
        self._version_of = {_place(key): version for key, version in state.values["in_flight"].items()}
        self._snapshots = {version: {} for version in self._version_of.values()}
        for key, value in tensors.items():
            if key.startswith("snapshot/"):
                _, version, name = key.split("/", 2)
                self._snapshots[int(version)][name] = value


def _key(replica: int, round_number: int) -> str:
    return f"{replica}/{round_number}" if replica else str(round_number)


def _place(key: str) -> tuple[int, int]:
    replica, _, round_number = key.rpartition("/")
    return int(replica or 0), int(round_number)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """The policy is small, and sums over several threads would depend on how many there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
