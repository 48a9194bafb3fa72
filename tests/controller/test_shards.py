"""Shards of a parameter server: together they hold exactly the parameters, and every gradient counts once."""

import json

import numpy as np
import pytest
import torch

from netwright.controller.baseline import MovingAverageBaseline
from netwright.controller.parameters import AdamParameters, Origin
from netwright.controller.policy import Controller, initial_weight
from netwright.controller.shards import Shard, ShardedParameters
from netwright.errors import ConfigError
from netwright.spaces.convolutional import convolutional
from netwright.spaces.programs import Schedule
from netwright.strategies.reinforce import Reinforce
from netwright.trials import Ticket, Trial, TrialState

SETTINGS = {"seed": 3, "init_range": 0.08, "learning_rate": 0.02}
SHAPES = {"a": (4, 3), "b": (1,), "c": (5,)}
"""18 numbers."""


def sharded(count, **settings):
    return ShardedParameters.local(count, baseline=MovingAverageBaseline(0.5), **{**SETTINGS, **settings})


def gradient(number, names="abc"):
    generator = torch.Generator().manual_seed(number)
    return {name: torch.randn(SHAPES[name], generator=generator) for name in names}


def origin(round_number=0, *, replica=0, version=0):
    return Origin(replica, round_number, version)


def push(parameters, gradient, rewards, origin):
    """A whole batch; what people should know of it."""
    advantages = parameters.advantages(rewards, origin)
    if advantages.accepted:
        parameters.push(gradient)
    return advantages.metrics


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("count", [1, 3, 20])
def test_one_replica_over_shards_is_the_single_controller_to_the_bit(count):
    """A depth that grows meets new decisions; a shard of few numbers holds none of a short parameter."""
    space = convolutional(filter_sizes=(1, 3, 5)).with_parameters(num_layers=Schedule(start=1, step=2, interval=10))
    strategies = [
        Reinforce(space, Controller(seed=3, hidden_size=7), parameters, seed=3)
        for parameters in (AdamParameters(baseline=MovingAverageBaseline(0.5), **SETTINGS), sharded(count))
    ]
    for number in range(12):
        ticket = Ticket(number, number * 4, 4)
        proposals, others = (strategy.propose(ticket) for strategy in strategies)
        assert [proposal.actions for proposal in proposals] == [other.actions for other in others]
        rewards = np.random.default_rng(number).random(4)
        trials = [
            Trial(ticket.first + i, proposal, TrialState.DONE, float(rewards[i]))
            for i, proposal in enumerate(proposals)
        ]
        update, other = (strategy.observe(ticket, trials) for strategy in strategies)
        assert {**update.metrics, "staleness": 0} == other.metrics
    (values, tensors), (others, other_tensors) = (strategy._sampler._parameters.state() for strategy in strategies)
    assert same(tensors, other_tensors)
    assert values.items() <= others.items()
    assert len({name for name in tensors if name.startswith("weight/")}) > 10


@pytest.mark.parametrize("count", [1, 3, 18])
def test_every_number_is_in_one_shard_and_none_has_two_more_than_another(count):
    parameters = sharded(count)
    push(parameters, gradient(0, "ab"), [0.5], origin(0))
    push(parameters, gradient(1, "c"), [0.5], origin(1))
    held = [sum(value.numel() for value in part.values()) for part in parameters._shards.fetch(2)]
    assert sum(held) == 18
    assert max(held) - min(held) <= 1


def numpy_adam(weight, gradients, rate):
    """Algorithm 1 of Kingma & Ba 2015, in double precision."""
    m = v = np.zeros_like(weight)
    for t, g in enumerate(gradients, 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        weight = weight - rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return weight


@pytest.mark.parametrize("count", [1, 4])
def test_an_update_is_made_of_the_mean_of_so_many_gradients(count):
    """`c` is in two gradients of each three: the third counts as zero.

    Adam divides by the size of gradients, so only with such as small as its 1e-8 does it tell a mean from a sum.
    """
    parameters = sharded(count, accumulate=3)
    sent = [gradient(number, "abc" if number % 3 else "ab") for number in range(7)]
    sent = [{name: 1e-8 * value for name, value in each.items()} for each in sent]
    for number, each in enumerate(sent):
        assert parameters.pull().version == number // 3
        assert push(parameters, each, [0.5], origin(number, version=0)) == {"staleness": number // 3}
    zero = torch.zeros(SHAPES["c"])
    for name, shape in SHAPES.items():
        means = [
            np.mean([each.get(name, zero).double().numpy() for each in sent[3 * n : 3 * n + 3]], axis=0) for n in (0, 1)
        ]
        expected = numpy_adam(initial_weight(3, name, shape, 0.08).double().numpy(), means, 0.02)
        assert parameters.pull().weights[name].numpy() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("cut", range(8))
def test_a_restored_server_goes_on_to_the_same_bits_on_another_number_of_shards(cut):
    parameters = sharded(3, accumulate=2, max_staleness=1)

    def push_number(target, number):
        names = "ab" if number < 2 else "abc"
        return push(target, gradient(number, names), [0.1 * number], origin(number, version=number // 3))

    for number in range(cut):
        push_number(parameters, number)
    values, tensors = parameters.state()
    other = sharded(5, accumulate=2, max_staleness=1)
    other.restore(json.loads(json.dumps(values)), {name: value.clone() for name, value in tensors.items()})
    assert [push_number(parameters, n) for n in range(12)] == [push_number(other, n) for n in range(12)]
    assert same(parameters.state()[1], other.state()[1])
    assert parameters.state()[0] == other.state()[0]
    assert parameters.num_dropped > 0


def test_a_gradient_counts_once_for_each_round_of_a_replica():
    parameters, other = sharded(3), sharded(3)
    for replica, round_number in [(0, 0), (1, 0), (0, 0), (0, 2), (1, 0), (0, 1)]:
        push(parameters, gradient(replica), [0.5], origin(round_number, replica=replica))
    for replica, round_number in [(0, 0), (1, 0), (0, 2)]:
        push(other, gradient(replica), [0.5], origin(round_number, replica=replica))
    assert parameters.num_applied == 3
    assert same(parameters.state()[1], other.state()[1])


def test_a_shard_takes_numbered_gradients_in_once_and_in_order():
    def slices(number):
        return {"a": torch.full((2,), float(number + 1))}

    initial = {"a": torch.zeros(2)}
    ordered, shuffled = Shard(learning_rate=0.1), Shard(learning_rate=0.1)
    for number in range(4):
        ordered.apply(number, slices(number), {} if number else initial)
    for number in (1, 1, 3, 0, 0, 3, 2, 1):
        shuffled.apply(number, slices(number), {} if number else initial)
    assert (shuffled.num_applied, shuffled._waiting) == (4, {})
    assert same(ordered.state(), shuffled.state())
    with pytest.raises(RuntimeError, match="version 4, and version 3 was requested"):
        shuffled.fetch(3)


def test_what_is_older_than_the_limit_is_dropped_and_counted():
    parameters = sharded(2, max_staleness=1)
    for number in range(3):
        push(parameters, gradient(number), [0.5], origin(number, version=number))
    before, baseline = parameters.state()[1], parameters.baseline.value
    before = {name: value.clone() for name, value in before.items()}
    assert push(parameters, gradient(9), [9.0], origin(0, replica=1, version=1)) == {"staleness": 2, "dropped": 1}
    assert same(parameters.state()[1], before)
    assert (parameters.num_dropped, parameters.baseline.value) == (1, baseline)
    assert push(parameters, gradient(9), [9.0], origin(1, replica=1, version=2)) == {"staleness": 1}


def test_a_pull_is_a_copy():
    parameters = sharded(3)
    push(parameters, gradient(0), [0.5], origin(0))
    snapshot = parameters.pull().weights
    kept = {name: value.clone() for name, value in snapshot.items()}
    push(parameters, gradient(1), [0.5], origin(1))
    assert same(snapshot, kept)
    assert not same(parameters.pull().weights, kept)


@pytest.mark.parametrize(("count", "settings"), [(0, {}), (-1, {}), (2, {"accumulate": 0})])
def test_numbers_below_one_are_refused(count, settings):
    with pytest.raises(ConfigError, match="1 or more; got"):
        sharded(count, **settings)
