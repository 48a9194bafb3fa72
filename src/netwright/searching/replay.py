"""A stored run gone through again: the order in which its batches were learned gives its parameters, bit for bit."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import safetensors.torch
from torch import Tensor

from netwright.config import RunConfig
from netwright.errors import RunError
from netwright.evaluation.factory import evaluation_of
from netwright.searching.core import LEARNED, SearchCore
from netwright.searching.factory import make_strategy
from netwright.searching.store import Store
from netwright.strategies.interface import Strategy
from netwright.trials import Proposal, StrategyState, Ticket, Trial, Update


@dataclass(frozen=True)
class Replayed:
    """What was gone through and came out equal."""

    num_drawn: int
    """Trials that were drawn again, with the same actions from the same versions."""
    num_updates: int
    """Batches that were learned again, with the same numbers for people."""
    num_numbers: int
    """Numbers in the tensors that the store keeps of the strategy."""
    digest: str
    """The SHA-256 of these tensors, for comparing runs."""


def replay(config: RunConfig, store: Store) -> Replayed:
    """Draw and learn every batch of a run in the stored order, and hold everything against what is stored.

    No child is trained; rewards are those in the store. `RunError` at the first difference: a reward or a setting was
    changed, or this machine or this torch computes other last digits than those of the run.
    """
    trials, state = store.trials(config.space), store.strategy_state()
    if state is None:
        raise RunError(f"{store.folder} has drawn nothing yet, so there is nothing to replay")
    checked = _Checked(make_strategy(config), trials, store.updates(), state.values.get(LEARNED))
    core = SearchCore(
        checked,
        evaluation_of(config.evaluate).reward,
        num_trials=config.num_trials,
        seed=config.seed,
        batch_size=config.batch_size,
        lag=config.lag,
        replicas=config.replicas.count if config.replicas else 1,
    )
    core.restore(trials, store.learned(), None)
    tensors, again = _kept(state), _kept(checked.state())
    for name in {**tensors, **again}:
        if name not in tensors or name not in again or not _equal(tensors[name], again[name]):
            raise _difference(f"{name} comes out different")
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode() + tensors[name].numpy().tobytes())
    return Replayed(len(trials), len(core.learned), sum(each.numel() for each in tensors.values()), digest.hexdigest())


class _Checked:
    """A strategy that is held against what a store has of it; implements `Strategy`."""

    def __init__(
        self, strategy: Strategy, trials: Sequence[Trial], updates: Sequence[Update], kept: int | None
    ) -> None:
        self._strategy, self._trials, self._updates = strategy, trials, updates
        self._kept = len(updates) if kept is None else kept
        self._num_learned = 0
        self._state: StrategyState | None = None

    def propose(self, ticket: Ticket) -> list[Proposal]:
        """The same actions, drawn from the same version."""
        proposals = self._strategy.propose(ticket)
        for trial, proposal in zip(self._trials[ticket.first :], proposals, strict=False):
            stored = trial.proposal
            if (proposal.actions, proposal.policy_version) != (stored.actions, stored.policy_version):
                raise _difference(f"trial {trial.number} is drawn with other actions")
        return proposals

    def observe(self, ticket: Ticket, trials: Sequence[Trial]) -> Update:
        """The same numbers for people, without those that the core adds."""
        if self._num_learned == self._kept:
            self._state = self._strategy.state()
        update = self._strategy.observe(ticket, trials)
        stored = self._updates[self._num_learned].metrics
        if not update.metrics.items() <= stored.items():
            raise _difference(f"update {self._num_learned} gives {update.metrics} instead of {dict(stored)}")
        self._num_learned += 1
        return update

    def state(self) -> StrategyState:
        """The state where the store's was taken."""
        return self._state or self._strategy.state()

    def restore(self, state: StrategyState) -> None:
        """Never: a replay begins at the beginning."""
        raise NotImplementedError


def _kept(state: StrategyState) -> Mapping[str, Tensor]:
    """The tensors of a state without the snapshots, which after a restart may know fewer unused weights."""
    tensors = safetensors.torch.load(state.tensors) if state.tensors else {}
    return {name: value for name, value in tensors.items() if not name.startswith("snapshot/")}


def _equal(one: Tensor, other: Tensor) -> bool:
    """Bit for bit, so that NaN equals NaN and 0 does not equal -0."""
    return one.shape == other.shape and one.numpy().tobytes() == other.numpy().tobytes()


def _difference(what: str) -> RunError:
    return RunError(
        f"the replay differs from the run: {what}. Either its store was changed, or this machine or this torch "
        "computes other last digits than those that made the run; `netwright report` names them"
    )
