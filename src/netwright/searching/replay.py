"""Replay of a stored run: the stored order of learning reproduces its parameters bit for bit."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from netwright.config import RunConfig
from netwright.errors import RunError
from netwright.execution.surroundings import standard_defaults
from netwright.searching.core import LEARNED
from netwright.searching.factory import make_core, make_strategy
from netwright.searching.failure_values import METRIC
from netwright.searching.store import Store
from netwright.strategies.interface import Strategy
from netwright.trials import Proposal, StrategyState, Ticket, Trial, Update


@dataclass(frozen=True)
class Replayed:
    """What was computed again and came out equal."""

    num_drawn: int
    """Trials that were sampled again, with the same actions from the same policy versions."""
    num_updates: int
    """Batches that were learned again, with the same metrics."""
    num_numbers: int
    """Numbers in the stored tensors of the strategy."""
    digest: str
    """The SHA-256 of these tensors, for comparing runs."""


@standard_defaults()
def replay(config: RunConfig, store: Store) -> Replayed:
    """Sample and learn every batch of a run in the stored order, and compare everything with the store.

    No child is trained; rewards are those in the store.

    Raises:
        RunError: Something differs: a reward or a setting was changed, or this machine or this version of torch rounds
            differently.
    """
    trials, state = store.trials(config.space), store.strategy_state()
    if state is None:
        raise RunError(f"{store.folder} has sampled nothing yet, so there is nothing to replay")
    if any(trial.foreign for trial in trials):
        raise RunError(
            f"{store.folder} cannot be replayed: its space was changed, and the space as it was is not stored"
        )
    checked = _Checked(make_strategy(config), trials, store.updates(), state.values.get(LEARNED))
    core = make_core(config, None, strategy=checked)
    updates = [replace(update, metrics=_without_values(update.metrics)) for update in store.updates()]
    core.restore(trials, updates, None)
    tensors, again = _kept(state), _kept(checked.state())
    for name in {**tensors, **again}:
        if name not in tensors or name not in again or not _equal(tensors[name], again[name]):
            raise _difference(f"{name} comes out different")
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode() + tensors[name].numpy().tobytes())
    return Replayed(len(trials), len(core.learned), sum(each.numel() for each in tensors.values()), digest.hexdigest())


class _Checked:
    """A strategy that is compared with what a store has of it; implements `Strategy`."""

    def __init__(
        self, strategy: Strategy, trials: Sequence[Trial], updates: Sequence[Update], kept: int | None
    ) -> None:
        self._strategy, self._trials, self._updates = strategy, trials, updates
        self._kept = len(updates) if kept is None else kept
        self._num_learned = 0
        self._state: StrategyState | None = None

    def propose(self, ticket: Ticket) -> list[Proposal]:
        """Propose a batch; raise `RunError` unless its actions and policy versions are the stored ones."""
        proposals = self._strategy.propose(ticket)
        for trial, proposal in zip(self._trials[ticket.first :], proposals, strict=False):
            stored = trial.proposal
            if (proposal.actions, proposal.policy_version) != (stored.actions, stored.policy_version):
                raise _difference(f"trial {trial.number} is sampled with other actions")
        return proposals

    def observe(self, ticket: Ticket, trials: Sequence[Trial]) -> Update:
        """Learn a batch; raise `RunError` if a metric differs from the stored one. The core stores further metrics."""
        if self._num_learned == self._kept:
            self._state = self._strategy.state()
        update = self._strategy.observe(ticket, trials)
        stored = self._updates[self._num_learned].metrics
        values = {METRIC[trial.state]: trial.reward for trial in trials if METRIC.get(trial.state) in stored}
        again = {**update.metrics, **values}
        if not again.items() <= stored.items():
            raise _difference(f"update {self._num_learned} gives {again} instead of {dict(stored)}")
        self._num_learned += 1
        return update

    def state(self) -> StrategyState:
        """Return the state at the moment of the stored one."""
        return self._state or self._strategy.state()

    def restore(self, state: StrategyState) -> None:
        """Not supported: a replay starts from the beginning."""
        raise NotImplementedError


def _without_values(metrics: Mapping[str, float]) -> Mapping[str, float]:
    """Return the metrics of an update without the rewards of failed and rejected trials, to compute them again."""
    return {name: value for name, value in metrics.items() if name not in METRIC.values()}


def _kept(state: StrategyState) -> Mapping[str, Tensor]:
    """Return the tensors of a state without the snapshots, which may lack unused weights after a restart."""
    try:
        tensors = safetensors.torch.load(state.tensors) if state.tensors else {}
    except SafetensorError as error:
        raise _difference(f"the stored state of the strategy is damaged ({error})") from None
    return {name: value for name, value in tensors.items() if not name.startswith("snapshot/")}


def _equal(one: Tensor, other: Tensor) -> bool:
    """Compare bit for bit: NaN equals NaN, and 0 differs from -0."""
    return one.shape == other.shape and one.numpy().tobytes() == other.numpy().tobytes()


def _difference(what: str) -> RunError:
    return RunError(
        f"the replay differs from the run: {what}. Either its store was changed, or this machine or this torch "
        "computes other last digits than those that made the run; `netwright report RUN` names them"
    )
