"""Replay of a stored run: its order of learning reproduces the parameters bit for bit."""

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
    """The summary of a successful replay."""

    num_drawn: int
    """Trials sampled again, with equal actions and policy versions."""
    num_updates: int
    """Batches learned again, with equal metrics."""
    num_numbers: int
    """Number of elements in the stored tensors of the strategy."""
    digest: str
    """The SHA-256 of these tensors, for comparing runs."""


def replay(config: RunConfig, store: Store) -> Replayed:
    """Sample and learn every batch of a run in the stored order, and compare all results with the stored ones.

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
    """Compares a strategy's results with the stored ones; implements `Strategy`."""

    def __init__(
        self, strategy: Strategy, trials: Sequence[Trial], updates: Sequence[Update], kept: int | None
    ) -> None:
        self._strategy, self._trials, self._updates = strategy, trials, updates
        self._kept = len(updates) if kept is None else kept
        self._num_learned = 0
        self._state: StrategyState | None = None

    def propose(self, ticket: Ticket) -> list[Proposal]:
        """Return the proposals after comparing actions and policy versions."""
        proposals = self._strategy.propose(ticket)
        for trial, proposal in zip(self._trials[ticket.first :], proposals, strict=False):
            stored = trial.proposal
            if (proposal.actions, proposal.policy_version) != (stored.actions, stored.policy_version):
                raise _difference(f"trial {trial.number} is drawn with other actions")
        return proposals

    def observe(self, ticket: Ticket, trials: Sequence[Trial]) -> Update:
        """Return the update after comparing its metrics, without those added by the core."""
        if self._num_learned == self._kept:
            self._state = self._strategy.state()
        update = self._strategy.observe(ticket, trials)
        stored = self._updates[self._num_learned].metrics
        if not update.metrics.items() <= stored.items():
            raise _difference(f"update {self._num_learned} gives {update.metrics} instead of {dict(stored)}")
        self._num_learned += 1
        return update

    def state(self) -> StrategyState:
        """Return the state at the point where the stored one was taken."""
        return self._state or self._strategy.state()

    def restore(self, state: StrategyState) -> None:
        """Not supported: a replay always starts at the beginning."""
        raise NotImplementedError


def _kept(state: StrategyState) -> Mapping[str, Tensor]:
    """The tensors of a state without the snapshots, which may hold fewer unused weights after a restart."""
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
