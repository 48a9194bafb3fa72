"""REINFORCE with a moving-average baseline (Williams 1992), as Zoph & Le 2017 use it (section 3.2)."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from netwright.config.strategies import ReinforceSettings
from netwright.controller.baseline import MovingAverageBaseline
from netwright.controller.interface import Policy
from netwright.controller.objectives import reinforce_loss
from netwright.controller.parameters import Advantages, Parameters
from netwright.controller.shards import LocalShards, ShardedParameters, Shards
from netwright.errors import ConfigError
from netwright.spaces.programs import Space
from netwright.strategies.policy_gradient import (
    BatchSampler,
    GradientResult,
    SampledBatch,
    gradient_of,
    one_thread,
    policy_and_parameters,
    policy_of,
)
from netwright.trials import Proposal, StrategyState, Ticket, Trial, Update


@dataclass(frozen=True)
class GradientTask:
    """Computes the gradient of a batch at the weights of `policy`; depends on these values alone."""

    policy: Policy
    batch: SampledBatch
    advantages: list[float]
    entropy_weight: float

    def __call__(self) -> GradientResult:
        """Return the gradient, from one forward and one backward pass."""
        with one_thread():
            log_probs, entropies = self.policy.log_probs(self.batch.episodes())
            advantages = torch.tensor(self.advantages)
            loss = reinforce_loss(log_probs, entropies, advantages, entropy_weight=self.entropy_weight)
            return GradientResult(gradient_of(loss, self.policy), log_probs.detach(), entropies.detach())


class Reinforce:
    """The controller as a strategy; implements `Strategy` and `Delegating`.

    The gradient of a batch is taken at the weights that sampled the batch, kept as a snapshot while the batch is in
    flight, and applied to the newest weights. With one batch in flight this is textbook REINFORCE; with more it is
    the delayed gradient of the paper's asynchronous scheme. Under newer weights the estimate would be biased and the
    baseline no longer neutral.

    Deviation: by default one process with a fixed lag replaces the paper's 100 replicas and 20 parameter
    servers, so that a seed determines a search. With replicas one object keeps the state of all of them, and any free
    process computes their samples and gradients.
    """

    def __init__(
        self,
        space: Space,
        controller: Policy,
        parameters: Parameters,
        *,
        seed: int,
        entropy_weight: float = 0.0,
    ) -> None:
        self._controller, self._parameters, self._entropy_weight = controller, parameters, entropy_weight
        self._sampler = BatchSampler(space, controller, parameters, seed=seed)
        self._awaiting: dict[Ticket, tuple[SampledBatch, Advantages]] = {}
        """The batches whose gradients are being computed."""

    def propose(self, ticket: Ticket) -> list[Proposal]:
        """Sample a batch with the newest weights and keep them until the batch is learned."""
        return self._sampler.propose(ticket)

    def observe(self, ticket: Ticket, trials: Sequence[Trial]) -> Update:
        """Take one policy-gradient step on a finished batch. Duplicates count as often as they were sampled."""
        task = self._gradient_of_batch(ticket, trials)
        return self.learn(ticket, task() if task else None)

    def _gradient_of_batch(self, ticket: Ticket, trials: Sequence[Trial]) -> GradientTask | None:
        """Load the weights that sampled the batch and return the task for its gradient; None if it has none."""
        batch = self._sampler.finished(ticket, trials)
        if not batch.rewards:
            return None
        advantages = self._parameters.advantages(batch.rewards, batch.origin)
        self._awaiting[ticket] = batch, advantages
        if not advantages.accepted:
            return None
        return GradientTask(self._controller, batch, advantages.values, self._entropy_weight)

    def sampling_task(self, ticket: Ticket) -> Callable[[], list[Proposal]]:
        """Return `propose` as a task for any process."""
        sampling_task = self._sampler.sampling_task(ticket)
        return replace(sampling_task, policy=copy.deepcopy(self._controller))

    def gradient_task(self, ticket: Ticket, trials: Sequence[Trial]) -> Callable[[], GradientResult] | None:
        """Return the gradient of `observe` as a task for any process."""
        task = self._gradient_of_batch(ticket, trials)
        return task and replace(task, policy=copy.deepcopy(self._controller))

    def learn(self, ticket: Ticket, result: GradientResult | None) -> Update:
        """Take one step with the result of `gradient_task`."""
        if ticket not in self._awaiting:
            return Update(ticket.round, {})
        batch, advantages = self._awaiting.pop(ticket)
        if result is not None:
            self._parameters.push(result.gradient)
        return self._sampler.update(ticket, batch, advantages, result)

    def state(self) -> StrategyState:
        """Return weights, Adam's moments, baseline and the snapshots of the batches in flight."""
        return self._sampler.state()

    def restore(self, state: StrategyState) -> None:
        """Continue exactly from `state`."""
        self._sampler.restore(state)


def from_settings(settings: ReinforceSettings, space: Space, seed: int) -> Reinforce:
    """Make the strategy that `settings` describe."""
    policy, parameters = policy_and_parameters(settings, seed)
    return Reinforce(space, policy, parameters, seed=seed, entropy_weight=settings.entropy_weight)


def with_replicas(
    settings: ReinforceSettings,
    space: Space,
    seed: int,
    *,
    largest: Space,
    shards: Shards | None,
    servers: int,
    accumulate: int,
    max_staleness: int | None,
) -> Reinforce:
    """Make one strategy object for all replicas, whose parameters are in shards.

    Args:
        settings: The settings of the strategy.
        space: The space to search.
        seed: The run's seed.
        largest: The space of the last trial, to count the parameters.
        shards: Hold the parameters; None makes `servers` shards in this process.
        servers: The number of shards.
        accumulate: Gradients whose mean makes one update.
        max_staleness: A gradient older than so many updates is dropped; None drops none.

    Raises:
        ConfigError: There are more shards than parameters.
    """
    policy, init_range = policy_of(settings, seed)
    policy.sample([largest.start()], [np.random.default_rng(seed)])  # creates every parameter
    num_parameters = sum(weight.numel() for weight in policy.weights.values())
    if servers > num_parameters:
        raise ConfigError(
            f"servers: {servers} shards for {num_parameters} parameters would leave some empty; at most one for each"
        )
    if shards is None:
        shards = LocalShards(servers, learning_rate=settings.learning_rate, accumulate=accumulate)
    parameters = ShardedParameters(
        shards,
        accumulate=accumulate,
        seed=seed,
        init_range=init_range,
        baseline=MovingAverageBaseline(settings.baseline_decay),
        max_staleness=max_staleness,
    )
    return Reinforce(space, policy, parameters, seed=seed, entropy_weight=settings.entropy_weight)
