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
    """The gradient of a batch to be taken at the weights of `policy`: a function of these values alone."""

    policy: Policy
    batch: SampledBatch
    advantages: list[float]
    entropy_weight: float

    def __call__(self) -> GradientResult:
        """One call of the policy and one way back."""
        with one_thread():
            log_probs, entropies = self.policy.log_probs(self.batch.episodes())
            advantages = torch.tensor(self.advantages)
            loss = reinforce_loss(log_probs, entropies, advantages, entropy_weight=self.entropy_weight)
            return GradientResult(gradient_of(loss, self.policy), log_probs.detach(), entropies.detach())


class Reinforce:
    """The controller as a strategy; implements `Strategy` and `Delegating`.

    The gradient of a batch is taken at the weights that the batch was drawn with, kept as a snapshot while the batch is
    in flight, and applied to the newest weights. With one batch in flight this is textbook REINFORCE; with more it is
    the delayed gradient of the paper's asynchronous scheme. Under newer weights the estimate would be biased and the
    baseline no longer neutral.

    Deviation: by default one process with a fixed lag stands in the place of the paper's 100 replicas and 20 parameter
    servers, so that a seed determines a search. With replicas one object keeps the books of all of them, and what they
    compute, a draw or a gradient, is done by whichever process is free.
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
        """Of the batches whose gradients are on their way."""

    def propose(self, ticket: Ticket) -> list[Proposal]:
        """Draw a batch with the newest weights and remember them until the batch is learned."""
        return self._sampler.propose(ticket)

    def observe(self, ticket: Ticket, trials: Sequence[Trial]) -> Update:
        """One policy-gradient step from a finished batch. Duplicates count as often as they were drawn."""
        task = self._gradient_of_batch(ticket, trials)
        return self.learn(ticket, task() if task else None)

    def _gradient_of_batch(self, ticket: Ticket, trials: Sequence[Trial]) -> GradientTask | None:
        """The gradient to be taken, with the policy at the weights that drew the batch; None where there is none."""
        batch = self._sampler.finished(ticket, trials)
        if not batch.rewards:
            return None
        advantages = self._parameters.advantages(batch.rewards, batch.origin)
        self._awaiting[ticket] = batch, advantages
        if not advantages.accepted:
            return None
        return GradientTask(self._controller, batch, advantages.values, self._entropy_weight)

    def sampling_task(self, ticket: Ticket) -> Callable[[], list[Proposal]]:
        """`propose`, to be called wherever."""
        sampling_task = self._sampler.sampling_task(ticket)
        return replace(sampling_task, policy=copy.deepcopy(self._controller))

    def gradient_task(self, ticket: Ticket, trials: Sequence[Trial]) -> Callable[[], GradientResult] | None:
        """The gradient of `observe`, to be taken wherever."""
        task = self._gradient_of_batch(ticket, trials)
        return task and replace(task, policy=copy.deepcopy(self._controller))

    def learn(self, ticket: Ticket, result: GradientResult | None) -> Update:
        """One step by what `gradient_task` gave."""
        if ticket not in self._awaiting:
            return Update(ticket.round, {})
        batch, advantages = self._awaiting.pop(ticket)
        if result is not None:
            self._parameters.push(result.gradient)
        return self._sampler.update(ticket, batch, advantages, result)

    def state(self) -> StrategyState:
        """Weights, Adam's moments, baseline and the snapshots of the batches in flight."""
        return self._sampler.state()

    def restore(self, state: StrategyState) -> None:
        """Go on exactly where `state` was taken."""
        self._sampler.restore(state)
