"""REINFORCE with a moving-average baseline (Williams 1992), as Zoph & Le 2017 use it (section 3.2)."""

from collections.abc import Sequence

import torch

from netwright.controller.interface import Policy
from netwright.controller.objectives import reinforce_loss
from netwright.controller.parameters import Parameters
from netwright.spaces.programs import Space
from netwright.strategies.drawn import DrawnBatches, one_thread
from netwright.trials import Proposal, StrategyState, Ticket, Trial, Update


class Reinforce:
    """The controller as a strategy; implements `Strategy`.

    The gradient of a batch is taken at the weights that the batch was drawn with, kept as a snapshot while the batch is
    in flight, and applied to the newest weights. With one batch in flight this is textbook REINFORCE; with more it is
    the delayed gradient of the paper's asynchronous scheme. Under newer weights the estimate would be biased and the
    baseline no longer neutral.

    Deviation: by default one process with a fixed lag stands in the place of the paper's 100 replicas and 20 parameter
    servers, so that a seed determines a search. With replicas each of them is this class; they draw and learn in turn.
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
        self._drawn = DrawnBatches(space, controller, parameters, seed=seed)

    def propose(self, ticket: Ticket) -> list[Proposal]:
        """Draw a batch with the newest weights and remember them until the batch is learned."""
        return self._drawn.propose(ticket)

    def observe(self, ticket: Ticket, trials: Sequence[Trial]) -> Update:
        """One policy-gradient step from a finished batch. Duplicates count as often as they were drawn."""
        batch = self._drawn.finished(ticket, trials)
        if not batch.rewards:
            return Update(ticket.round, {})
        advantages = torch.tensor(self._parameters.advantages(batch.rewards))
        with one_thread():
            log_probs, entropies = self._controller.log_probs(batch.performances)
            loss = reinforce_loss(log_probs, entropies, advantages, entropy_weight=self._entropy_weight)
            gradient = self._drawn.gradient(loss)
            pushed = self._parameters.push(gradient, batch.rewards, batch.origin)
        return self._drawn.update(ticket, batch, log_probs, entropies, gradient, pushed)

    def state(self) -> StrategyState:
        """Weights, Adam's moments, baseline and the snapshots of the batches in flight."""
        return self._drawn.state()

    def restore(self, state: StrategyState) -> None:
        """Go on exactly where `state` was taken."""
        self._drawn.restore(state)
