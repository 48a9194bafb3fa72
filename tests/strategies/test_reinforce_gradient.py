"""The gradient that REINFORCE pushes, against the exact gradient of the expected reward by enumeration."""

import numpy as np
import pytest
import torch

from netwright.architectures.values import fingerprint
from netwright.controller.parameters import Advantages, ParameterSnapshot
from netwright.controller.policy import Controller
from netwright.spaces.exploring import enumerate_space
from netwright.strategies.reinforce import Reinforce
from netwright.trials import Proposal, Ticket, Trial, TrialState
from oracles.brute_force import log_prob_and_entropy
from oracles.spaces_to_try import small

SPACE = small()
LEAVES = list(enumerate_space(SPACE))


def reward_of(episode):
    """Any function of the architecture will do: one between 0 and 1 without structure."""
    return int(fingerprint(episode.architecture)[:4], 16) / 16**4


class FixedBaseline:
    """Parameters that keep a constant baseline and record what is pushed."""

    def __init__(self, weights, baseline):
        self.version, self.weights, self.constant = 0, weights, baseline
        self.pushed = []

    def pull(self):
        return ParameterSnapshot(self.version, {name: weight.clone() for name, weight in self.weights.items()})

    def advantages(self, rewards, origin):
        return Advantages([reward - self.constant for reward in rewards], self.constant)

    def push(self, gradient):
        self.pushed.append({name: value.double() for name, value in gradient.items()})


def fresh_weights(seed):
    controller = Controller(seed=seed, hidden_size=5, init_range=0.7)
    controller.log_probs(LEAVES)
    return controller.snapshot()


def strategy_with(parameters):
    return Reinforce(SPACE, Controller(seed=0, hidden_size=5, init_range=0.7), parameters, seed=0)


def trial_of(episode, number=0):
    proposal = Proposal({}, tuple(episode.actions), episode.architecture)
    return Trial(number, proposal, TrialState.DONE, reward=reward_of(episode))


def exact_gradient(weights):
    """grad of J = sum over all sequences of P(sequence) R(sequence), by automatic differentiation of J itself."""
    controller = Controller(seed=0, hidden_size=5)
    controller.load(weights)
    log_probs, _ = controller.log_probs(LEAVES)
    rewards = torch.tensor([reward_of(leaf) for leaf in LEAVES])
    expected_reward = (log_probs.exp() * rewards).sum()
    names = list(controller.weights)
    values = torch.autograd.grad(expected_reward, [controller.weights[name] for name in names])
    return dict(zip(names, (value.double() for value in values), strict=True)), log_probs.detach().double().exp()


def expected_push(drawn_with, baseline, probabilities):
    """The expectation of what the first batch pushes, of one sequence, over every sequence that could have been drawn.

    Batch n is drawn with the weights drawn_with[n] before the first is learned, so the lag is len(drawn_with) - 1.
    """
    total = {}
    for leaf, probability in zip(LEAVES, probabilities, strict=True):
        parameters = FixedBaseline(drawn_with[0], baseline)
        strategy = strategy_with(parameters)
        for number, weights in enumerate(drawn_with):
            parameters.version, parameters.weights = number, weights
            strategy.propose(Ticket(number, number, 1))
        strategy.observe(Ticket(0, 0, 1), [trial_of(leaf)])
        for name, value in parameters.pushed[0].items():
            total[name] = total.get(name, 0) + probability * value
    return total


def assert_is_negated(pushed, exact):
    assert pushed.keys() == exact.keys()
    for name, value in exact.items():
        torch.testing.assert_close(-pushed[name], value, rtol=1e-3, atol=2e-6, msg=lambda m, n=name: f"{n}: {m}")


@pytest.mark.parametrize("baseline", [0.0, 0.6, -5.0])
def test_expectation_is_the_exact_gradient_whatever_the_baseline(baseline):
    weights = fresh_weights(1)
    exact, probabilities = exact_gradient(weights)
    assert_is_negated(expected_push([weights], baseline, probabilities), exact)


@pytest.mark.parametrize("baseline", [0.0, 0.6])
def test_with_lag_two_it_is_the_exact_gradient_at_the_weights_that_drew_the_batch(baseline):
    drawn_with = [fresh_weights(10 + number) for number in range(3)]
    exact, probabilities = exact_gradient(drawn_with[0])
    newest, _ = exact_gradient(drawn_with[2])
    pushed = expected_push(drawn_with, baseline, probabilities)
    assert_is_negated(pushed, exact)
    with pytest.raises(AssertionError):
        assert_is_negated(pushed, newest)


def test_a_batch_pushes_the_mean_of_its_members():
    parameters = FixedBaseline(fresh_weights(1), 0.3)
    strategy = strategy_with(parameters)
    members = [LEAVES[0], LEAVES[17], LEAVES[17], LEAVES[40]]  # a duplicate counts twice
    for number, batch in enumerate([[leaf] for leaf in members] + [members]):
        strategy.propose(Ticket(number, 0, len(batch)))
        strategy.observe(Ticket(number, 0, len(batch)), [trial_of(leaf) for leaf in batch])
    *single, together = parameters.pushed
    for name, value in together.items():
        mean = torch.stack([gradient.get(name, torch.zeros_like(value)) for gradient in single]).mean(0)
        torch.testing.assert_close(value, mean, rtol=1e-3, atol=1e-6)


def test_the_exact_gradient_agrees_with_finite_differences_of_the_numpy_controller():
    weights = fresh_weights(4)
    exact, _ = exact_gradient(weights)
    arrays = {name: weight.double().numpy() for name, weight in weights.items()}

    def expected_reward():
        return sum(np.exp(log_prob_and_entropy(arrays, leaf)[0]) * reward_of(leaf) for leaf in LEAVES)

    rng = np.random.default_rng(0)
    for name, array in arrays.items():
        index = tuple(rng.integers(size) for size in array.shape)
        kept, step = array[index], 1e-4
        array[index] = kept + step
        above = expected_reward()
        array[index] = kept - step
        below = expected_reward()
        array[index] = kept
        assert (above - below) / (2 * step) == pytest.approx(float(exact[name][index]), rel=1e-2, abs=1e-6), name
