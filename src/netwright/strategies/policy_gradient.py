"""What the strategies that learn a policy share: sampling batches, and the weights that sampled those in flight."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import safetensors.numpy
import safetensors.torch
import torch
from torch import Tensor

from netwright.config.strategies import PolicyGradientSettings
from netwright.controller.baseline import MovingAverageBaseline
from netwright.controller.independent import IndependentPolicy
from netwright.controller.interface import Policy
from netwright.controller.parameters import AdamParameters, Advantages, Origin, Parameters, gradient_norm
from netwright.controller.policy import Controller, Weights
from netwright.seeds import derive_seed
from netwright.spaces.decisions import Actions
from netwright.spaces.programs import Episode, Space
from netwright.trials import Proposal, StrategyState, Ticket, Trial, Update


@dataclass(frozen=True)
class SampledBatch:
    """The sequences of a finished batch that have a reward."""

    origin: Origin
    spaces: list[Space]
    actions: list[Actions]
    rewards: list[float]

    def episodes(self) -> list[Episode]:
        """Return the sequences as complete episodes."""
        return [space.replay(actions) for space, actions in zip(self.spaces, self.actions, strict=True)]


@dataclass(frozen=True)
class GradientResult:
    """The gradient of a batch, with what was computed on the way."""

    gradient: Weights
    log_probs: Tensor
    entropies: Tensor
    """Both in nats, [M]."""


@dataclass(frozen=True)
class SamplingTask:
    """Samples a batch with the weights of `policy`, which may meet new decisions; depends on nothing else."""

    space: Space
    policy: Policy
    version: int
    """The number of updates of the weights."""
    ticket: Ticket
    seed: int

    def __call__(self) -> list[Proposal]:
        """Return one proposal for each trial of the ticket."""
        ticket = self.ticket
        spaces = [self.space.at(ticket.sample_number(index)) for index in range(ticket.size)]
        episodes = [space.start() for space in spaces]
        seeds = (derive_seed(self.seed, "propose", ticket.replica, ticket.round, i) for i in range(ticket.size))
        with one_thread():
            self.policy.sample(episodes, [np.random.default_rng(seed) for seed in seeds])
        return [
            Proposal(space.parameters, tuple(episode.actions), episode.architecture, self.version)
            for space, episode in zip(spaces, episodes, strict=True)
        ]


class BatchSampler:
    """Samples batches with the newest weights, and keeps a snapshot of these for each batch until it is learned.

        proposals = sampler.propose(ticket)
        batch = sampler.finished(ticket, trials)      # loads the weights that sampled the batch into the policy

    Several replicas may share one object, since tickets distinguish them.
    """

    def __init__(self, space: Space, policy: Policy, parameters: Parameters, *, seed: int) -> None:
        self._space, self._policy, self._parameters, self._seed = space, policy, parameters, seed
        self._snapshots: dict[int, Weights] = {}
        self._version_of: dict[tuple[int, int], int] = {}
        """(replica, round) -> version of the weights that sampled the batch."""

    def propose(self, ticket: Ticket) -> list[Proposal]:
        """Sample a batch with the newest weights and keep them until the batch is learned."""
        return self.sampling_task(ticket)()

    def sampling_task(self, ticket: Ticket) -> SamplingTask:
        """Return the task that samples a batch; run it before the policy's weights change.

        The weights are kept as by `propose`. Those of decisions that are met for the first time are not among them;
        their initial weights also serve for the gradient.
        """
        version = self.load_newest()
        self._snapshots[version] = self._policy.snapshot()
        self._version_of[ticket.replica, ticket.round] = version
        return SamplingTask(self._space, self._policy, version, ticket, self._seed)

    def finished(self, ticket: Ticket, trials: Sequence[Trial]) -> SampledBatch:
        """Return the sequences with a reward, load the weights that sampled them, and drop the snapshot."""
        version = self._version_of.pop((ticket.replica, ticket.round))
        self._policy.load(self._snapshots[version])
        if version not in self._version_of.values():  # no other batch in flight needs it
            del self._snapshots[version]
        learned = [trial for trial in trials if trial.reward is not None]
        return SampledBatch(
            Origin(ticket.replica, ticket.round, version),
            [self._space.with_parameters(**trial.proposal.parameters) for trial in learned],
            [trial.proposal.actions for trial in learned],
            [trial.reward for trial in learned if trial.reward is not None],
        )

    def load_newest(self) -> int:
        """Load the newest weights into the policy; return their version."""
        snapshot = self._parameters.pull()
        self._policy.load(snapshot.weights)
        return snapshot.version

    def update(
        self, ticket: Ticket, batch: SampledBatch, advantages: Advantages, result: GradientResult | None
    ) -> Update:
        """Return the metrics of a batch that was learned, or dropped if `result` is None."""
        metrics = {"mean_reward": sum(batch.rewards) / len(batch.rewards), "baseline": advantages.baseline}
        if result is not None:
            metrics |= {
                "entropy": float(result.entropies.detach().mean()),
                "log_prob": float(result.log_probs.detach().mean()),
                "gradient_norm": gradient_norm(result.gradient),
            }
        return Update(ticket.round, {**metrics, **advantages.metrics})

    def state(self, **values: object) -> StrategyState:
        """Return weights, Adam's moments, baseline, snapshots of batches in flight, and `values` of the strategy."""
        kept, tensors = self._parameters.state()
        for version, weights in self._snapshots.items():
            tensors.update({f"snapshot/{version}/{name}": weight for name, weight in weights.items()})
        kept["in_flight"] = {_key(*place): version for place, version in self._version_of.items()}
        # The same bytes as from safetensors.torch, in a third of the time; a state is taken after every arrival.
        return StrategyState({**kept, **values}, safetensors.numpy.save({k: v.numpy() for k, v in tensors.items()}))

    def restore(self, state: StrategyState) -> None:
        """Continue exactly from `state`."""
        tensors = safetensors.torch.load(state.tensors)
        self._parameters.restore(dict(state.values), tensors)
        self._version_of = {_place(key): version for key, version in state.values["in_flight"].items()}
        self._snapshots = {version: {} for version in self._version_of.values()}
        for key, value in tensors.items():
            if key.startswith("snapshot/"):
                _, version, name = key.split("/", 2)
                self._snapshots[int(version)][name] = value


def gradient_of(loss: Tensor, policy: Policy) -> Weights:
    """Return the gradient of `loss` with respect to every weight of the policy that it depends on."""
    names = list(policy.weights)
    values = torch.autograd.grad(loss, [policy.weights[name] for name in names], allow_unused=True)
    return {name: value for name, value in zip(names, values, strict=True) if value is not None}


def _key(replica: int, round_number: int) -> str:
    return f"{replica}/{round_number}" if replica else str(round_number)


def _place(key: str) -> tuple[int, int]:
    replica, _, round_number = key.rpartition("/")
    return int(replica or 0), int(round_number)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute on one thread: the policy is small, and sums over several threads depend on their number."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def policy_of(settings: PolicyGradientSettings, seed: int) -> tuple[Policy, float]:
    """Make the policy that `settings` describe; return it with the range of its initial weights."""
    if settings.policy == "independent":
        return IndependentPolicy(temperature=settings.temperature), 0.0
    controller = Controller(
        seed=seed,
        hidden_size=settings.hidden_size,
        num_layers=settings.num_layers,
        init_range=settings.init_range,
        temperature=settings.temperature,
    )
    return controller, settings.init_range


def policy_and_parameters(settings: PolicyGradientSettings, seed: int) -> tuple[Policy, AdamParameters]:
    """Make the policy that `settings` describe, and its parameters with their optimizer."""
    policy, init_range = policy_of(settings, seed)
    return policy, AdamParameters(
        seed=seed,
        init_range=init_range,
        learning_rate=settings.learning_rate,
        baseline=MovingAverageBaseline(settings.baseline_decay),
    )
