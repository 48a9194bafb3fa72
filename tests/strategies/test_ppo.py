"""PPO: its loss by hand, its gradient against REINFORCE's, and what it does with a batch drawn long ago."""

import numpy as np
import pytest
import torch

from netwright.controller.baseline import MovingAverageBaseline
from netwright.controller.independent import IndependentPolicy
from netwright.controller.objectives import ppo_loss, reinforce_loss
from netwright.controller.parameters import AdamParameters
from netwright.spaces.exploring import enumerate_space
from netwright.strategies.ppo import PPO
from netwright.strategies.reinforce import Reinforce
from netwright.trials import Proposal, Ticket, Trial, TrialState
from oracles.spaces_to_try import small

SPACE = small()
LEAVES = list(enumerate_space(SPACE))


def loss_of(ratio, advantage, *, clip=0.2):
    new = torch.tensor([np.log(ratio)], dtype=torch.float64, requires_grad=True)
    loss = ppo_loss(new, torch.zeros(1), torch.zeros(1), torch.tensor([advantage]), clip=clip, entropy_weight=0.0)
    (gradient,) = torch.autograd.grad(loss, new)
    return float(loss.detach()), float(gradient)


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "gradient"),
    [
        (1.0, 2.0, -2.0, -2.0),  # as REINFORCE
        (1.1, 2.0, -2.2, -2.2),
        (1.5, 2.0, -2.4, 0.0),  # good, and already more probable by more than a fifth: no further gain
        (0.5, 2.0, -1.0, -1.0),  # good, and has become less probable: pulled back
        (0.5, -2.0, 1.6, 0.0),  # bad, and already less probable by more than a fifth
        (1.5, -2.0, 3.0, 3.0),  # bad, and has become more probable: pushed down
    ],
)
def test_the_loss_is_the_clipped_surrogate(ratio, advantage, loss, gradient):
    assert loss_of(ratio, advantage) == pytest.approx((loss, gradient))


def test_a_ratio_beyond_float32_stays_a_number():
    new, drawn = torch.tensor([0.0], requires_grad=True), torch.tensor([-500.0])
    loss = ppo_loss(new, drawn, torch.zeros(1), torch.tensor([-1.0]), clip=0.2, entropy_weight=0.0)
    (gradient,) = torch.autograd.grad(loss, new)
    assert torch.isfinite(loss.detach())
    assert torch.isfinite(gradient).all()


def test_at_the_weights_drawn_with_the_gradient_is_that_of_reinforce():
    log_probs = torch.tensor([-3.0, -1.0, -2.0], requires_grad=True)
    entropies, advantages = log_probs * 0.3, torch.tensor([0.5, -1.0, 0.1])
    ppo = ppo_loss(log_probs, log_probs.detach(), entropies, advantages, clip=0.2, entropy_weight=0.7)
    reinforce = reinforce_loss(log_probs, entropies, advantages, entropy_weight=0.7)
    (of_ppo,) = torch.autograd.grad(ppo, log_probs, retain_graph=True)
    (of_reinforce,) = torch.autograd.grad(reinforce, log_probs)
    torch.testing.assert_close(of_ppo, of_reinforce)


def played(make, rounds=5, batch=6):
    """The parameters after some rounds of a search whose reward wants few selected places, and the updates."""
    policy = IndependentPolicy()
    parameters = AdamParameters(seed=0, init_range=0.0, learning_rate=0.05, baseline=MovingAverageBaseline(0.5))
    strategy = make(policy, parameters)
    updates = []
    for number in range(rounds):
        ticket = Ticket(number, number * batch, batch)
        trials = [
            Trial(
                ticket.first + index, proposal, TrialState.DONE, reward=-float(len(proposal.architecture["inputs"][0]))
            )
            for index, proposal in enumerate(strategy.propose(ticket))
        ]
        updates.append(strategy.observe(ticket, trials))
    return parameters, updates


def test_one_epoch_without_lag_is_reinforce():
    ppo, _ = played(lambda policy, parameters: PPO(SPACE, policy, parameters, seed=0, num_epochs=1))
    reinforce, _ = played(lambda policy, parameters: Reinforce(SPACE, policy, parameters, seed=0))
    expected = reinforce.pull().weights
    assert expected.keys() == ppo.pull().weights.keys()
    for name, weight in ppo.pull().weights.items():
        torch.testing.assert_close(weight, expected[name])


def test_a_batch_is_one_update_whatever_the_number_of_epochs():
    four, updates = played(lambda policy, parameters: PPO(SPACE, policy, parameters, seed=0, num_epochs=4))
    one, _ = played(lambda policy, parameters: PPO(SPACE, policy, parameters, seed=0, num_epochs=1))
    assert four.version == one.version == len(updates) == 5
    moved = [sum(float(w.abs().sum()) for w in p.pull().weights.values()) for p in (one, four)]
    assert moved[1] > 2 * moved[0]


def test_many_steps_on_one_batch_stop_behind_the_clipping():
    """They run a little past it, by Adam's momentum, and then stay; without clipping the sequence becomes certain."""

    def ratio_after(num_epochs, clip):
        policy, leaf = IndependentPolicy(), LEAVES[40]
        baseline = MovingAverageBaseline(0.5)
        baseline.value = 0.0
        parameters = AdamParameters(seed=0, init_range=0.0, learning_rate=0.02, baseline=baseline)
        strategy = PPO(SPACE, policy, parameters, seed=0, num_epochs=num_epochs, clip=clip)
        strategy.propose(Ticket(0, 0, 1))
        before = float(policy.log_probs([leaf])[0].detach())
        proposal = Proposal({}, tuple(leaf.actions), leaf.architecture)
        strategy.observe(Ticket(0, 0, 1), [Trial(0, proposal, TrialState.DONE, reward=1.0)])
        policy.load(parameters.pull().weights)
        return float(np.exp(float(policy.log_probs([leaf])[0].detach()) - before))

    assert 1.2 < ratio_after(100, 0.2) < 3
    assert ratio_after(100, 0.2) == pytest.approx(ratio_after(200, 0.2), rel=1e-3)
    # With clip above every possible ratio, nothing ends the gain.
    assert ratio_after(200, 1000.0) > 10
