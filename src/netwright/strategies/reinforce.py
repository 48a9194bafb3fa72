"""REINFORCE with a moving-average baseline (Williams 1992), as Zoph & Le 2017 use it (section 3.2)."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from netwright.controller.interface import Policy
from netwright.controller.objectives import reinforce_loss
from netwright.controller.parameters import Advantages, Parameters
from netwright.spaces.programs import Space
from netwright.strategies.policy_gradient import BatchSampler, GradientResult, SampledBatch, gradient_of, one_thread
from netwright.trials import Proposal, StrategyState, Ticket, Trial, Update


@dataclass(frozen=True)
class GradientTask:
    """A picklable task that computes a batch's gradient at the weights of `policy`."""

    policy: Policy
    batch: SampledBatch
    advantages: list[float]
    entropy_weight: float

    def __call__(self) -> GradientResult:
        """Run one forward and one backward pass."""
        with one_thread():
            log_probs, entropies = self.policy.log_probs(self.batch.episodes())
            advantages = torch.tensor(self.advantages)
            loss = reinforce_loss(log_probs, entropies, advantages, entropy_weight=self.entropy_weight)
            return GradientResult(gradient_of(loss, self.policy), log_probs.detach(), entropies.detach())


class Reinforce:
    """REINFORCE on a policy network; implements `Strategy` and `Delegating`.

    The gradient of a batch is computed at the weights that sampled it, which are kept as a snapshot while the batch is
    in flight, and applied to the newest weights. With one batch in flight this is textbook REINFORCE; with more it is
    the delayed gradient of the paper's asynchronous scheme. At newer weights the estimate would be biased, and
    subtracting the baseline would no longer leave its expectation unchanged.

    Deviation: by default one process with a fixed lag replaces the paper's 100 replicas and 20 parameter servers, so
    that a seed determines a search. With replicas, one object holds the state of all of them, and any free process
    computes their samples and gradients.
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
        """Batches whose gradients are being computed."""

    def propose(self, ticket: Ticket) -> list[Proposal]:
        """Sample a batch with the newest weights and keep a snapshot of them until it is learned."""
        return self._sampler.propose(ticket)

    def observe(self, ticket: Ticket, trials: Sequence[Trial]) -> Update:
        """Take one policy-gradient step on a finished batch. Duplicates count as often as they were sampled."""
        task = self._gradient_of_batch(ticket, trials)
        return self.learn(ticket, task() if task else None)

    def _gradient_of_batch(self, ticket: Ticket, trials: Sequence[Trial]) -> GradientTask | None:
        """The task for the batch's gradient at its sampling weights; None if there is nothing to learn."""
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
        """Return the gradient of `observe` as a task for any process; None if there is nothing to learn."""
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
        """Return weights, Adam's moments, baseline and snapshots of the batches in flight."""
        return self._sampler.state()

    def restore(self, state: StrategyState) -> None:
        """Continue exactly from `state`."""
        self._sampler.restore(state)
