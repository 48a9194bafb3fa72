"""Priority queue training (Abolafia et al. 2018): the policy learns to repeat the best sequences found so far."""

import json
from collections.abc import Sequence

import torch
from torch import Tensor

from netwright.config.strategies import PQTSettings
from netwright.controller.interface import Policy
from netwright.controller.objectives import reinforce_loss
from netwright.controller.parameters import AdamParameters
from netwright.spaces.decisions import actions_from_json
from netwright.spaces.programs import Episode, Space
from netwright.strategies.policy_gradient import (
    BatchSampler,
    GradientResult,
    gradient_of,
    one_thread,
    policy_and_parameters,
)
from netwright.trials import Proposal, StrategyState, Ticket, Trial, Update


class PriorityQueueTraining:
    """Maximum likelihood of a queue of the best, alone or added to REINFORCE; implements `Strategy`.

        loss = queue_weight * mean over the queue of (-log P)  +  that of REINFORCE, without its rewards if alone

    The sequences of the queue come from the policy itself, and the entropy term keeps it from repeating them. The
    queue's likelihood is not an estimate from samples, so its gradient is taken at the newest weights; the gradients of
    REINFORCE and of the entropy at the weights that sampled the batch.

    The released code samples one sequence of the queue for each step; here the expectation over the whole queue is
    used. That code multiplies REINFORCE and entropy by its batch size of 64 but not the queue's loss, so its weights of
    200 (alone) and 50 (added) are 200 / 64 and 50 / 64 here, where all are means.
    """

    def __init__(
        self,
        space: Space,
        policy: Policy,
        parameters: AdamParameters,
        *,
        seed: int,
        policy_gradient: bool = False,
        queue_size: int = 10,
        queue_weight: float = 200 / 64,
        entropy_weight: float = 0.01,
    ) -> None:
        self._space, self._policy, self._parameters = space, policy, parameters
        self._policy_gradient, self._queue_size = policy_gradient, queue_size
        self._queue_weight, self._entropy_weight = queue_weight, entropy_weight
        self._queue: dict[str, tuple[float, Episode]] = {}
        """Sequence as JSON -> (reward, episode); best first, the older of equals first."""
        self._sampler = BatchSampler(space, policy, parameters, seed=seed)

    def propose(self, ticket: Ticket) -> list[Proposal]:
        """Sample a batch with the newest weights and keep them until the batch is learned."""
        return self._sampler.propose(ticket)

    def observe(self, ticket: Ticket, trials: Sequence[Trial]) -> Update:
        """Add the batch to the queue, then take one step towards the queue."""
        batch = self._sampler.finished(ticket, trials)
        if not batch.rewards:
            return Update(ticket.round, {})
        episodes = batch.episodes()
        self._enqueue(episodes, batch.rewards)
        advantages = self._parameters.advantages(batch.rewards, batch.origin)
        values = advantages.values if self._policy_gradient else [0.0] * len(batch.rewards)
        with one_thread():
            log_probs, entropies = self._policy.log_probs(episodes)
            loss = reinforce_loss(log_probs, entropies, torch.tensor(values), entropy_weight=self._entropy_weight)
            gradient = _sum(gradient_of(loss, self._policy), self._queue_gradient())
            self._parameters.push(gradient)
        return self._sampler.update(ticket, batch, advantages, GradientResult(gradient, log_probs, entropies))

    def _enqueue(self, episodes: Sequence[Episode], rewards: Sequence[float]) -> None:
        """Keep the best `queue_size` of the queue and a batch; a sequence counts once, with its best reward."""
        for episode, reward in zip(episodes, rewards, strict=True):
            key = json.dumps([dict(episode.space.parameters), episode.actions])
            known = self._queue.get(key)
            if known is None or known[0] < reward:
                self._queue[key] = (reward, episode)
        best = sorted(self._queue.items(), key=lambda entry: -entry[1][0])
        self._queue = dict(best[: self._queue_size])

    def _queue_gradient(self) -> dict[str, Tensor]:
        self._sampler.load_newest()
        log_probs, _ = self._policy.log_probs([episode for _, episode in self._queue.values()])
        return gradient_of(-self._queue_weight * log_probs.mean(), self._policy)

    def state(self) -> StrategyState:
        """Return weights, Adam's moments, baseline, the snapshots of the batches in flight, and the queue."""
        return self._sampler.state(queue=[[key, reward] for key, (reward, _) in self._queue.items()])

    def restore(self, state: StrategyState) -> None:
        """Continue exactly from `state`."""
        self._sampler.restore(state)
        for key, reward in state.values["queue"]:
            parameters, listed = json.loads(key)
            space = self._space.with_parameters(**parameters)
            self._queue[key] = (reward, space.replay(actions_from_json(listed)))


def _sum(gradient: dict[str, Tensor], other: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the sum of both gradients; a missing name stands for zero."""
    summed = {**gradient, **other}
    return {
        name: value + gradient[name] if name in gradient and name in other else value for name, value in summed.items()
    }


def from_settings(settings: PQTSettings, space: Space, seed: int) -> PriorityQueueTraining:
    """Make the strategy that `settings` describe."""
    policy, parameters = policy_and_parameters(settings, seed)
    return PriorityQueueTraining(
        space,
        policy,
        parameters,
        seed=seed,
        policy_gradient=settings.policy_gradient,
        queue_size=settings.queue_size,
        queue_weight=settings.queue_weight,
        entropy_weight=settings.entropy_weight,
    )
