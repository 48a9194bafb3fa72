"""The controller as a sampler of Optuna's studies: values, what it learns and from what, storages, processes."""

import pickle
import subprocess
import sys
from datetime import datetime, timedelta

import numpy as np
import optuna
import pytest
import torch
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState as OptunaState

from netwright.controller.baseline import MovingAverageBaseline
from netwright.controller.parameters import AdamParameters
from netwright.controller.policy import Controller
from netwright.integrations.optuna import ControllerSampler
from netwright.integrations.optuna.learner import FinishedTrial, Learner
from netwright.integrations.optuna.sampler import ATTRIBUTE
from netwright.integrations.optuna.suggestions import options_of
from netwright.strategies.reinforce import Reinforce
from netwright.trials import Ticket, Trial, TrialState
from oracles.spaces_to_try import layers


@pytest.fixture(autouse=True)
def _silent():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(before)


def objective(trial):
    """Categories, an integer with a step, floats with a step, plain and logarithmic, and two branches; at most 6."""
    value = {"zeta": 0.0, "alpha": 1.0, "mu": 0.5}[trial.suggest_categorical("kind", ["zeta", "alpha", "mu"])]
    if trial.params["kind"] == "alpha":
        value += 1 - abs(trial.suggest_int("units", 2, 20, step=3) - 11) / 10
    else:
        value += trial.suggest_float("share", 0, 1) / 2
    value += trial.suggest_float("dropout", 0.0, 0.8, step=0.2)
    value += 1 - abs(np.log10(trial.suggest_float("rate", 1e-5, 1e-1, log=True)) + 3) / 2
    return value + sum(trial.suggest_categorical(name, (0, 1, 2, 3)) == 2 for name in ("b", "a"))


def study_with(sampler, num_trials=0, **options):
    study = optuna.create_study(sampler=sampler, **{"direction": "maximize", **options})
    study.optimize(objective, n_trials=num_trials)
    return study


def values_of(study):
    return [trial.value for trial in study.trials]


# Values ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("distribution", "count"),
    [
        (CategoricalDistribution(("a", None, 3)), 3),
        (IntDistribution(-3, 12, step=5), 4),
        (IntDistribution(1, 6, log=True), 6),
        (IntDistribution(0, 99), 8),
        (IntDistribution(2, 999, step=1, log=True), 8),
        (FloatDistribution(-1.5, 2.0, step=0.5), 8),
        (FloatDistribution(0.0, 3.0, step=0.01), 8),
        (FloatDistribution(-2.0, 5.0), 8),
        (FloatDistribution(1e-6, 1.0, log=True), 8),
    ],
    ids=str,
)
def test_every_value_belongs_to_the_option_that_gave_it(distribution, count):
    options = options_of(distribution, 8)
    rng = np.random.default_rng(0)
    assert options.count == count
    seen = set()
    for index in range(count):
        for _ in range(50):
            value = options.value(index, rng)
            assert distribution._contains(distribution.to_internal_repr(value))
            assert options.index(value) == index
            seen.add(value)
    assert len(seen) >= count


def test_whole_numbers_are_divided_without_a_gap():
    for distribution in (
        IntDistribution(1, 500, log=True),
        IntDistribution(-7, 492),
        IntDistribution(0, 5000, step=10),
    ):
        options = options_of(distribution, 32)
        every = range(distribution.low, distribution.high + 1, distribution.step)
        indices = [options.index(value) for value in every]
        assert indices == sorted(indices)
        assert set(indices) == set(range(options.count))
        assert options.index(distribution.low - 100) == 0
        assert options.index(distribution.high + 100) == options.count - 1


def test_a_logarithmic_range_is_divided_at_equal_ratios():
    options = options_of(FloatDistribution(1e-4, 1.0, log=True), 4)
    assert [options.index(value) for value in (1e-4, 9e-4, 2e-3, 2e-2, 0.2, 1.0)] == [0, 0, 1, 2, 3, 3]


# What is learned ------------------------------------------------------------------------------------------------------


def test_the_order_is_that_of_the_suggestions_whatever_a_storage_does_to_it():
    source = study_with(ControllerSampler(seed=0), 8).trials
    weights = []
    for turned in (list, lambda items: list(items)[::-1]):
        study = optuna.create_study(direction="maximize", sampler=ControllerSampler(seed=0))
        for trial in source:
            study.add_trial(
                optuna.create_trial(
                    params=dict(turned(trial.params.items())),
                    distributions=dict(turned(trial.distributions.items())),
                    system_attrs=trial.system_attrs,
                    value=trial.value,
                )
            )
        study.ask().suggest_int("any", 0, 3)
        weights.append(study.sampler._learner._parameters.pull().weights)
    assert len(weights[0]) > 10
    assert all(torch.equal(weight, weights[1][name]) for name, weight in weights[0].items())


@pytest.mark.parametrize("lag", [0, 2])
def test_the_weights_are_those_of_the_strategy(lag):
    """The same trials, drawn `lag` batches early, teach a `Reinforce` and a `Learner` the same."""
    of, size = layers(3), 4
    parameters = AdamParameters(seed=3, init_range=0.08, learning_rate=0.02, baseline=MovingAverageBaseline(0.9))
    strategy = Reinforce(of, Controller(seed=3, hidden_size=8, num_layers=1), parameters, seed=3)
    learner = Learner(seed=3, hidden_size=8, num_layers=1, learning_rate=0.02, baseline_decay=0.9)
    proposals = {}
    for number in range(12):
        proposals[number] = strategy.propose(Ticket(number, size * number, size))
        if number < lag:
            continue
        learned = number - lag
        batch = [
            Trial(size * learned + index, proposal, TrialState.DONE, reward=float(sum(map(bool, proposal.actions))))
            for index, proposal in enumerate(proposals[learned])
        ]
        strategy.observe(Ticket(learned, size * learned, size), batch)
        learner.learn(
            [FinishedTrial(of.replay(t.proposal.actions), t.reward, t.proposal.policy_version) for t in batch]
        )
    expected, found = parameters.pull().weights, learner._parameters.pull().weights
    assert expected.keys() == found.keys()
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight, rtol=0, atol=1e-6)


def test_it_learns_more_than_random_search():
    """The last quarter of 120 trials, for four seeds."""

    def end(sampler):
        return np.mean(values_of(study_with(sampler, 120))[-30:])

    differences = [
        end(ControllerSampler(seed=seed)) - end(optuna.samplers.RandomSampler(seed=seed)) for seed in range(4)
    ]
    assert min(differences) > 0.5, differences


def test_minimising_is_maximising_the_opposite():
    up, down = (optuna.create_study(direction=d, sampler=ControllerSampler(seed=1)) for d in ("maximize", "minimize"))
    up.optimize(objective, n_trials=20)
    down.optimize(lambda trial: -objective(trial), n_trials=20)
    assert [trial.params for trial in up.trials] == [trial.params for trial in down.trials]


def test_failed_and_infinite_trials_say_nothing():
    def shortened(trial):
        value = objective(trial)
        if trial.number % 5 == 1:
            raise RuntimeError("broken on purpose")
        return np.inf if trial.number % 5 == 2 else value

    study = optuna.create_study(direction="maximize", sampler=ControllerSampler(seed=0))
    study.optimize(shortened, n_trials=30, catch=RuntimeError)
    study.ask().suggest_int("any", 0, 3)
    assert study.sampler._learned == [n for n in range(30) if n % 5 not in (1, 2)][:16]


def test_a_pruned_trial_counts_with_its_last_value():
    study = study_with(ControllerSampler(seed=0, batch_size=2), 1)
    trial = study.ask()
    objective(trial)
    trial.report(-5.0, step=0)
    study.tell(trial, state=OptunaState.PRUNED)
    study.ask().suggest_int("any", 0, 3)
    assert study.sampler._learned == [0, 1]
    assert study.sampler._learner._parameters.baseline.value == pytest.approx((study.trials[0].value - 5) / 2)


def test_trials_of_others_are_learned_too():
    study = study_with(optuna.samplers.RandomSampler(seed=0), 8)
    study.sampler = ControllerSampler(seed=0)
    study.enqueue_trial({"kind": "alpha", "units": 11})
    study.optimize(objective, n_trials=4)
    assert study.trials[8].params["units"] == 11
    assert [trial.system_attrs[ATTRIBUTE]["version"] for trial in study.trials[8:]] == [2] * 4


# Storages, threads, processes -----------------------------------------------------------------------------------------

CONTINUED = """
import sys
import optuna
sys.path[:0] = {paths!r}
from integrations.test_optuna_sampler import objective
from netwright.integrations.optuna import ControllerSampler
optuna.logging.set_verbosity(optuna.logging.WARNING)
optuna.load_study(study_name="s", storage={url!r}, sampler=ControllerSampler(seed=4)).optimize(objective, n_trials=7)
"""


def test_another_process_goes_on_exactly(tmp_path):
    url = f"sqlite:///{tmp_path}/studies.db"
    study_with(ControllerSampler(seed=4), 10, storage=url, study_name="s")
    program = CONTINUED.format(paths=sys.path, url=url)
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    found = optuna.load_study(study_name="s", storage=url)
    expected = study_with(ControllerSampler(seed=4), 17)
    assert [trial.params for trial in found.trials] == [trial.params for trial in expected.trials]


def test_the_order_of_suggestions_survives_a_storage(tmp_path):
    """SQLite gives parameters back by name."""
    study = study_with(ControllerSampler(seed=0), 4, storage=f"sqlite:///{tmp_path}/studies.db")
    for trial in study.trials:
        second = "units" if trial.params["kind"] == "alpha" else "share"
        assert trial.system_attrs[ATTRIBUTE]["names"] == ["kind", second, "dropout", "rate", "b", "a"]


def test_a_trial_that_ended_earlier_is_taken_in_where_it_belongs():
    """As another process may report it late: then all is learned anew, in order."""
    source = study_with(ControllerSampler(seed=0), 12).trials
    begun = datetime(2024, 1, 1)
    for number, trial in enumerate(source):
        trial.datetime_start, trial.datetime_complete = begun, begun + timedelta(seconds=number)
    late, whole = (optuna.create_study(direction="maximize", sampler=ControllerSampler(seed=0)) for _ in range(2))
    late.add_trials(source[:4] + source[5:])
    assert late.ask().suggest_int("any", 0, 3) in range(4)
    late.tell(11, state=OptunaState.FAIL)
    late.add_trial(source[4])
    whole.add_trials(source)
    for study in (late, whole):
        study.ask().suggest_int("any", 0, 3)
    for name, weight in whole.sampler._learner._parameters.pull().weights.items():
        assert torch.equal(late.sampler._learner._parameters.pull().weights[name], weight)


def test_threads_share_a_sampler():
    study = optuna.create_study(direction="maximize", sampler=ControllerSampler(seed=0))
    study.optimize(objective, n_trials=40, n_jobs=4)
    assert [trial.state for trial in study.trials] == [OptunaState.COMPLETE] * 40
    assert study.sampler._sampled == {}
    study.ask().suggest_int("any", 0, 3)
    again = ControllerSampler(seed=0)
    again.sample_independent(study, study.trials[-1], "other", IntDistribution(0, 3))
    expected = study.sampler._learner._parameters.pull().weights
    assert again._learned == study.sampler._learned
    for name, weight in again._learner._parameters.pull().weights.items():
        assert torch.equal(weight, expected[name])


def test_a_pickled_sampler_goes_on():
    study = study_with(ControllerSampler(seed=2, max_options=5), 9)
    study.sampler = pickle.loads(pickle.dumps(study.sampler))
    study.optimize(objective, n_trials=3)
    assert values_of(study) == values_of(study_with(ControllerSampler(seed=2, max_options=5), 12))


def test_it_works_while_the_objective_has_torch_in_another_mode():
    study = optuna.create_study(direction="maximize", sampler=ControllerSampler(seed=0))
    with torch.inference_mode(), torch.device("meta"):
        study.optimize(objective, n_trials=9)
    assert values_of(study) == values_of(study_with(ControllerSampler(seed=0), 9))


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="batch_size is 1 or more"):
        ControllerSampler(batch_size=0)
