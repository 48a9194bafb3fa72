"""Copies a run into a storage of Optuna, where optuna-dashboard shows it."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import optuna
import sqlalchemy.exc
from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState as OptunaState

from netwright.architectures.values import JsonObject, to_json
from netwright.config import differences
from netwright.errors import ConfigError
from netwright.evaluation.rewards import curve_of
from netwright.searching.results import Results, described
from netwright.searching.store import Store
from netwright.spaces.decisions import Option
from netwright.spaces.programs import Space
from netwright.spaces.references import stored_space
from netwright.strategies.optuna_parameters import parameters_of
from netwright.trials import Trial, TrialState

CONFIG = "netwright:config"
"""The study's user attribute that identifies the search."""
PARAMETERS = "netwright:parameters"
"""The study's user attribute: whether its trials have parameters. Older studies lack it, and have them."""

STATES = {TrialState.DONE: OptunaState.COMPLETE, TrialState.STOPPED: OptunaState.PRUNED}
"""Optuna's states of measured trials."""


def mirror(
    run: Path,
    storage_url: str,
    *,
    study_name: str | None = None,
    trust_code: bool = False,
    on_note: Callable[[str], None] = warnings.warn,
) -> int:
    """Write a run into a storage of Optuna as a study.

    A trial's value is its score, and its parameters are the decisions of the space; reward, metrics, architecture and
    error are its user attributes. All trials before the first unfinished one are written; calling it again adds those
    that have finished since. If the space is not available, trials have no parameters.

    Args:
        run: The run's folder.
        storage_url: The storage, such as sqlite:///runs.db.
        study_name: The folder's name by default.
        trust_code: Whether the user trusts the file of a recipe FILE.py:FUNCTION, in which the space may be defined.
            Without, the file must be in the user's trust list.
        on_note: Called with a sentence that says why trials have no parameters.

    Returns:
        The number of trials added.

    Raises:
        ConfigError: The storage cannot be used or contains another study of that name.
    """
    with Store.read(run) as store:
        results = Results.of(store)
    space = None
    try:
        space = stored_space(results.config, trust_code=trust_code)
    except ConfigError as error:
        on_note(f"The study has no parameters, since the space cannot be used: {error}")
    with _understood(storage_url):
        study = _study(study_name or run.resolve().name, storage_url, results, has_parameters=space is not None)
        known = len(study.get_trials(deepcopy=False))
        ended = []
        for trial in results.trials:
            if not trial.state.finished:
                break
            ended.append(trial)
        study.add_trials([_frozen(trial, space, results.score_name) for trial in ended[known:]])
    return len(ended) - min(known, len(ended))


def _study(name: str, storage_url: str, results: Results, *, has_parameters: bool) -> optuna.Study:
    """Return the run's study in the storage, created if there is none."""
    direction = StudyDirection.MAXIMIZE if results.higher_is_better else StudyDirection.MINIMIZE
    try:
        study = optuna.create_study(study_name=name, storage=storage_url, direction=direction, load_if_exists=True)
    except ValueError as error:  # a port that is no number, a kind of storage that Optuna once had
        raise _unusable(storage_url, error) from error
    shown = {key: value for key, value in results.config.items() if key != "num_trials"}
    before = study.user_attrs.get(CONFIG)
    if (study.user_attrs or study.get_trials(deepcopy=False)) and (before is None or differences(before, shown)):
        raise ConfigError(f"{storage_url} has a study {name!r} of another search; choose another --out")
    if study.get_trials(deepcopy=False) and study.user_attrs.get(PARAMETERS, True) != has_parameters:
        found = "without" if has_parameters else "with"
        raise ConfigError(f"{storage_url} has the study {name!r} {found} parameters; choose another --out")
    study.set_user_attr(CONFIG, shown)
    study.set_user_attr(PARAMETERS, has_parameters)
    study.set_user_attr("netwright:data", results.data_name)
    study.set_user_attr("netwright:score", results.score_name)
    return study


def _frozen(trial: Trial, space: Space | None, score_name: str) -> optuna.trial.FrozenTrial:
    proposal = trial.proposal
    values: dict[str, Option] = {}
    distributions: dict[str, BaseDistribution] = {}
    if space is not None and not trial.foreign:
        values, distributions = parameters_of(space.with_parameters(**proposal.parameters).replay(proposal.actions))
    attributes: JsonObject = {
        **trial.metrics,
        "reward": trial.reward,
        "architecture": described(to_json(proposal.architecture)),
        "error": trial.error,
        "reused_from": trial.reused_from,
    }
    measured = trial.state.measured
    frozen = optuna.create_trial(
        state=STATES.get(trial.state, OptunaState.FAIL),
        value=trial.metrics[score_name] if measured else None,
        intermediate_values=dict(enumerate(curve_of(score_name, trial.metrics), start=1)),
        params=values,
        distributions=distributions,
        user_attrs={name: value for name, value in attributes.items() if value is not None},
    )
    assert frozen.datetime_complete is not None
    frozen.datetime_start = frozen.datetime_complete - timedelta(seconds=trial.seconds or 0.0)
    return frozen


@contextmanager
def _understood(storage_url: str) -> Iterator[None]:
    """Report an unusable storage with the reason of Optuna or its database; restore Optuna's verbosity."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    except (sqlalchemy.exc.SQLAlchemyError, optuna.exceptions.OptunaError, ImportError) as error:
        raise _unusable(storage_url, error) from error
    finally:
        optuna.logging.set_verbosity(before)


def _unusable(storage_url: str, error: Exception) -> ConfigError:
    reason = str(error).splitlines()[0]
    return ConfigError(
        f"{storage_url} cannot be used as a storage of Optuna ({reason}); expected a URL such as sqlite:///runs.db"
    )
