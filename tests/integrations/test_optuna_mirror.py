"""A run in a storage of Optuna: what is there afterwards, again and later, and what is refused."""

import importlib.util
from dataclasses import replace

import optuna
import pytest
from optuna.trial import TrialState as OptunaState

from netwright.errors import ConfigError, install
from netwright.integrations.optuna.mirroring import mirror
from netwright.searching.results import Results
from netwright.searching.store import Store
from netwright.trials import TrialState
from oracles.made_up_runs import SCORE, make_run
from oracles.spaces_to_try import small


def study_in(url, name="run"):
    return optuna.load_study(study_name=name, storage=url)


def test_the_study_is_the_run(tmp_path):
    run, url = make_run(tmp_path / "run", num_trials=24, space=small()), f"sqlite:///{tmp_path}/x.db"
    assert mirror(run, url) == 24
    with Store.read(run) as store:
        trials = Results.of(store).trials
    study = study_in(url)
    assert study.direction.name == "MAXIMIZE"
    assert study.best_value == max(trial.metrics[SCORE] for trial in trials if trial.state == "done")
    assert len(study.trials) == 24
    for found, trial in zip(study.trials, trials, strict=True):
        assert found.state is (OptunaState.COMPLETE if trial.state == "done" else OptunaState.FAIL)
        assert found.value == trial.metrics.get(SCORE)
        assert found.params["size[0]"] == (1, 3, 5)[trial.proposal.actions[0]]
        assert found.user_attrs.get("reward") == trial.reward
        assert found.user_attrs.get("error") == trial.error
        assert found.duration.total_seconds() == pytest.approx(trial.seconds or 0.0, abs=1e-5)


def test_what_has_ended_since_is_added(tmp_path):
    url = f"sqlite:///{tmp_path}/x.db"
    make_run(tmp_path / "early" / "run", num_trials=24, num_drawn=16, space=small())
    first = mirror(tmp_path / "early" / "run", url)
    assert first == len(study_in(url).trials)
    make_run(tmp_path / "later" / "run", num_trials=24, space=small())
    assert mirror(tmp_path / "later" / "run", url) == 24 - first
    assert mirror(tmp_path / "later" / "run", url) == 0
    assert len(study_in(url).trials) == 24


def test_nothing_is_written_behind_a_trial_that_has_not_ended(tmp_path):
    run, url = make_run(tmp_path / "run", num_trials=8, space=small()), f"sqlite:///{tmp_path}/x.db"
    with Store.open(run) as store:
        ended = store.trials(small())[5]
        store.commit([replace(ended, state=TrialState.RUNNING)])
    assert mirror(run, url) == 5
    with Store.open(run) as store:
        store.commit([ended])
    assert mirror(run, url) == 3


def test_a_study_of_another_search_is_left_alone(tmp_path):
    url = f"sqlite:///{tmp_path}/x.db"
    mirror(make_run(tmp_path / "a" / "run", num_trials=8, space=small()), url)
    other = make_run(tmp_path / "b" / "run", num_trials=8)
    with pytest.raises(ConfigError, match="has a study 'run' of another search; choose another --out"):
        mirror(other, url)
    assert mirror(other, url, study_name="other") == 8
    assert len(study_in(url).trials) == 8


def test_the_command(tmp_path, cli):
    run = make_run(tmp_path / "run", num_trials=8)
    result = cli("export", run, "--to", "optuna", "--out", f"sqlite:///{tmp_path}/x.db")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"8 new trials in the study run of sqlite:///{tmp_path}/x.db\n"
    assert result.stderr.endswith(f"next: optuna-dashboard sqlite:///{tmp_path}/x.db\n")
    assert cli("export", run, "--to", "optuna").exit_code == 0
    assert len(study_in(f"sqlite:///{run}/optuna.db").trials) == 8


@pytest.mark.parametrize(
    "url",
    [
        "nowhere",
        "sqlite:////no/such/folder/x.db",
        "postgresql+nothing://x/y",
        "redis://x",
        "postgresql://host:port/x",
    ],
)
def test_a_storage_that_cannot_be_used_is_named(tmp_path, cli, url):
    result = cli("export", make_run(tmp_path / "run", num_trials=8), "--to", "optuna", "--out", url)
    assert result.exit_code == 2
    assert f"{url} cannot be used as a storage of Optuna" in result.stderr


def test_without_optuna_the_command_says_what_to_install(tmp_path, cli, monkeypatch):
    run = make_run(tmp_path / "run", num_trials=8)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    result = cli("export", run, "--to", "optuna")
    assert result.exit_code == 2
    assert install("optuna") in result.stderr
