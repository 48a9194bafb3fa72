"""Proximal policy optimisation (Schulman et al. 2017), with which NASNet was found (Zoph et al. 2018, appendix A)."""

from collections.abc import Sequence

import torch

from netwright.config.strategies import PPOSettings
from netwright.controller.interface import Policy
from netwright.controller.objectives import ppo_loss
from netwright.controller.parameters import AdamParameters
from netwright.spaces.programs import Space
from netwright.strategies.policy_gradient import (
    BatchSampler,
    GradientResult,
    gradient_of,
    one_thread,
    policy_and_parameters,
)
from netwright.trials import Proposal, StrategyState, Ticket, Trial, Update


class PPO:
    """Several steps on every batch, each kept close to the policy that sampled it; implements `Strategy`.

    Every gradient is taken at the newest weights and weighted by the ratio of the new probability to that at sampling,
    so it belongs to the newest policy even if the batch was sampled several updates ago. The clipping ends the gain of
    a sequence whose ratio has moved by more than `clip`.

    The NASNet paper gives neither the clipping nor the number of steps; 0.2 is Schulman's, 4 is ours. A whole sequence
    has one ratio, its advantage is the reward minus the moving average, and there is no critic.
    """

    def __init__(
        self,
        space: Space,
        policy: Policy,
        parameters: AdamParameters,
        *,
        seed: int,
        clip: float = 0.2,
        num_epochs: int = 4,
        entropy_weight: float = 0.0,
    ) -> None:
        self._policy, self._parameters = policy, parameters
        self._clip, self._num_epochs, self._entropy_weight = clip, num_epochs, entropy_weight
        self._sampler = BatchSampler(space, policy, parameters, seed=seed)

    def propose(self, ticket: Ticket) -> list[Proposal]:
        """Sample a batch with the newest weights and keep them until the batch is learned."""
        return self._sampler.propose(ticket)

    def observe(self, ticket: Ticket, trials: Sequence[Trial]) -> Update:
        """Take `num_epochs` steps on a finished batch. The metrics are those of the last step."""
        batch = self._sampler.finished(ticket, trials)
        if not batch.rewards:
            return Update(ticket.round, {})
        advantages = self._parameters.advantages(batch.rewards, batch.origin)
        values, episodes = torch.tensor(advantages.values), batch.episodes()
        with one_thread():
            with torch.no_grad():
                sampled_log_probs, _ = self._policy.log_probs(episodes)
            for epoch in range(self._num_epochs):
                self._sampler.load_newest()
                log_probs, entropies = self._policy.log_probs(episodes)
                loss = ppo_loss(
                    log_probs,
                    sampled_log_probs,
                    entropies,
                    values,
                    clip=self._clip,
                    entropy_weight=self._entropy_weight,
                )
                gradient = gradient_of(loss, self._policy)
                if epoch < self._num_epochs - 1:
                    self._parameters.step(gradient)
                else:
                    self._parameters.push(gradient)
        return self._sampler.update(ticket, batch, advantages, GradientResult(gradient, log_probs, entropies))

    def state(self) -> StrategyState:
        """Return weights, Adam's moments, baseline and the snapshots of the batches in flight."""
        return self._sampler.state()

    def restore(self, state: StrategyState) -> None:
        """Continue exactly from `state`."""
        self._sampler.restore(state)


def from_settings(settings: PPOSettings, space: Space, seed: int) -> PPO:
    """Make the strategy that `settings` describe."""
    policy, parameters = policy_and_parameters(settings, seed)
    return PPO(
        space,
        policy,
        parameters,
        seed=seed,
        clip=settings.clip,
        num_epochs=settings.num_epochs,
        entropy_weight=settings.entropy_weight,
    )
