"""Q-learning against hand-computed updates, the paper's schedule, and optima that are known."""

import random
import statistics
from typing import Any

import pytest

from netwright.architectures.plain import Convolution, Dense, PlainNet, Pooling
from netwright.recipes.networks import metaqnn_digits
from netwright.spaces.decisions import Choice
from netwright.spaces.programs import Space, space
from netwright.strategies.q_learning import QLearning, epsilon_at
from netwright.trials import Proposal, Ticket, Trial, TrialState


@space
def two() -> Any:
    return [(yield Choice("a", (0, 1))), (yield Choice("b", (0, 1, 2), allowed=(0, 2)))]


def num_right(sizes: Any) -> int:
    return sum(size == 3 * (index % 2 == 0) for index, size in enumerate(sizes))


def all_that_matters(sizes: Any, **_: Any) -> str:
    """With it the reward is a function of state and action, as Q-learning presumes."""
    return f"{len(sizes)} {num_right(sizes)}"


@space(state=all_that_matters)
def layers(num_layers: int = 8) -> Any:
    sizes = []
    for _ in range(num_layers):
        sizes.append((yield Choice("size", (0, 1, 2, 3))))
    return {"sizes": sizes}


def quality(architecture: Any) -> float:
    """At best 1: sizes 3, 0, 3, 0, ..."""
    return num_right(architecture["sizes"]) / len(architecture["sizes"])


def learn(strategy: QLearning, of: Space, actions: tuple[Any, ...], reward: float | None, number: int = 0) -> None:
    proposal = Proposal({}, actions, of.replay(actions).architecture)
    strategy.observe(Ticket(number, number, 1), [Trial(number, proposal, TrialState.DONE, reward)])


def rewards_of_a_search(of: Space, seed: int, num_trials: int, advantages: Any, **settings: Any) -> list[float]:
    strategy, rewards = QLearning(of, seed=seed, **settings), []
    for number in range(num_trials):
        (proposal,) = strategy.propose(Ticket(number, number, 1))
        rewards.append(advantages(proposal.architecture))
        learn(strategy, of, proposal.actions, rewards[-1], number)
    return rewards


def test_the_schedule_is_the_papers() -> None:
    ends = {0: 1.0, 1499: 1.0, 1500: 0.9, 1600: 0.8, 1700: 0.7, 1799: 0.7, 1800: 0.6, 1950: 0.5, 2549: 0.2, 2550: 0.1}
    assert {number: epsilon_at(number) for number in ends} == ends
    assert epsilon_at(10**6) == 0.1


def test_the_schedule_can_be_shortened() -> None:
    assert [epsilon_at(number, 300) for number in (0, 166, 167, 199, 200, 283, 284, 299, 300)] == [
        1.0, 1.0, 0.9, 0.7, 0.6, 0.2, 0.1, 0.1, 0.1,
    ]  # fmt: skip


def test_updates_by_hand() -> None:
    """Alpha 0.1, gamma 0.9, first values 0.5, and the last step first."""
    strategy = QLearning(two(), seed=0, learning_rate=0.1, discount=0.9, initial_value=0.5, replay=0)
    learn(strategy, two(), (1, 2), 1.0)
    table = strategy.state().values["table"]
    assert table["b 0 after 1"] == pytest.approx({"2": 0.9 * 0.5 + 0.1 * 1.0})  # 0.55
    assert table["a 0"] == pytest.approx({"1": 0.9 * 0.5 + 0.1 * 0.9 * 0.55})  # 0.4995
    learn(strategy, two(), (1, 0), 0.0, 1)
    table = strategy.state().values["table"]
    assert table["b 0 after 1"] == pytest.approx({"2": 0.55, "0": 0.45})
    assert table["a 0"] == pytest.approx({"1": 0.9 * 0.4995 + 0.1 * 0.9 * 0.55})  # the better of the two follows


def test_a_masked_action_is_worth_nothing() -> None:
    """Option 1 of "b" would have the initial value 0.5."""
    strategy = QLearning(two(), seed=0, learning_rate=1.0, replay=0)
    for number, actions in enumerate([(0, 0), (0, 2), (0, 2)]):
        learn(strategy, two(), actions, 0.25, number)
    assert strategy.state().values["table"]["a 0"] == {"0": 0.25}


def test_replay_repeats_earlier_networks() -> None:
    strategy = QLearning(two(), seed=0, learning_rate=0.1, replay=3)
    learn(strategy, two(), (1, 2), 1.0)
    learn(strategy, two(), (0, 0), 0.5, 1)
    table = strategy.state().values["table"]
    assert table["b 0 after 1"]["2"] == pytest.approx(1 - 0.5 * 0.9**4)
    assert table["b 0 after 0"]["0"] == pytest.approx(0.5)


def test_only_different_networks_count_for_epsilon_and_none_says_nothing() -> None:
    strategy = QLearning(two(), seed=0, num_models=2)
    for number in range(5):
        learn(strategy, two(), (1, 2), None if number < 2 else 0.5, number)
    assert strategy.epsilon == epsilon_at(1, 2)
    assert len(strategy.state().values["memory"]) == 1


@pytest.mark.parametrize("seed", range(3))
def test_the_optimum_is_found(seed: int) -> None:
    """Of 1,024 networks, at most 400 are tried; what was never tried promises the best."""
    rewards = rewards_of_a_search(layers(5), seed, 400, quality, num_models=150, learning_rate=0.1, initial_value=1.0)
    assert max(rewards) == 1
    assert statistics.fmean(rewards[-50:]) > statistics.fmean(rewards[:75]) + 0.2


def test_it_improves_on_its_own_random_phase_under_noise() -> None:
    gains = []
    for seed in range(5):
        rng = random.Random(seed)
        rewards = rewards_of_a_search(
            layers(), seed, 300, lambda each, rng=rng: quality(each) + rng.gauss(0, 0.05), num_models=300
        )
        gains.append(statistics.fmean(rewards[-50:]) - statistics.fmean(rewards[:166]))
    assert min(gains) > 0
    assert statistics.fmean(gains) > 2 * statistics.stdev(gains) / 5**0.5


# On MetaQNN's space ---------------------------------------------------------------------------------------------------


def made_up_accuracy(network: PlainNet) -> float:
    """At best 1: three wide convolutions of 3x3, a pooling, a fully connected layer."""
    convolutions = [layer for layer in network.layers if isinstance(layer, Convolution)]
    if not convolutions:
        return 0.0
    square = statistics.fmean(layer.size == 3 for layer in convolutions)
    width = statistics.fmean(layer.num_filters / 32 for layer in convolutions)
    kinds = {type(layer) for layer in network.layers}
    return 0.25 * (square + width + min(len(convolutions), 3) / 3) + 0.15 * (Pooling in kinds) + 0.1 * (Dense in kinds)


@pytest.mark.parametrize("seed", range(3))
def test_on_metaqnns_space_the_greedy_phase_is_above_the_random_one(seed: int) -> None:
    config = metaqnn_digits()
    strategy = QLearning(config.space, seed=seed, **config.strategy.model_dump(exclude={"name"}))
    rewards: dict[float, list[float]] = {}
    for number in range(config.num_trials):
        (proposal,) = strategy.propose(Ticket(number, number, 1))
        reward = made_up_accuracy(proposal.architecture)
        rewards.setdefault(strategy.epsilon, []).append(reward)
        learn(strategy, config.space, proposal.actions, reward, number)
    random_phase, greedy_phase = rewards[1.0], rewards[0.2] + rewards[0.1]
    assert len(random_phase) > 166
    assert len(greedy_phase) > 30
    # Both are samples of hundreds: far above what chance could do.
    assert statistics.fmean(greedy_phase) > statistics.fmean(random_phase) + 0.1
