"""Optuna's samplers as a strategy: the contract, what the study is told, and that it learns."""

import copy
import random
import sys

import numpy as np
import pytest
import safetensors.numpy
from optuna.trial import TrialState as OptunaState

from netwright.config import FunctionSettings, OptunaSettings, RunConfig
from netwright.errors import ConfigError, SpaceError
from netwright.searching.factory import make_core, make_strategy
from netwright.searching.store import Store
from netwright.spaces.decisions import Choice
from netwright.spaces.exploring import enumerate_space
from netwright.spaces.programs import Schedule, space
from netwright.strategies.optuna import OptunaStrategy
from netwright.strategies.optuna_parameters import action_of, parameters_of, values_of
from netwright.testing.contracts import strategy_contract
from netwright.trials import Measurement, Outcome, StrategyState, Ticket, Trial, TrialState
from oracles.spaces_to_try import layers, small


@space
def mixed():
    """Options that Python takes for equal."""
    first = yield Choice("mixed", (1, True, 1.0, None, "1"))
    return [first, (yield Choice("mixed", (1, True, 1.0, None, "1")))]


@space
def edges(num_options=5):
    """Six independent edges, as in NAS-Bench-201."""
    chosen = []
    for _ in range(6):
        chosen.append((yield Choice("edge", range(num_options))))
    return chosen


def right_edges(architecture):
    """The share of edges that are as they should be."""
    return sum(found == expected for found, expected in zip(architecture, (3, 1, 4, 1, 0, 2), strict=True)) / 6


# The contract ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", ["tpe", "gp", "random"])
def test_it_keeps_the_contract_of_strategies(sampler):
    strategy_contract(lambda: OptunaStrategy(small(), seed=5, sampler=sampler), small())


def test_tpe_keeps_the_contract_where_depth_grows():
    of = layers(Schedule(2, 1, 6))
    strategy_contract(lambda: OptunaStrategy(of, seed=5), of)


def test_what_a_running_trial_left_unasked_survives_a_restart():
    """Its parameters were drawn together with those that all trials before it had, and TPE counts them."""
    told = "".join(f"[{n}, [0, {n % 5}, {n % 4}], {n % 7}]\n" for n in range(20)).encode()
    tensors = safetensors.numpy.save({"told": np.frombuffer(told, dtype=np.uint8)})
    strategy = restored(StrategyState({"running": [], "num_updates": 5}, tensors))
    for number in range(5, 25):
        strategy.propose(Ticket(number, 4 * number, 4))
        state = strategy.state()
        ticket = Ticket(99, 99, 4)
        assert restored(state).propose(ticket) == copy.deepcopy(strategy).propose(ticket)
    unasked = [each for each in state.values["running"] if each["actions"][0] == 1]
    assert any("edge[0]" in text for each in unasked for text in each["attributes"].values())


@space
def branches():
    """The second branch asks nothing more."""
    if (yield Choice("kind", ("asks", "ends"))) == "ends":
        return "ends"
    first = yield Choice("edge", range(5))
    return [first, (yield Choice("other", range(4)))]


def restored(state):
    strategy = OptunaStrategy(branches(), seed=3)
    strategy.restore(state)
    return strategy


def test_the_proposals_of_a_batch_are_independent():
    proposals = OptunaStrategy(edges(), seed=0, sampler="random").propose(Ticket(0, 0, 20))
    assert len({proposal.actions for proposal in proposals}) > 15


@pytest.mark.parametrize("order", ["first", "last", "any"])
def test_the_order_in_which_children_end_changes_nothing(order):
    assert searched(order) == searched("first")


def searched(order):
    """The rewards of a search whose children end in some order, with three batches in flight."""
    config = RunConfig(
        space=edges(),
        evaluate=FunctionSettings(function=right_edges),
        strategy=OptunaSettings(),
        num_trials=48,
        batch_size=4,
        lag=2,
        seed=1,
    )
    core = make_core(config, Store.in_memory({}))
    rng = random.Random(0)
    jobs = list(core.start().jobs)
    while jobs:
        job = jobs.pop({"first": 0, "last": -1, "any": rng.randrange(len(jobs))}[order])
        outcome = Outcome(job.number, Measurement({"value": right_edges(job.architecture)}), None, 1.0)
        jobs += core.receive(outcome).jobs
    return [(trial.proposal.actions, trial.reward) for trial in core.trials[:48]]


# What the study knows -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("of", [small(), layers(3), mixed()], ids=["small", "layers", "mixed"])
def test_parameters_and_actions_say_the_same(of):
    seen = set()
    for episode in enumerate_space(of):
        for decision, action in zip(episode.decisions, episode.actions, strict=True):
            assert action_of(decision, values_of(decision, action)) == action
        values, distributions = parameters_of(episode)
        assert values.keys() == distributions.keys()
        for name, distribution in distributions.items():
            assert distribution._contains(distribution.to_internal_repr(values[name]))
        seen.add(repr(sorted(values.items(), key=lambda item: item[0])))
    assert len(seen) == len(list(enumerate_space(of)))


def test_names_are_those_of_the_decisions():
    episode = small().replay((1, (), 1, (0,), 1, (), 0))
    values, distributions = parameters_of(episode)
    assert values == {
        "size[0]": 3, "size[1]{0,1}": 3, "inputs[1][0]": True, "kind[0]": "b",
        "inputs[2][0]": False, "inputs[2][1]": False, "kind[1]": "a",
    }  # fmt: skip
    assert distributions["size[0]"].choices == (1, 3, 5)
    assert distributions["size[1]{0,1}"].choices == (1, 3)


def test_the_study_has_what_was_proposed_and_what_became_of_it():
    strategy = OptunaStrategy(edges(), seed=0)
    proposals = [strategy.propose(Ticket(n, 2 * n, 2)) for n in range(3)]
    ended = [Trial(0, proposals[0][0], TrialState.DONE, reward=0.0), Trial(1, proposals[0][1], TrialState.FAILED)]
    assert strategy.observe(Ticket(0, 0, 2), ended).metrics == {"mean_reward": 0.0}
    trials = strategy._study.trials
    assert [trial.state for trial in trials] == [OptunaState.COMPLETE, OptunaState.FAIL] + 4 * [OptunaState.RUNNING]
    assert trials[0].value == 0.0
    asked = [[trial.params[f"edge[{n}]"] for n in range(6)] for trial in trials]
    assert asked == [proposal.architecture for batch in proposals for proposal in batch]


def test_the_global_study_log_is_left_as_it_was(capfd):
    OptunaStrategy(edges(), seed=0)
    assert capfd.readouterr().err == ""


# Learning -------------------------------------------------------------------------------------------------------------


def test_tpe_finds_more_than_random_search():
    best = {name: np.array([best_of(name, seed) for seed in range(4)]) for name in ("tpe", "random")}
    assert (best["tpe"] > best["random"]).all(), best


def best_of(sampler, seed):
    """The mean reward of the last 20 of 80 proposals, four at once."""
    strategy = OptunaStrategy(edges(), seed=seed, sampler=sampler)
    rewards = []
    for number in range(20):
        ticket = Ticket(number, 4 * number, 4)
        batch = [
            Trial(ticket.first + index, proposal, TrialState.DONE, reward=right_edges(proposal.architecture))
            for index, proposal in enumerate(strategy.propose(ticket))
        ]
        strategy.observe(ticket, batch)
        rewards += [trial.reward for trial in batch]
    return np.mean(rewards[-20:])


# Errors ---------------------------------------------------------------------------------------------------------------


def test_without_optuna_the_error_says_what_to_install(monkeypatch):
    config = RunConfig(
        space=edges(), evaluate=FunctionSettings(function=right_edges), strategy=OptunaSettings(), num_trials=4
    )
    monkeypatch.setitem(sys.modules, "optuna", None)  # importing it raises ModuleNotFoundError
    monkeypatch.delitem(sys.modules, "netwright.strategies.optuna")
    with pytest.raises(ConfigError, match=r"pip install --editable .*\[optuna\]"):
        make_strategy(config)


def test_a_name_with_other_options_is_an_error_of_the_space():
    strategy = OptunaStrategy(edges(Schedule(2, 1, 1)), seed=0)
    with pytest.raises(SpaceError, match=r"'edge'.*check_space"):
        strategy.propose(Ticket(0, 0, 2))
