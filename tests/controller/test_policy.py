import random
from collections import Counter

import numpy as np
import pytest
import torch

from netwright.controller.policy import Controller
from netwright.errors import ConfigError, SpaceError
from netwright.spaces.convolutional import convolutional
from netwright.spaces.decisions import Choice, Subset
from netwright.spaces.exploring import enumerate_space, sample
from netwright.spaces.programs import space
from oracles.brute_force import log_prob_and_entropy
from oracles.spaces_to_try import layers, small


def controller_for(space, **settings):
    """A controller that has met every decision and is far from uniform."""
    controller = Controller(seed=3, **{"hidden_size": 6, "init_range": 1.0, **settings})
    for episode in random_performances(space, 20):
        controller.log_probs([episode])
    return controller


def random_performances(space, count, seed=0):
    rng = random.Random(seed)
    return [sample(space, rng) for _ in range(count)]


def as_numpy(controller):
    return {name: weight.detach().double().numpy() for name, weight in controller.weights.items()}


@pytest.mark.parametrize(
    "space",
    [small(), layers(), convolutional(3, strides=(1, 2), may_end=True)],
    ids=lambda space: space.factory.__name__,
)
@pytest.mark.parametrize("settings", [{}, {"temperature": 2.5}, {"num_layers": 1, "hidden_size": 9}], ids=str)
def test_log_prob_and_entropy_equal_a_step_by_step_computation(space, settings):
    controller = controller_for(space, **settings)
    episodes = random_performances(space, 12)
    log_probs, entropies = controller.log_probs(episodes)
    weights = as_numpy(controller)
    extra = {"num_layers": settings.get("num_layers", 2), "temperature": settings.get("temperature", 1.0)}
    expected = np.array([log_prob_and_entropy(weights, episode, **extra) for episode in episodes])
    np.testing.assert_allclose(log_probs.detach().numpy(), expected[:, 0], rtol=2e-5, atol=1e-5)
    np.testing.assert_allclose(entropies.detach().numpy(), expected[:, 1], rtol=2e-5, atol=1e-5)


def test_a_walk_draws_as_often_as_the_log_probability_says():
    choices = [Choice("size", (1, 3, 5)), Choice("kind", ("a", "b"))]
    controller = Controller(seed=3, hidden_size=12, num_layers=1, init_range=2.0)

    @space
    def two():
        return [(yield choices[0]), (yield choices[1])]

    drawn = Counter()
    for seed in range(4000):
        rng, walk, actions = np.random.default_rng(seed), controller.begin(), []
        for choice in choices:
            actions.append(controller.choose(walk, choice, rng))
            walk = controller.advance(walk, choice, actions[-1])
        drawn[tuple(actions)] += 1
    episodes = list(enumerate_space(two()))
    log_probs, _ = controller.log_probs(episodes)
    found = [drawn[tuple(episode.actions)] / 4000 for episode in episodes]
    np.testing.assert_allclose(found, log_probs.detach().exp().numpy(), atol=0.03)
    shares = np.array(found).reshape(3, 2)
    given_first = shares[:, 1] / shares.sum(1)
    assert max(given_first) > min(given_first) + 0.3  # so that what is drawn second depends on the first


@pytest.mark.parametrize("space", [small(), layers(3)], ids=lambda space: space.factory.__name__)
def test_probabilities_of_all_sequences_sum_to_one(space):
    controller = controller_for(space)
    log_probs, _ = controller.log_probs(list(enumerate_space(space)))
    assert float(log_probs.detach().double().exp().sum()) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_samples_are_as_frequent_as_their_probability_says(temperature):
    controller = controller_for(small(), temperature=temperature)
    leaves = list(enumerate_space(small()))
    log_probs, _ = controller.log_probs(leaves)
    expected = {
        tuple(leaf.actions): float(p) for leaf, p in zip(leaves, log_probs.detach().double().exp(), strict=True)
    }
    count, batch = 8000, 40
    seen = Counter()
    for start in range(0, count, batch):
        episodes = [small().start() for _ in range(batch)]
        controller.sample(episodes, [np.random.default_rng([1, start + i]) for i in range(batch)])
        seen.update(tuple(episode.actions) for episode in episodes)
    common = {actions: p for actions, p in expected.items() if p * count >= 5}
    chi_square = sum((seen[actions] - p * count) ** 2 / (p * count) for actions, p in common.items())
    # Mean of chi-square is its degrees of freedom, variance twice that: five deviations above would be a miracle.
    degrees = len(common)
    assert degrees > 20
    assert chi_square < degrees + 5 * (2 * degrees) ** 0.5
    assert set(seen) <= set(expected)


@space
def uneven():
    """Asks every sequence for its last anchors at the same step, each for another number of them."""
    early = yield Choice("early", (1, 2, 3))
    for step in range(3):
        yield Subset("inputs", of=step) if step < early else Choice("other", "ab")
    late = []
    for step in range(3):
        late.append((yield Subset("inputs", of=early + step)))
    return early, late


@pytest.mark.parametrize("tried", [layers(5), uneven()], ids=lambda tried: tried.name)
def test_a_sequence_does_not_depend_on_its_neighbours(tried):
    controller = controller_for(tried)
    together = [tried.start() for _ in range(100)]
    controller.sample(together, [np.random.default_rng(i) for i in range(100)])
    for index, episode in enumerate(together):
        alone = tried.start()
        controller.sample([alone], [np.random.default_rng(index)])
        assert alone.actions == episode.actions


def test_sequences_of_one_batch_may_have_different_depths():
    controller = Controller(seed=0)
    episodes = [layers(depth).start() for depth in (2, 5, 3)]
    controller.sample(episodes, [np.random.default_rng(i) for i in range(3)])
    together, _ = controller.log_probs(episodes)
    alone = torch.cat([controller.log_probs([episode])[0] for episode in episodes])
    torch.testing.assert_close(together, alone)


def test_weights_start_uniform_in_the_papers_range_and_do_not_depend_on_the_order_of_meeting():
    decisions = [Choice("a", (1, 2)), Subset("s", of=0), Choice("b", (1, 2, 3))]
    first, second, other = Controller(seed=5), Controller(seed=5), Controller(seed=6)
    for controller, order in ((first, decisions), (second, decisions[::-1]), (other, decisions)):
        for decision in order:
            controller.meet(decision)
    everything = torch.cat([weight.detach().flatten() for weight in first.weights.values()])
    assert everything.abs().max() <= 0.08
    assert float(everything.std()) == pytest.approx(0.16 / 12**0.5, rel=0.02)
    for name, weight in first.weights.items():
        assert torch.equal(weight, second.weights[name])
        assert not torch.equal(weight, other.weights[name])


def test_the_papers_controller_has_its_size():
    controller = Controller(seed=0)
    shapes = {name: tuple(weight.shape) for name, weight in controller.weights.items()}
    assert shapes["lstm/weight_hh_l0"] == shapes["lstm/weight_hh_l1"] == (4 * 35, 35)
    assert "lstm/weight_hh_l2" not in shapes


def test_making_and_sampling_leave_the_users_random_numbers_alone():
    before = torch.get_rng_state()
    controller = Controller(seed=0)
    controller.sample([small().start()], [np.random.default_rng(0)])
    assert torch.equal(before, torch.get_rng_state())


def test_a_name_with_two_meanings_is_refused():
    controller = Controller(seed=0)
    controller.meet(Choice("a", (1, 2)))
    with pytest.raises(SpaceError, match="check_space"):
        controller.meet(Choice("a", (1, 2, 3)))
    with pytest.raises(SpaceError, match="check_space"):
        controller.meet(Subset("a", of=0))
    controller.meet(Subset("s", of=0))
    with pytest.raises(SpaceError, match="check_space"):
        controller.meet(Choice("s", (1, 2)))


def test_a_temperature_of_zero_is_refused():
    with pytest.raises(ConfigError, match="temperature"):
        Controller(seed=0, temperature=0)
