"""Optuna's samplers as a strategy, foremost the tree-structured Parzen estimator (TPE, Bergstra et al. 2011)."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import optuna
import safetensors.numpy
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.search_space import IntersectionSearchSpace
from optuna.trial import FrozenTrial, TrialState

from netwright.architectures.values import JsonObject
from netwright.config.strategies import OptunaSettings
from netwright.errors import SpaceError
from netwright.seeds import derive_seed
from netwright.spaces.decisions import Action, Decision, actions_from_json, actions_to_json
from netwright.spaces.programs import Episode, Space
from netwright.strategies.interface import batch_metrics
from netwright.strategies.optuna_parameters import action_of, parameters, parameters_of
from netwright.trials import Proposal, StrategyState, Ticket, Trial, Update


class _Common:
    """Shares one search space among a study's samplers; a fresh one would collect it from all trials again."""

    common: IntersectionSearchSpace

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the parameters that are sampled jointly."""
        return self.common.calculate(study)


class _Tpe(_Common, TPESampler):
    """TPE with Optuna's own settings: multivariate, and running trials count as bad ones."""


class _Gp(_Common, GPSampler):
    """A Gaussian process with Optuna's own settings."""


SAMPLERS: dict[str, type[BaseSampler]] = {"tpe": _Tpe, "gp": _Gp, "random": RandomSampler}
"""The samplers by name."""


class OptunaStrategy:
    """Samples each decision with one of `SAMPLERS`; implements `Strategy`.

    The study in memory has a trial for every proposal: running until its batch is observed, then complete with its
    reward, or failed if there is none. Each proposal has a fresh sampler, so that it is a function of the study and its
    own seed alone, and a restored study continues exactly.
    """

    def __init__(self, space: Space, *, seed: int, sampler: str = "tpe") -> None:
        self._space, self._seed, self._sampler = space, seed, SAMPLERS[sampler]
        with _quiet():
            self._study = optuna.create_study(direction="maximize", sampler=RandomSampler(seed=0))
        self._common = IntersectionSearchSpace(include_pruned=True)
        self._running: dict[int, int] = {}
        """Trial number -> number in the study."""
        self._actions: dict[int, list[Action]] = {}
        """The actions of the running trials."""
        self._sample_numbers: dict[int, int] = {}
        """For `Space.at`, of the running trials."""
        self._told = bytearray()
        """One line of JSON per observed trial: [sample number, actions, reward]; append-only."""
        self._num_updates = 0

    def propose(self, ticket: Ticket) -> list[Proposal]:
        """Propose a batch; for each proposal those before it are running trials."""
        return [self._proposal(ticket, index) for index in range(ticket.size)]

    def _proposal(self, ticket: Ticket, index: int) -> Proposal:
        number, sample_number = ticket.first + index, ticket.sample_number(index)
        space = self._space.at(sample_number)
        seed = derive_seed(self._seed, "optuna", ticket.replica, ticket.round, index)
        self._study.sampler = self._sampler(seed=seed % 2**32)  # type: ignore[call-arg]
        if isinstance(self._study.sampler, _Common):
            self._study.sampler.common = self._common
        trial = self._study.ask()
        episode = space.start()
        while (decision := episode.decision) is not None:
            episode.act(_suggested(trial, decision, episode.occurrence))
        self._begin(number, sample_number, trial.number, episode.actions)
        return Proposal(space.parameters, tuple(episode.actions), episode.architecture, self._num_updates)

    def _begin(self, number: int, sample_number: int, number_in_study: int, actions: list[Action]) -> None:
        self._running[number], self._sample_numbers[number] = number_in_study, sample_number
        self._actions[number] = actions

    def observe(self, ticket: Ticket, trials: Sequence[Trial]) -> Update:
        """Report the rewards to the study; a trial without one is a failed trial."""
        for trial in trials:
            number, actions = self._running.pop(trial.number), self._actions.pop(trial.number)
            sample_number = self._sample_numbers.pop(trial.number)
            if trial.reward is not None and trial.proposal.actions != tuple(actions):
                # The space has changed since, so that another proposal was made in its place.
                self._report(sample_number, number, actions, None)
                episode = self._replayed(sample_number, actions_to_json(trial.proposal.actions))
                number, actions = self._add(episode, {}), episode.actions
            self._report(sample_number, number, actions, trial.reward)
        self._num_updates += 1
        rewards = [trial.reward for trial in trials if trial.reward is not None]
        return Update(ticket.round, batch_metrics(rewards))

    def _report(self, sample_number: int, number: int, actions: Sequence[Action], reward: float | None) -> None:
        """Tell the study, where the trial has its own `number`, and keep a line of it."""
        self._tell(number, reward)
        self._told += json.dumps([sample_number, actions, reward]).encode() + b"\n"

    def _tell(self, number: int, reward: float | None) -> None:
        if reward is None:
            self._study.tell(number, state=TrialState.FAIL)
        else:
            self._study.tell(number, reward)

    def state(self) -> StrategyState:
        """Return the observed trials as bytes, which is cheap for any number of them, and the running ones."""
        frozen = self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)) if self._running else []
        attributes = {trial.number: trial.system_attrs for trial in frozen}
        running = [
            {
                "number": number,
                "sample_number": self._sample_numbers[number],
                "actions": actions_to_json(self._actions[number]),
                "attributes": dict(attributes[known_as]),
            }
            for number, known_as in self._running.items()
        ]
        tensors = safetensors.numpy.save({"told": np.frombuffer(self._told, dtype=np.uint8)})
        return StrategyState({"running": running, "num_updates": self._num_updates}, tensors)

    def restore(self, state: StrategyState) -> None:
        """Rebuild the study. Batches are observed in the order of their proposals, so the running trials are last."""
        self._num_updates = state.values["num_updates"]
        self._told = bytearray(safetensors.numpy.load(state.tensors)["told"].tobytes())
        for line in self._told.splitlines():
            sample_number, actions, reward = json.loads(line)
            self._tell(self._add(self._replayed(sample_number, actions), {}), reward)
        for each in state.values["running"]:
            sample_number = each.get("sample_number", each["number"])  # equal before samples were redrawn
            episode = self._replayed(sample_number, each["actions"])
            self._begin(each["number"], sample_number, self._add(episode, each["attributes"]), episode.actions)

    def _replayed(self, sample_number: int, actions: Sequence[int | list[int]]) -> Episode:
        return self._space.at(sample_number).replay(actions_from_json(actions))

    def _add(self, episode: Episode, attributes: JsonObject) -> int:
        """Add a running trial as `ask` and the suggestions created it; return its number in the study."""
        values, distributions = parameters_of(episode)
        self._study.add_trial(
            optuna.create_trial(
                state=TrialState.RUNNING, params=values, distributions=distributions, system_attrs=attributes
            )
        )
        return len(self._study.get_trials(deepcopy=False)) - 1


def _suggested(trial: optuna.Trial, decision: Decision, occurrence: int) -> Action:
    try:
        return action_of(
            decision,
            [trial.suggest_categorical(name, each.choices) for name, each in parameters(decision, occurrence)],
        )
    except ValueError as error:  # the study has the name with other values
        raise SpaceError(
            f"{decision} does not fit what was asked before under its name ({error}); run check_space"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Optuna's message for new studies; the user's log level is restored."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def from_settings(settings: OptunaSettings, space: Space, seed: int) -> OptunaStrategy:
    """Make the strategy that `settings` describe."""
    return OptunaStrategy(space, seed=seed, sampler=settings.sampler)
