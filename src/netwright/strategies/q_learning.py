"""Q-learning with an epsilon-greedy policy and replay, as MetaQNN uses it (Baker et al. 2017, arXiv 1611.02167)."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from netwright.config.strategies import QLearningSettings
from netwright.seeds import derive_seed
from netwright.spaces.decisions import Action, Answer, Choice
from netwright.spaces.programs import Episode, Space
from netwright.strategies.interface import Observation
from netwright.trials import Proposal, StrategyState, Ticket, Trial, Update

EPSILONS = (
    (1.0, 1500), (0.9, 100), (0.8, 100), (0.7, 100), (0.6, 150), (0.5, 150), (0.4, 150), (0.3, 150), (0.2, 150),
    (0.1, 150),
)  # fmt: skip
"""Probability of a random step, and for how many different networks; paper."""
NUM_MODELS = sum(number for _, number in EPSILONS)


def epsilon_at(num_observed: int, num_models: int = NUM_MODELS) -> float:
    """Return epsilon after `num_observed` different networks; the schedule is scaled to `num_models`, then 0.1."""
    passed = num_observed * NUM_MODELS // num_models
    for epsilon, number in EPSILONS:
        if passed < number:
            return epsilon
        passed -= number
    return EPSILONS[-1][0]


@dataclass(frozen=True)
class QStep:
    """One step of a trajectory: the state, the possible actions and the action."""

    state: str
    possible: tuple[int, ...]
    action: int


Choose = Callable[[str, tuple[int, ...]], int]
"""(state, possible actions) -> one of them."""


class QLearning:
    """A table of values over (state, action); implements `Strategy`.

    The state is that of the space (`Traits.state`), or else the decision's name, its occurrence and the last step.
    Earlier decisions that the state does not contain get no credit: their values follow from the best next state,
    whatever the reward was. A `Subset` is a step of 0 or 1 for each place. An update changes

        Q(s, a) <- (1 - learning_rate) Q(s, a) + learning_rate (r + discount max_b Q(s', b))

    from the last step to the first; r is the trial's reward at the last step and 0 before. After each trial, `replay`
    earlier ones are sampled among all different networks and updated again. Epsilon falls with the number of
    different networks observed.
    """

    def __init__(
        self,
        space: Space,
        *,
        seed: int,
        learning_rate: float = 0.01,
        discount: float = 1.0,
        initial_value: float = 0.5,
        replay: int = 100,
        num_models: int = NUM_MODELS,
    ) -> None:
        self._space, self._seed = space, seed
        self._learning_rate, self._discount, self._initial_value = learning_rate, discount, initial_value
        self._replay, self._num_models = replay, num_models
        self._values: dict[str, dict[int, float]] = {}
        self._memory: list[tuple[list[QStep], float]] = []
        self._remembered: list[Observation] = []  # the source of the memory, for `state`
        self._known: set[str] = set()
        self._num_updates = 0

    @property
    def epsilon(self) -> float:
        """The probability of a random step now."""
        return epsilon_at(len(self._memory), self._num_models)

    def propose(self, ticket: Ticket) -> list[Proposal]:
        """Walk through the space; each step is random with probability epsilon, else one of the best."""
        epsilon, proposals = self.epsilon, []
        for index in range(ticket.size):
            rng = self._rng("propose", ticket, index)

            def choose(state: str, possible: tuple[int, ...], rng: random.Random = rng) -> int:
                return rng.choice(possible if rng.random() < epsilon else self._best(state, possible))

            episode = self._space.at(ticket.sample_number(index)).start()
            _walk(episode, choose)
            actions = tuple(episode.actions)
            proposals.append(Proposal(episode.space.parameters, actions, episode.architecture, self._num_updates))
        return proposals

    def observe(self, ticket: Ticket, trials: Sequence[Trial]) -> Update:
        """Update along each trial of the batch, then along earlier ones."""
        epsilon, rewards = self.epsilon, []
        for index, trial in enumerate(trials):
            if trial.reward is None:
                continue
            rewards.append(trial.reward)
            observation = Observation.of(ticket, trial)
            self._update(self._trajectory(observation), trial.reward)
            if self._memory:
                for steps, reward in self._rng("replay", ticket, index).choices(self._memory, k=self._replay):
                    self._update(steps, reward)
            if trial.fingerprint not in self._known:
                self._remember(observation)
                self._known.add(trial.fingerprint)
        self._num_updates += 1
        return Update(ticket.round, {"mean_reward": sum(rewards) / len(rewards), "epsilon": epsilon} if rewards else {})

    def _update(self, steps: Sequence[QStep], reward: float) -> None:
        target = reward
        for step in reversed(steps):
            values = self._values.setdefault(step.state, {})
            old = values.get(step.action, self._initial_value)
            values[step.action] = (1 - self._learning_rate) * old + self._learning_rate * target
            target = self._discount * max(values.get(action, self._initial_value) for action in step.possible)

    def _best(self, state: str, possible: tuple[int, ...]) -> list[int]:
        values = self._values.get(state, {})
        highest = max(values.get(action, self._initial_value) for action in possible)
        return [action for action in possible if values.get(action, self._initial_value) == highest]

    def _remember(self, observation: Observation) -> None:
        self._memory.append((self._trajectory(observation), observation.reward))
        self._remembered.append(observation)

    def _trajectory(self, observation: Observation) -> list[QStep]:
        space, actions = self._space.at(observation.sample_number), observation.actions
        recorded = (
            int(step)
            for decision, action in zip(space.replay(actions).decisions, actions, strict=True)
            for step in ([action] if isinstance(action, int) else [j in action for j in range(decision.of)])  # type: ignore[union-attr]
        )
        return _walk(space.start(), lambda state, possible: next(recorded))

    def _rng(self, what: str, ticket: Ticket, index: int) -> random.Random:
        return random.Random(derive_seed(self._seed, what, ticket.replica, ticket.round, index))

    def state(self) -> StrategyState:
        """Return the table, and the memory as trials."""
        table = {
            state: {str(action): value for action, value in values.items()} for state, values in self._values.items()
        }
        memory = [observation.to_json() for observation in self._remembered]
        known = sorted(self._known)
        return StrategyState({"table": table, "memory": memory, "known": known, "num_updates": self._num_updates})

    def restore(self, state: StrategyState) -> None:
        """Continue with the table and memory of `state`."""
        table = state.values["table"]
        self._values = {key: {int(action): value for action, value in row.items()} for key, row in table.items()}
        for document in state.values["memory"]:
            self._remember(Observation.from_json(document))
        self._known = set(state.values["known"])
        self._num_updates = state.values["num_updates"]


def _walk(episode: Episode, choose: Choose) -> list[QStep]:
    """Complete an episode; a `Choice` is one step, a `Subset` one step for each place."""
    space = episode.space
    steps: list[QStep] = []
    answers: list[Answer] = []
    while (decision := episode.decision) is not None:
        given = None if space.traits.state is None else space.traits.state(tuple(answers), **space.parameters)
        place = f"{decision.name} {episode.occurrence}" if given is None else f"{decision.name} {given}"

        def step(state: str, possible: tuple[int, ...], given: str | None = given) -> int:
            last = f" after {steps[-1].action}" if steps and given is None else ""
            steps.append(QStep(state + last, possible, choose(state + last, possible)))
            return steps[-1].action

        action: Action
        if isinstance(decision, Choice):
            action = step(place, decision.allowed_actions)
        else:
            action = tuple(j for j in range(decision.of) if step(f"{place} of {j}", (0, 1)))
        answers.append(decision.answer(action))
        episode.act(action)
    return steps


def from_settings(settings: QLearningSettings, space: Space, seed: int) -> QLearning:
    """Make the strategy that `settings` describe."""
    return QLearning(space, seed=seed, **settings.model_dump(exclude={"name"}))
