"""PQT: what its queue keeps, and its gradient against derivatives worked out by hand."""

import json
import math

import pytest
import torch

from netwright.controller.baseline import MovingAverageBaseline
from netwright.controller.independent import IndependentPolicy
from netwright.controller.parameters import AdamParameters
from netwright.spaces.decisions import Choice
from netwright.spaces.programs import space
from netwright.strategies.pqt import PriorityQueueTraining
from netwright.trials import Proposal, Ticket, Trial, TrialState


@space
def pair():
    return [(yield Choice("kind", ("a", "b", "c"))), (yield Choice("kind", ("a", "b", "c")))]


class Recording(AdamParameters):
    """Parameters that also keep what is pushed."""

    def __init__(self):
        baseline = MovingAverageBaseline(0.5)
        super().__init__(seed=0, init_range=0.0, learning_rate=0.1, baseline=baseline)
        self.pushed = []

    def push(self, gradient):
        self.pushed.append({name: value.clone() for name, value in gradient.items()})
        super().push(gradient)


def strategy_with(parameters=None, **settings):
    return PriorityQueueTraining(pair(), IndependentPolicy(), parameters or Recording(), seed=0, **settings)


def learn(strategy, number, *rewards_of_actions):
    """One round whose trials have these actions and rewards, whatever was drawn."""
    ticket = Ticket(number, number * 10, len(rewards_of_actions))
    strategy.propose(ticket)
    trials = []
    for actions, reward in rewards_of_actions:
        proposal = Proposal({}, actions, pair().replay(actions).architecture)
        trials.append(Trial(number, proposal, TrialState.DONE, reward=reward))
    return strategy.observe(ticket, trials)


def queue_of(strategy):
    return [(tuple(json.loads(key)[1]), reward) for key, reward in strategy.state().values["queue"]]


def test_the_queue_keeps_the_best_unique_sequences_with_their_best_reward():
    strategy = strategy_with(queue_size=3)
    learn(strategy, 0, ((0, 0), 0.2), ((0, 1), 0.5), ((0, 0), 0.4), ((0, 1), 0.1))
    assert queue_of(strategy) == [((0, 1), 0.5), ((0, 0), 0.4)]
    learn(strategy, 1, ((1, 1), 0.3), ((2, 2), 0.1))
    assert queue_of(strategy) == [((0, 1), 0.5), ((0, 0), 0.4), ((1, 1), 0.3)]
    learn(strategy, 2, ((2, 0), 0.9), ((2, 1), 0.4))  # the older of equals stays before the newer
    assert queue_of(strategy) == [((2, 0), 0.9), ((0, 1), 0.5), ((0, 0), 0.4)]


def test_alone_it_is_the_likelihood_of_the_queue_whatever_the_size_of_rewards():
    strategy = strategy_with(parameters := Recording(), queue_size=2, queue_weight=3.0, entropy_weight=0.0)
    learn(strategy, 0, ((0, 2), 5.0), ((0, 1), 7.0), ((1, 1), -900.0))
    # From uniform: d(-log P)/d logit is 1/3 - [taken], averaged over (0, 2) and (0, 1).
    third = 1 / 3
    expected = {
        "choice/kind/0": 3 * torch.tensor([third - 1, third, third]),
        "choice/kind/1": 3 * torch.tensor([third, third - 0.5, third - 0.5]),
    }
    torch.testing.assert_close(parameters.pushed[0], expected)


def test_with_reinforce_both_gradients_are_added():
    strategy = strategy_with(
        parameters := Recording(), queue_size=1, queue_weight=0.5, entropy_weight=0.0, policy_gradient=True
    )
    parameters.baseline.value = 1.0
    learn(strategy, 0, ((0, 2), 3.0))
    third = 1 / 3
    # REINFORCE of the one sequence: the advantage 2 times the same derivative as the queue's, whose weight is 0.5.
    expected = {
        "choice/kind/0": 2.5 * torch.tensor([third - 1, third, third]),
        "choice/kind/1": 2.5 * torch.tensor([third, third, third - 1]),
    }
    torch.testing.assert_close(parameters.pushed[0], expected)


def test_the_entropy_pulls_back_to_uniform():
    """Where queue and entropy balance, p is known: alone with one sequence, w (p - 1) = -entropy's derivative."""
    strategy = strategy_with(parameters := Recording(), queue_size=1, queue_weight=1.0, entropy_weight=2.0)
    for number in range(400):
        learn(strategy, number, ((0, 2), 1.0))
    logits = parameters.pull().weights["choice/kind/0"].double()
    p = torch.softmax(logits, 0)
    entropy = -(p * p.log()).sum()
    residual = 1.0 * (p - torch.tensor([1.0, 0.0, 0.0])) + 2.0 * p * (p.log() + entropy)
    assert float(residual.abs().max()) < 5e-3
    assert 0.5 < float(p[0]) < 0.95
    assert float(p[1]) == pytest.approx(float(p[2]))


def test_with_lag_the_queue_is_learned_at_the_newest_weights():
    strategy = strategy_with(parameters := Recording(), queue_size=1, queue_weight=1.0, entropy_weight=0.0)
    strategy.propose(Ticket(0, 0, 1))
    strategy.propose(Ticket(1, 10, 1))  # drawn before anything was learned
    best = Proposal({}, (0, 0), ["a", "a"])
    for number in range(2):
        strategy.observe(Ticket(number, number * 10, 1), [Trial(number, best, TrialState.DONE, reward=1.0)])
    # Adam's first step moves each of the three logits by the learning rate, 0.1.
    taken = math.exp(0.1) / (math.exp(0.1) + 2 * math.exp(-0.1))
    assert float(parameters.pushed[1]["choice/kind/0"][0]) == pytest.approx(taken - 1, abs=1e-5)
