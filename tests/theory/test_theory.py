"""Each step of docs/theory.md in numbers, on a space of 84 sequences whose expectations are plain sums."""

import functools
from collections import defaultdict
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from netwright.architectures.values import fingerprint
from netwright.controller.baseline import MovingAverageBaseline
from netwright.controller.parameters import Advantages, ParameterSnapshot
from netwright.controller.policy import Controller
from netwright.spaces.exploring import enumerate_space
from netwright.strategies.ppo import PPO
from netwright.trials import Proposal, Ticket, Trial, TrialState
from oracles.brute_force import log_prob_and_entropy
from oracles.spaces_to_try import small

SPACE = small()
LEAVES = list(enumerate_space(SPACE))
REWARDS = np.array([0.5 + int(fingerprint(leaf.architecture)[:4], 16) / 2 / 16**4 for leaf in LEAVES])
"""As accuracies are: between 0.5 and 1, far from zero. Without structure."""


def controller_of(seed):
    """A controller that has met every decision and is far from uniform."""
    controller = Controller(seed=seed, hidden_size=5, init_range=0.7)
    controller.log_probs(LEAVES)
    return controller


def flat(gradient, weights):
    """A gradient as one vector, its names in alphabetical order."""
    parts = [gradient[name] if name in gradient else torch.zeros_like(weights[name]) for name in sorted(weights)]
    return torch.cat([part.detach().double().flatten() for part in parts]).numpy()


def derivative(value, controller):
    """d value / d weights as one vector."""
    weights = controller.weights
    values = torch.autograd.grad(value, list(weights.values()), retain_graph=True, allow_unused=True)
    return flat({name: v for name, v in zip(weights, values, strict=True) if v is not None}, weights)


@functools.cache
def enumerated(seed):
    """Of the controller with this seed: every P(a), every score, and the gradient of J."""
    controller = controller_of(seed)
    log_probs, _ = controller.log_probs(LEAVES)
    return SimpleNamespace(
        p=log_probs.detach().double().exp().numpy(),
        scores=np.stack([derivative(log_prob, controller) for log_prob in log_probs]),
        gradient=derivative((log_probs.exp() * torch.from_numpy(REWARDS)).sum(), controller),
    )


def same(vector, expected):
    np.testing.assert_allclose(vector, expected, rtol=1e-3, atol=3e-6)


def differ(vector, other):
    return np.linalg.norm(vector - other) > 0.1 * np.linalg.norm(other)


# 1. The log-derivative trick ------------------------------------------------------------------------------------------


def along(seed, direction, length):
    """log P of every sequence after a step, by the numpy controller in double precision."""
    weights = controller_of(seed).snapshot()
    moved, first = {}, 0
    for name in sorted(weights):
        part = direction[first : first + weights[name].numel()].reshape(weights[name].shape)
        moved[name] = weights[name].double().numpy() + length * part
        first += weights[name].numel()
    return np.array([log_prob_and_entropy(moved, leaf)[0] for leaf in LEAVES])


def random_direction(seed):
    direction = np.random.default_rng(seed).normal(size=enumerated(1).scores.shape[1])
    return direction / np.linalg.norm(direction)


def test_the_derivative_of_a_probability_is_the_probability_times_its_score():
    for seed in range(3):
        direction = random_direction(seed)
        above, below = np.exp(along(1, direction, 1e-4)), np.exp(along(1, direction, -1e-4))
        same((above - below) / 2e-4, enumerated(1).p * (enumerated(1).scores @ direction))


# 2. The score ---------------------------------------------------------------------------------------------------------


def test_the_expected_score_is_zero():
    same(enumerated(1).p @ enumerated(1).scores, 0.0)


def test_the_variance_of_the_score_is_the_fisher_information_and_the_score_is_not():
    for seed in range(3):
        direction = random_direction(seed)
        second = (along(1, direction, 1e-3) + along(1, direction, -1e-3) - 2 * along(1, direction, 0.0)) / 1e-6
        information = enumerated(1).p @ (enumerated(1).scores @ direction) ** 2
        assert information == pytest.approx(-enumerated(1).p @ second, rel=1e-3)
        assert information > 1e-3
        assert enumerated(1).p @ enumerated(1).scores @ direction == pytest.approx(0, abs=1e-6)


# 3. REINFORCE, and its sum over t -------------------------------------------------------------------------------------


def test_the_expected_product_of_score_and_reward_is_the_gradient():
    same((enumerated(1).p * REWARDS) @ enumerated(1).scores, enumerated(1).gradient)


@functools.cache
def prefixes():
    """Every beginning of a sequence, complete ones included -> the numbers of the sequences that begin so."""
    found = defaultdict(list)
    for number, leaf in enumerate(LEAVES):
        for length in range(len(leaf.actions) + 1):
            found[tuple(leaf.actions[:length])].append(number)
    return dict(found)


def log_conditionals(p):
    """For each sequence, log P(a_t | what came before) for every t, from the probabilities of whole sequences."""
    reached = {prefix: p[numbers].sum() for prefix, numbers in prefixes().items()}
    return [
        [
            torch.log(reached[tuple(leaf.actions[: t + 1])] / reached[tuple(leaf.actions[:t])])
            for t in range(len(leaf.actions))
        ]
        for leaf in LEAVES
    ]


def test_the_sum_over_t_is_needed():
    controller = controller_of(1)
    p = controller.log_probs(LEAVES)[0].exp()
    factors = p.detach().double() * torch.from_numpy(REWARDS)
    terms = log_conditionals(p)

    def of_the_steps(wanted):
        kept = [f * sum(term[t] for t in range(len(term)) if wanted(t)) for f, term in zip(factors, terms, strict=True)]
        return derivative(sum(kept), controller)

    same(of_the_steps(lambda t: True), enumerated(1).gradient)
    for only in (0, 2, 3):
        assert differ(of_the_steps(lambda t, only=only: t == only), enumerated(1).gradient)


@pytest.mark.parametrize("baseline", ["none", "the value of the state"])
def test_the_policy_gradient_theorem(baseline):
    """sum over states d(s) sum over actions grad pi(a | s) q(s, a); a state is a beginning, d(s) its probability."""
    controller = controller_of(1)
    p = controller.log_probs(LEAVES)[0].exp().double()
    rewards = torch.from_numpy(REWARDS)
    reached = {prefix: p[numbers].sum() for prefix, numbers in prefixes().items()}
    value = {
        prefix: ((p[numbers] * rewards[numbers]).sum() / reached[prefix]).detach()
        for prefix, numbers in prefixes().items()
    }
    total = torch.zeros(())
    for prefix in prefixes():
        if prefix:
            state = prefix[:-1]
            q = value[prefix] - (value[state] if baseline == "the value of the state" else 0.0)
            total = total + reached[state].detach() * (reached[prefix] / reached[state]) * q
    same(derivative(total, controller), enumerated(1).gradient)


def estimates(batch_size, num_batches, baseline):
    """Many REINFORCE estimates from samples, projected on a direction."""
    scores = enumerated(1).scores @ random_direction(0)
    p = enumerated(1).p / enumerated(1).p.sum()  # it is 1 in float32 only
    drawn = np.random.default_rng(0).choice(len(LEAVES), size=(num_batches, batch_size), p=p)
    return (scores[drawn] * (REWARDS[drawn] - baseline)).mean(1)


def variance(baseline):
    """Of the estimate from one sequence, exactly: the trace of its covariance."""
    lengths = (enumerated(1).scores ** 2).sum(1)
    return enumerated(1).p @ (lengths * (REWARDS - baseline) ** 2) - (enumerated(1).gradient ** 2).sum()


def test_the_mean_of_many_estimates_is_the_gradient():
    values, exact = estimates(8, 20_000, 0.0), enumerated(1).gradient @ random_direction(0)
    assert abs(values.mean() - exact) < 4 * values.std() / 20_000**0.5
    assert values.std() / 20_000**0.5 < 0.5 * abs(exact)  # else the line above would say little


def test_a_batch_of_eight_has_an_eighth_of_the_variance():
    assert estimates(1, 40_000, 0.0).var() / estimates(8, 40_000, 0.0).var() == pytest.approx(8, rel=0.05)


# 4. The baseline ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("baseline", [0.7, -5.0, 100.0])
def test_a_baseline_leaves_the_expectation_as_it_is(baseline):
    with_baseline = (enumerated(1).p * (REWARDS - baseline)) @ enumerated(1).scores
    np.testing.assert_allclose(with_baseline, enumerated(1).gradient, rtol=1e-3, atol=1e-5 * max(1, abs(baseline)))


def test_a_baseline_lowers_the_variance():
    mean = float(enumerated(1).p @ REWARDS)
    assert variance(mean) < 0.1 * variance(0.0)
    assert estimates(8, 20_000, mean).var() < 0.2 * estimates(8, 20_000, 0.0).var()
    assert variance(100.0) > 1000 * variance(0.0)  # not every baseline does


def test_the_best_constant_baseline_weighs_rewards_by_the_length_of_the_score():
    weights = enumerated(1).p * (enumerated(1).scores ** 2).sum(1)
    best = weights @ REWARDS / weights.sum()
    assert all(variance(best) < variance(best + offset) for offset in (-0.01, 0.01))
    mean = float(enumerated(1).p @ REWARDS)
    assert variance(mean) == pytest.approx(variance(best), rel=0.05)  # the mean is nearly as good


def test_the_first_batch_is_unbiased_since_no_reward_judges_itself():
    """All pairs of sequences: judged by the other one, and by the mean of both, which halves the gradient."""
    p, scores = enumerated(1).p, enumerated(1).scores
    others, both = np.zeros(len(LEAVES)), np.zeros(len(LEAVES))
    for first, reward in enumerate(REWARDS):
        for second, other in enumerate(REWARDS):
            others[first] += p[second] * MovingAverageBaseline().advantages([reward, other])[0]
            both[first] += p[second] * (reward - (reward + other) / 2)
    same((p * others) @ scores, enumerated(1).gradient)
    same((p * both) @ scores, enumerated(1).gradient / 2)


# 5. Batches drawn with older weights ----------------------------------------------------------------------------------

OLD, NEW = 1, 2


def test_scores_of_newer_weights_are_biased_and_the_baseline_is_no_longer_neutral():
    def expectation(baseline):
        return (enumerated(OLD).p * (REWARDS - baseline)) @ enumerated(NEW).scores

    for baseline in (0.0, 0.75):
        assert differ(expectation(baseline), enumerated(NEW).gradient)
        assert differ(expectation(baseline), enumerated(OLD).gradient)
    assert differ(expectation(0.0), expectation(0.75))


@pytest.mark.parametrize("baseline", [0.0, 0.75])
def test_weighted_by_the_ratio_they_are_the_gradient_at_the_newer_weights(baseline):
    ratios = enumerated(NEW).p / enumerated(OLD).p
    assert enumerated(OLD).p @ ratios == pytest.approx(1, abs=1e-5)
    same((enumerated(OLD).p * ratios * (REWARDS - baseline)) @ enumerated(NEW).scores, enumerated(NEW).gradient)


class Fixed:
    """Parameters whose weights are set by hand, with a constant baseline; keeps what is pushed."""

    def __init__(self, baseline):
        self.version, self.baseline = 0, baseline
        self.weights, self.pushed = {}, {}

    def pull(self):
        return ParameterSnapshot(self.version, {name: weight.clone() for name, weight in self.weights.items()})

    def advantages(self, rewards, origin):
        return Advantages([reward - self.baseline for reward in rewards], self.baseline)

    def push(self, gradient):
        self.pushed = gradient


def expected_push_of_ppo(clip, *, lag=2, baseline=0.75):
    """The expectation of PPO's first step on a batch of one, over all that the batch could have been."""
    total = 0.0
    for leaf, reward, probability in zip(LEAVES, REWARDS, enumerated(OLD).p, strict=True):
        parameters, policy = Fixed(baseline), controller_of(OLD)
        strategy = PPO(SPACE, policy, parameters, seed=0, clip=clip, num_epochs=1)
        for number in range(lag + 1):
            parameters.version, parameters.weights = number, controller_of([OLD, 3, NEW][number]).snapshot()
            strategy.propose(Ticket(number, number, 1))
        proposal = Proposal({}, tuple(leaf.actions), leaf.architecture)
        strategy.observe(Ticket(0, 0, 1), [Trial(0, proposal, TrialState.DONE, reward=float(reward))])
        total = total + probability * flat(parameters.pushed, policy.weights)
    return -total


def test_what_ppo_pushes_at_lag_two_is_the_gradient_at_the_newest_weights():
    same(expected_push_of_ppo(clip=1e6), enumerated(NEW).gradient)


def test_clipping_trades_this_for_short_steps():
    assert differ(expected_push_of_ppo(clip=0.2), enumerated(NEW).gradient)
