"""Children that are stopped early: the same search on any number of workers, and what is learned from them."""

import math
import random
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from netwright.config import (
    EvolutionSettings,
    FunctionSettings,
    RandomSettings,
    ReinforceSettings,
    ReplicaSettings,
    RunConfig,
)
from netwright.config.strategies import StrategySettings, ThompsonSettings
from netwright.evaluation.rewards import AccuracyReward, PerplexityReward, Reward
from netwright.evaluation.stopping import StoppingRule
from netwright.searching.core import SearchCore
from netwright.searching.factory import make_strategy
from netwright.searching.loop import drive
from netwright.searching.replicas import ReplicatedCore
from netwright.searching.store import Store
from netwright.seeds import derive_seed
from netwright.spaces.decisions import Choice
from netwright.spaces.programs import space
from netwright.testing.virtual_clock import VirtualExecutor, log_normal
from netwright.trials import Job, Measurement, Proposal, Ticket, Trial, TrialState, Update

EPOCHS = 8
RUNGS = ((1, 0.5), (3, 0.5))
ACCURACY = AccuracyReward(last_epochs=1, exponent=1.0)
Curve = Callable[[object, int], list[float]]


@space
def digits(num_decisions: int = 3):
    """216 architectures, so that duplicates occur."""
    found = []
    for _ in range(num_decisions):
        found.append((yield Choice("digit", tuple(range(6)))))
    return found


def accuracies(architecture: object, seed: int) -> list[float]:
    """A curve that rises to the quality of the architecture, at its own speed, with noise of its seed."""
    assert isinstance(architecture, list)
    rng, quality = random.Random(derive_seed(seed, "curve")), sum(architecture) / 15
    speed = 1 + architecture[0]
    return [
        min(1.0, max(0.0, quality * (1 - math.exp(-(epoch + 1) * speed / 4)) + rng.gauss(0, 0.02)))
        for epoch in range(EPOCHS)
    ]


def perplexities(architecture: object, seed: int) -> list[float]:
    return [math.exp(3 - accuracy) for accuracy in accuracies(architecture, seed)]


class Child:
    """An `Evaluate` with a curve; it counts its epochs, and stops when it is over unless it ignores that."""

    def __init__(self, name: str = "validation_accuracies", curve: Curve = accuracies, *, obeys: bool = True) -> None:
        self.name, self.curve, self.obeys, self.epochs = name, curve, obeys, 0

    def __call__(self, job: Job) -> Measurement:
        whole, metrics = self.curve(job.architecture, job.seed), {self.name: [], "training_losses": []}
        for epoch, value in enumerate(whole):
            metrics[self.name].append(value)
            metrics["training_losses"].append(1 / (epoch + 1))
            self.epochs += 1
            if self.obeys and job.is_over(metrics):
                break
        return Measurement(metrics)


class KilledError(Exception):
    """Stands for kill -9 of the search."""


class Killed(VirtualExecutor):
    """Ends the search after some outcomes."""

    def __init__(self, left: int, *arguments: object, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]
        self._left = left

    def wait(self):
        if self._left == 0:
            raise KilledError
        self._left -= 1
        return super().wait()


def settings(**changes: object) -> RunConfig:
    return RunConfig(space=digits(), evaluate=FunctionSettings(function=len), num_trials=96, **changes)


def core_of(
    config: RunConfig, store: Store, *, reward: Reward = ACCURACY, rungs=RUNGS, make=None, least: int = 8
) -> SearchCore:
    """The core of a config whose children have curves."""
    make = make or (ReplicatedCore if config.replicas else SearchCore)
    core = make(
        make_strategy(config),
        reward,
        num_trials=config.num_trials,
        seed=config.seed,
        batch_size=config.batch_size,
        lag=config.lag,
        replicas=config.replicas.count if config.replicas else 1,
        rungs=rungs,
        min_reached=least,
        space=config.space,
    )
    core.restore(store.trials(config.space), store.updates(), store.strategy_state())
    return core


def searched(config: RunConfig, workers: int = 1, *, child: Child | None = None, loss: float = 0.0, **options):
    store = Store.in_memory({})
    core = core_of(config, store, **options)
    drive(
        core, VirtualExecutor(child or Child(), slots=workers, seconds=log_normal(1.0, seed=workers), loss=loss), store
    )
    return core, store


def of_learning(core: SearchCore, store: Store) -> tuple[list[object], list[Update]]:
    """What must be the same in the same search: trials with curves, and updates."""
    trials = [
        (each.number, each.proposal.actions, each.state, each.reward, each.reused_from, each.metrics)
        for each in core.trials
    ]
    return trials, list(store.updates())


STRATEGIES = [RandomSettings(), ReinforceSettings(learning_rate=0.05), EvolutionSettings(), ThompsonSettings()]


@pytest.mark.parametrize(("batch", "lag"), [(1, 0), (8, 1), (4, 3)])
@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda each: each.name)
def test_the_same_trials_on_any_number_of_workers(strategy: StrategySettings, lag: int, batch: int) -> None:
    config = settings(strategy=strategy, lag=lag, batch_size=batch)
    first = of_learning(*searched(config, loss=0.1))
    assert {trial[2] for trial in first[0]} >= {TrialState.DONE, TrialState.STOPPED}
    for workers in (2, 64):
        assert of_learning(*searched(config, workers, loss=0.1)) == first


@pytest.mark.parametrize(
    "strategy", [RandomSettings(), ReinforceSettings(learning_rate=0.01)], ids=lambda each: each.name
)
def test_the_same_trials_after_twelve_kills_and_a_raised_limit(tmp_path: Path, strategy: StrategySettings) -> None:
    config = settings(strategy=strategy)
    expected = of_learning(*searched(config))
    rng, starts = random.Random(0), 0
    Store.create(tmp_path / "run", {}).close()
    for limit in (40, 96):
        while True:
            starts += 1
            assert starts < 500
            with Store.open(tmp_path / "run") as store:
                core = core_of(config.changed(num_trials=limit), store)
                left = rng.randrange(1, 9)
                executor = Killed(left, Child(), slots=5, seconds=log_normal(1.0, seed=starts))
                try:
                    drive(core, executor, store)
                except KilledError:
                    continue
                found = of_learning(core, store)
                break
    assert starts > 12
    assert found == expected


def test_the_same_trials_with_replicas() -> None:
    config = settings(
        strategy=ReinforceSettings(learning_rate=0.05),
        replicas=ReplicaSettings(count=4, servers=2),
        lag=0,
        batch_size=4,
    )
    core, store = searched(config, 3)
    order = [update.batch for update in store.updates()]
    assert {trial.state for trial in core.trials} >= {TrialState.DONE, TrialState.STOPPED}
    # Which replica is first depends on the children's durations; given that order, all else follows.
    again = core_of(config, store)
    assert [update.batch for update in store.updates()] == order
    assert again._thresholds == core._thresholds


@pytest.mark.parametrize("lag", [0, 1])
def test_a_child_that_ignores_its_stop_changes_nothing(lag: int) -> None:
    config = settings(strategy=ReinforceSettings(learning_rate=0.05), lag=lag)
    assert of_learning(*searched(config, 4, child=Child(obeys=False))) == of_learning(*searched(config))


def test_thresholds_are_those_of_an_independent_count() -> None:
    """The rule in other words: of the trainings in batches learned before, the share's smallest reward by sorting."""
    config = settings(strategy=RandomSettings(), lag=1)
    core, _ = searched(config, 7)
    batches = [core.trials[first : first + 8] for first in range(0, len(core.trials), 8)]
    for number, batch in enumerate(batches[:12]):
        before = [trial for learned in batches[: max(0, number - 1)] for trial in learned if trial.reused_from is None]
        for trial in batch:
            if trial.reused_from is not None or not trial.state.measured:
                continue
            expected = None
            for epochs, share in RUNGS:
                reached = sorted(
                    (t.metrics["validation_accuracies"][epochs - 1] for t in before if stays(t, epochs)), reverse=True
                )
                if len(reached) >= 8 and expected is None:
                    least = reached[math.ceil(share * len(reached)) - 1]
                    curve = accuracies(trial.proposal.architecture, derive_seed(0, "child", trial.fingerprint))
                    expected = epochs if curve[epochs - 1] < least else None
            assert len(trial.metrics["validation_accuracies"]) == (expected or EPOCHS)
            assert trial.state is (TrialState.DONE if expected is None else TrialState.STOPPED)


def stays(trial: Trial, epochs: int) -> bool:
    return trial.state.measured and len(trial.metrics["validation_accuracies"]) >= epochs


def test_the_lists_of_a_stopped_child_end_where_it_was_stopped() -> None:
    core, _ = searched(settings(strategy=RandomSettings()), child=Child(obeys=False))
    stopped = [trial for trial in core.trials if trial.state is TrialState.STOPPED]
    assert {len(trial.metrics["training_losses"]) for trial in stopped} <= {1, 3}
    for trial in stopped:
        curve = trial.metrics["validation_accuracies"]
        assert len(trial.metrics["training_losses"]) == len(curve)
        assert trial.metrics["validation_accuracy"] == curve[-1]


def test_a_stopped_child_is_worth_less_than_those_that_passed_the_same_threshold_or_a_higher_one() -> None:
    for seed in range(20):
        core, _ = searched(settings(strategy=RandomSettings(), seed=seed))
        own = [trial for trial in core.trials if trial.reused_from is None]
        at_first = [(trial, dict(core._thresholds[trial.number // 8]).get(1)) for trial in own]
        stopped = [
            (trial.reward, least)
            for trial, least in at_first
            if trial.state is TrialState.STOPPED and len(trial.metrics["validation_accuracies"]) == 1
        ]
        passed = [
            (trial.reward, least)
            for trial, least in at_first
            if least is not None and trial.state.measured and len(trial.metrics["validation_accuracies"]) > 1
        ]
        assert stopped
        assert passed
        for worse, least in stopped:
            assert all(worse < better for better, higher in passed if higher >= least)


def test_fewer_epochs_are_trained() -> None:
    stopping, to_the_end = Child(), Child()
    searched(settings(strategy=RandomSettings()), child=stopping)
    searched(settings(strategy=RandomSettings()), child=to_the_end, rungs=())
    assert stopping.epochs < 0.75 * to_the_end.epochs


def test_perplexities_are_stopped_by_their_reward() -> None:
    child = Child("validation_perplexities", perplexities)
    core, _ = searched(settings(strategy=RandomSettings()), child=child, reward=PerplexityReward())
    at_first = [
        (trial.state is TrialState.STOPPED, trial.metrics["validation_perplexities"][0])
        for trial in core.trials
        if trial.state.measured and (trial.state is not TrialState.STOPPED or num_epochs_of(trial) == 1)
    ]
    stopped, gone_on = ([value for was, value in at_first if was is wanted] for wanted in (True, False))
    assert statistics.mean(stopped) > statistics.mean(gone_on) + 1, "high perplexities are bad"


def num_epochs_of(trial: Trial) -> int:
    return len(trial.metrics["validation_perplexities"])


def test_a_curve_that_is_no_number_fails() -> None:
    def diverges(architecture: object, seed: int) -> list[float]:
        curve = accuracies(architecture, seed)
        return [math.nan, *curve[1:]] if architecture[0] == 0 else curve  # type: ignore[index]

    child = Child("validation_perplexities", diverges)
    core, _ = searched(settings(strategy=RandomSettings()), child=child, reward=PerplexityReward())
    late = [
        trial
        for trial in core.trials[32:96]
        if trial.proposal.architecture[0] == 0 and trial.reused_from is None  # type: ignore[index]
    ]
    assert late
    assert {trial.state for trial in late} == {TrialState.FAILED}


class LateThresholds(SearchCore):
    """A mutant: the thresholds of a child are those of the moment when it is launched."""

    def _job(self, trial: Trial) -> Job:
        self._thresholds = {**self._thresholds, trial.number // self.batch_size: self._rungs.thresholds()}
        return super()._job(trial)


class PoolsOnArrival(SearchCore):
    """A mutant: a child is compared with all that have ended, as in asynchronous successive halving."""

    def _change(self, trial: Trial) -> None:
        super()._change(trial)
        if trial.state.measured:
            self._rungs.add([(trial, 1.0)])

    def _close(self, number: int) -> None:
        rungs, self._rungs = self._rungs, type("Nothing", (), {"add": lambda self, trials: list(trials)})()
        super()._close(number)
        self._rungs = rungs


@pytest.mark.parametrize("mutant", [LateThresholds, PoolsOnArrival])
def test_mutants_of_the_rule_depend_on_the_workers(mutant: type[SearchCore]) -> None:
    config = settings(strategy=ReinforceSettings(learning_rate=0.05), lag=3, batch_size=8)
    few = of_learning(*searched(config, 1, make=mutant, loss=0.1))
    assert any(of_learning(*searched(config, workers, make=mutant, loss=0.1)) != few for workers in (16, 64))


class ThresholdsWhileSampling(ReplicatedCore):
    """A mutant: the thresholds of a batch are those of the moment when its samples are there."""

    def _take_proposals(self, ticket: Ticket, proposals: Sequence[Proposal]) -> None:
        self._thresholds[ticket.first // self.batch_size] = self._rungs.thresholds()
        super()._take_proposals(ticket, proposals)


@pytest.mark.parametrize(("make", "is_same"), [(ReplicatedCore, True), (ThresholdsWhileSampling, False)])
def test_thresholds_of_replicas_follow_from_the_order_of_learning(make: type[ReplicatedCore], is_same: bool) -> None:
    same = []
    for seed in range(3):
        config = settings(
            strategy=ReinforceSettings(learning_rate=0.05),
            replicas=ReplicaSettings(count=6, servers=2),
            lag=1,
            batch_size=4,
            seed=seed,
        )
        core, store = searched(config, 9, make=make)
        # A restart knows the order of learning alone.
        same.append(core_of(config, store)._thresholds == core._thresholds)
    assert all(same) is is_same


def test_a_factor_of_costs_counts_in_the_threshold() -> None:
    rule = StoppingRule(ACCURACY, 0.5, ((2, 0.3),))
    assert rule.stopped_after({"validation_accuracies": [0.1]}) is None
    assert rule.stopped_after({"validation_accuracies": [0.1, 0.59]}) == 2
    assert rule.stopped_after({"validation_accuracies": [0.1, 0.61]}) is None
    assert rule.value({"validation_accuracies": [0.1, 0.7, 0.5]}, 0.5) == 0.3, "it has passed 0.3 and fell to 0.25"
