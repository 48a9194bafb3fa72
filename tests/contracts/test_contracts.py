"""The contracts over our own strategies and executors, and over broken ones, which they must find."""

import random
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from netwright.config import (
    EvolutionSettings,
    FunctionSettings,
    LargeScaleEvolutionSettings,
    LocalSearchSettings,
    OptunaSettings,
    PPOSettings,
    PQTSettings,
    QLearningSettings,
    RandomSettings,
    ReinforceSettings,
    RunConfig,
    ThompsonSettings,
)
from netwright.controller.baseline import MovingAverageBaseline
from netwright.controller.parameters import AdamParameters
from netwright.controller.policy import Controller
from netwright.execution.attempts import attempt
from netwright.execution.in_process import InProcessExecutor
from netwright.execution.interface import Evaluate
from netwright.execution.local import LocalExecutor
from netwright.searching.factory import make_strategy
from netwright.spaces.convolutional import convolutional
from netwright.spaces.decisions import Choice, Decision, Subset
from netwright.spaces.programs import Schedule, Space, space
from netwright.strategies.random_search import RandomSearch
from netwright.strategies.reinforce import Reinforce
from netwright.testing.contracts import evaluate_for_contract, executor_contract, strategy_contract
from netwright.trials import Failure, Job, Outcome, Proposal, RemoteTask, StrategyState, Ticket, Trial, Update


@space
def branching(num_layers: int = 3) -> Generator[Decision, Any, Any]:
    """A rare branch asks what the controller has not met before."""
    layers = []
    for index in range(num_layers):
        kind = yield Choice("kind", ("plain", "skipping", "rare"), allowed=None if index else ("plain", "skipping"))
        width = yield Choice("width", (8, 16))
        layers.append([kind, width, (yield Choice("rare", (1, 2))) if kind == "rare" else 0])
    first = yield Subset("inputs", of=0)
    return {"layers": layers, "inputs": [first, (yield Subset("inputs", of=1))]}


SPACES: dict[str, Space] = {
    "convolutional": convolutional(4, strides=(1, 2)),
    "scheduled": convolutional(Schedule(2, 1, 6), may_end=True),  # type: ignore[arg-type]
    "branching": branching(),
}


def reinforce(of: Space) -> Reinforce:
    controller = Controller(seed=3, hidden_size=8, num_layers=1)
    baseline = MovingAverageBaseline(0.9)
    parameters = AdamParameters(seed=3, init_range=0.08, learning_rate=0.05, baseline=baseline)
    return Reinforce(of, controller, parameters, seed=3, entropy_weight=0.01)


# Strategies -----------------------------------------------------------------------------------------------------------


SETTINGS = {
    "random": RandomSettings(),
    "reinforce": ReinforceSettings(),
    "reinforce, independent": ReinforceSettings(policy="independent", learning_rate=0.05),
    "ppo": PPOSettings(hidden_size=8, learning_rate=0.05, num_epochs=2),
    "ppo, independent": PPOSettings(policy="independent", learning_rate=0.05),
    "pqt": PQTSettings(hidden_size=8, num_layers=1, learning_rate=0.05, queue_size=3),
    "pqt, independent": PQTSettings(policy="independent", learning_rate=0.05, policy_gradient=True),
    "thompson": ThompsonSettings(num_random=6, num_candidates=20),
    "evolution": EvolutionSettings(population=5, sample=3),
    "evolution without aging": EvolutionSettings(population=5, sample=3, aging=False),
    "large-scale evolution": LargeScaleEvolutionSettings(population=5),
    "local search": LocalSearchSettings(),
    "local search from the best of 3": LocalSearchSettings(num_random=3),
    "q-learning": QLearningSettings(learning_rate=0.3, replay=5, num_models=20),
    "optuna": OptunaSettings(),
}


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS.keys())
def test_what_a_config_makes_keeps_the_contract(settings: Any, name: str) -> None:
    evaluate = FunctionSettings(function=random_value)
    config = RunConfig(space=SPACES[name], evaluate=evaluate, strategy=settings, num_trials=4)
    strategy_contract(lambda: make_strategy(config), config.space)


def random_value(architecture: object) -> float:
    return random.random()


class Changed:
    """Random search, behind which tests hide mistakes."""

    def __init__(self) -> None:
        self.right = RandomSearch(branching(), seed=0)
        self.num_observed = 0

    def propose(self, ticket: Ticket) -> list[Proposal]:
        return self.right.propose(ticket)

    def observe(self, ticket: Ticket, trials: Sequence[Trial]) -> Update:
        self.num_observed += 1
        return self.right.observe(ticket, trials)

    def state(self) -> StrategyState:
        return StrategyState({"num_observed": self.num_observed})

    def restore(self, state: StrategyState) -> None:
        self.num_observed = state.values["num_observed"]


class TooFew(Changed):
    def propose(self, ticket: Ticket) -> list[Proposal]:
        return super().propose(ticket)[1:]


class OtherArchitecture(Changed):
    def propose(self, ticket: Ticket) -> list[Proposal]:
        return [replace(proposal, architecture={"layers": []}) for proposal in super().propose(ticket)]


class GlobalRandomness(Changed):
    def propose(self, ticket: Ticket) -> list[Proposal]:
        return super().propose(replace(ticket, replica=random.randrange(10**6)))


class Forgetful(Changed):
    """What it draws depends on what it has observed, which its state forgets."""

    def propose(self, ticket: Ticket) -> list[Proposal]:
        return super().propose(replace(ticket, replica=self.num_observed))

    def restore(self, state: StrategyState) -> None:
        pass


class StateChanges(Changed):
    """Merely asking for its state changes what it draws."""

    def propose(self, ticket: Ticket) -> list[Proposal]:
        return super().propose(replace(ticket, replica=self.num_observed))

    def state(self) -> StrategyState:
        before, self.num_observed = self.num_observed, self.num_observed + 1
        return StrategyState({"num_observed": before})


class NotJson(Changed):
    def state(self) -> StrategyState:
        return StrategyState({"num_observed": self.num_observed, "in_flight": {1: (2, 3)}})


class NeedsRewards(Changed):
    def observe(self, ticket: Ticket, trials: Sequence[Trial]) -> Update:
        return Update(ticket.round, {"total": sum(trial.reward for trial in trials)})  # type: ignore[misc]


class NeedsOneReward(Changed):
    def observe(self, ticket: Ticket, trials: Sequence[Trial]) -> Update:
        return Update(ticket.round, {"best": max(trial.reward for trial in trials if trial.reward is not None)})


class DividesByRewards(Changed):
    def observe(self, ticket: Ticket, trials: Sequence[Trial]) -> Update:
        rewards = [trial.reward for trial in trials if trial.reward is not None]
        return Update(ticket.round, {"share": rewards[0] / sum(rewards)} if rewards else {})


class WrongRound(Changed):
    def observe(self, ticket: Ticket, trials: Sequence[Trial]) -> Update:
        return Update(self.num_observed, {})


class SeesTheFuture(Changed):
    def propose(self, ticket: Ticket) -> list[Proposal]:
        return [replace(proposal, policy_version=ticket.round) for proposal in super().propose(ticket)]


@pytest.mark.parametrize(
    ("broken", "error", "message"),
    [
        (TooFew, AssertionError, r"propose\(\) gave 3 proposals for a batch of 4"),
        (OtherArchitecture, AssertionError, r"rebuild .*, not the proposed"),
        (GlobalRandomness, AssertionError, r"in a second strategy from make_strategy\(\), round 0 proposes"),
        (Forgetful, AssertionError, r"after restore\(state\(\)\) behind .*observe\(0\), round 2 proposes"),
        (StateChanges, AssertionError, r"after state\(\) was asked behind start, round 0 proposes"),
        (NotJson, AssertionError, "changes on its way through JSON"),
        (NeedsRewards, TypeError, "NoneType"),
        (NeedsOneReward, ValueError, "empty"),
        (DividesByRewards, ZeroDivisionError, "division by zero"),
        (WrongRound, AssertionError, r"observe\(\) of round 1 returned an Update of round 0"),
        (SeesTheFuture, AssertionError, "policy_version 1 after 0 updates"),
    ],
)
def test_a_broken_strategy_is_found(broken: type[Changed], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        strategy_contract(broken, branching())


def test_the_harness_of_broken_strategies_is_right() -> None:
    strategy_contract(Changed, branching())


# Executors ------------------------------------------------------------------------------------------------------------


def test_the_executor_in_this_process_keeps_the_contract() -> None:
    executor_contract(InProcessExecutor)


@pytest.mark.parametrize(("workers", "time_limit"), [(1, None), (2, 60.0)])
def test_the_executor_in_worker_processes_keeps_the_contract(workers: int, time_limit: float | None) -> None:
    executor_contract(lambda evaluate: LocalExecutor(evaluate, workers=workers, time_limit=time_limit))


class Lets(InProcessExecutor):
    """Lets through what a child raises."""

    def wait(self) -> Sequence[Outcome]:
        job = self._jobs[0]
        if isinstance(job, RemoteTask):
            return super().wait()
        return [Outcome(self._jobs.popleft().number, self._evaluate(job), None, 0.0)]


class Twice(InProcessExecutor):
    def wait(self) -> Sequence[Outcome]:
        return [*super().wait()] * 2


class Empty(InProcessExecutor):
    def wait(self) -> Sequence[Outcome]:
        return []


class Forgets(InProcessExecutor):
    """The answers of remote tasks."""

    def wait(self) -> Sequence[Outcome]:
        return [replace(outcome, answer=None) for outcome in super().wait()]


class Renumbers(InProcessExecutor):
    def submit(self, job: Job | RemoteTask) -> None:
        super().submit(replace(job, number=0))


class Swaps(InProcessExecutor):
    """Hands back the measurement of another job."""

    def wait(self) -> Sequence[Outcome]:
        (outcome,) = super().wait()
        return [replace(outcome, measurement=attempt(evaluate_for_contract, Job(0, {"do": ""}, 0)).measurement)]


class OneKind(InProcessExecutor):
    def wait(self) -> Sequence[Outcome]:
        (outcome,) = super().wait()
        if outcome.failure is None:
            return [outcome]
        return [replace(outcome, failure=Failure(type(outcome.failure.kind).EXCEPTION, outcome.failure.message))]


class NoTraceback(InProcessExecutor):
    def wait(self) -> Sequence[Outcome]:
        (outcome,) = super().wait()
        return [outcome if outcome.failure is None else replace(outcome, failure=replace(outcome.failure, detail=""))]


class Backwards(InProcessExecutor):
    def now(self) -> float:
        return -super().now()


class Finishes(InProcessExecutor):
    """Closing takes as long as two of the jobs under way would."""

    def close(self) -> None:
        for job in list(self._jobs)[:2]:
            assert isinstance(job, Job)
            attempt(self._evaluate, replace(job, architecture={**job.architecture, "seconds": 0.2}))


@pytest.mark.parametrize(
    ("broken", "error", "message"),
    [
        (Lets, MemoryError, "full on purpose"),
        (Twice, AssertionError, "came back twice"),
        (Empty, AssertionError, r"wait\(\) returned no outcome"),
        (Forgets, AssertionError, "remote task -1 came back with None"),
        (Renumbers, AssertionError, "an outcome of number 0, which was never submitted"),
        (Swaps, AssertionError, "came back with"),
        (OneKind, AssertionError, r"is called .*, not"),
        (NoTraceback, AssertionError, "the failure has no traceback of the child"),
        (Backwards, AssertionError, r"now\(\) went back from"),
        (Finishes, AssertionError, r"close\(\) took 0.4 seconds; it gives up the jobs under way"),
    ],
)
def test_a_broken_executor_is_found(
    broken: Callable[[Evaluate], InProcessExecutor], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        executor_contract(broken, close_within=0.3)
