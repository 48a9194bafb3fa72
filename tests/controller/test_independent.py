from collections import Counter

import numpy as np
import pytest
import torch

from netwright.controller.independent import IndependentPolicy
from netwright.errors import ConfigError, SpaceError
from netwright.spaces.decisions import Choice, Subset
from netwright.spaces.exploring import enumerate_space
from netwright.spaces.programs import space
from oracles.spaces_to_try import layers, small

SPACES = [small(), layers(3)]


def policy_for(space, temperature=1.0):
    """A policy that has met every decision and is far from uniform."""
    policy = IndependentPolicy(temperature=temperature)
    leaves = list(enumerate_space(space))
    policy.log_probs(leaves)
    rng = np.random.default_rng(0)
    policy.load({name: torch.tensor(rng.normal(size=len(w)) * 1.5).float() for name, w in policy.weights.items()})
    return policy, leaves


def step_by_step(weights, episode, temperature):
    """log P and summed entropy in numpy, one decision at a time."""
    log_prob = entropy = 0.0
    asked = Counter()
    for decision, action in zip(episode.decisions, episode.actions, strict=True):
        kind = "choice" if isinstance(decision, Choice) else "subset"
        logits = weights[f"{kind}/{decision.name}/{asked[decision.name]}"] / temperature
        asked[decision.name] += 1
        if isinstance(decision, Choice):
            odds = np.exp(logits) * decision.allowed
            p = odds / odds.sum()
            log_prob += np.log(p[action])
            entropy -= sum(q * np.log(q) for q in p if q > 0)
        else:
            for position, logit in enumerate(logits):
                p = 1 / (1 + np.exp(-logit))
                log_prob += np.log(p if position in action else 1 - p)
                entropy -= p * np.log(p) + (1 - p) * np.log(1 - p)
    return log_prob, entropy


@pytest.mark.parametrize("of", SPACES, ids=lambda of: of.factory.__name__)
@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_log_prob_and_entropy_equal_a_step_by_step_computation(of, temperature):
    policy, leaves = policy_for(of, temperature)
    log_probs, entropies = policy.log_probs(leaves)
    weights = {name: weight.detach().double().numpy() for name, weight in policy.weights.items()}
    expected = np.array([step_by_step(weights, leaf, temperature) for leaf in leaves])
    np.testing.assert_allclose(log_probs.detach().numpy(), expected[:, 0], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(entropies.detach().numpy(), expected[:, 1], rtol=1e-5, atol=1e-5)
    assert float(log_probs.detach().double().exp().sum()) == pytest.approx(1, abs=1e-5)


def test_samples_are_as_frequent_as_their_probability_says():
    policy, leaves = policy_for(small(), temperature=1.5)
    log_probs, _ = policy.log_probs(leaves)
    count = 8000
    episodes = [small().start() for _ in range(count)]
    policy.sample(episodes, [np.random.default_rng([1, index]) for index in range(count)])
    seen = Counter(tuple(episode.actions) for episode in episodes)
    expected = {tuple(leaf.actions): float(p) * count for leaf, p in zip(leaves, log_probs.detach().exp(), strict=True)}
    assert set(seen) <= set(expected)
    common = {actions: often for actions, often in expected.items() if often >= 5}
    chi_square = sum((seen[actions] - often) ** 2 / often for actions, often in common.items())
    assert len(common) > 20
    assert chi_square < len(common) + 5 * (2 * len(common)) ** 0.5


def test_it_starts_uniform_and_has_logits_of_its_own_for_every_place():
    policy = IndependentPolicy()
    log_prob, entropy = (float(term.detach()) for term in policy.log_probs([layers(2).replay((0, (), 3, (0,), 1))]))
    assert {name: len(weight) for name, weight in policy.weights.items()} == {
        "choice/size/0": 4,
        "subset/inputs/0": 0,
        "choice/size/1": 4,
        "subset/inputs/1": 1,
        "choice/end/0": 2,
    }
    assert entropy == pytest.approx(np.log(4 * 4 * 2 * 2))
    assert log_prob == pytest.approx(-np.log(4 * 4 * 2 * 2))


def test_a_decision_learns_nothing_from_another_place():
    policy, _ = policy_for(layers(3))
    log_probs, _ = policy.log_probs([layers(3).replay((0, (), 3, (0,), 1))])
    log_probs.sum().backward()
    moved = {name for name, weight in policy.weights.items() if weight.grad is not None and weight.grad.any()}
    assert moved == {"choice/size/0", "choice/size/1", "subset/inputs/1", "choice/end/0"}


def test_a_space_with_one_architecture_has_probability_one():
    @space
    def fixed():
        yield Subset("inputs", of=0)
        return "the only one"

    policy = IndependentPolicy()
    episode = fixed().start()
    policy.sample([episode], [np.random.default_rng(0)])
    log_probs, entropies = policy.log_probs([episode])
    assert (log_probs.tolist(), entropies.tolist()) == ([0.0], [0.0])
    assert log_probs.requires_grad


def test_a_name_with_two_meanings_is_refused():
    policy = IndependentPolicy()
    policy.meet(Choice("size", (1, 2)), 0)
    with pytest.raises(SpaceError, match="run check_space"):
        policy.meet(Choice("size", (1, 2, 3)), 0)
    with pytest.raises(ConfigError, match="temperature"):
        IndependentPolicy(temperature=0)
