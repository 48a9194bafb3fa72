"""Trials as rows of a store.

A stored architecture is the one that was measured. Its value is made when it is needed: by the space from the actions
where that gives the stored architecture, and else from the stored JSON. So a space that was changed since cannot change
what was measured, and a run of many trials is read without building every network.
"""

import json
import math
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from typing import Any

from netwright.architectures.families import architecture_from_json
from netwright.architectures.values import fingerprint, fingerprint_of_json, to_json
from netwright.errors import SpaceError, StoreError
from netwright.evaluation.rewards import curve_of
from netwright.spaces.decisions import Actions, actions_from_json
from netwright.spaces.programs import Space
from netwright.trials import FailureKind, Proposal, Trial, TrialState, is_finite_number

Understood = Callable[[], AbstractContextManager[None]]
"""Returns a context that converts errors in decoding stored values to `StoreError`."""


class StoredProposal(Proposal):
    """A proposal as a store has it; its members are decoded when they are read.

    Args:
        row: The trial's row.
        space: The run's space; None gives architectures as JSON.
        understood: Converts the errors of decoding to those of the store.
    """

    def __init__(self, row: sqlite3.Row, space: Space | None, understood: Understood) -> None:
        self.__dict__.update(_row=row, _space=space, _understood=understood, policy_version=row["policy_version"])

    def _decoded(self, column: str) -> Any:
        with self.__dict__["_understood"]():
            return json.loads(self.__dict__["_row"][column])

    @cached_property
    def parameters(self) -> Mapping[str, object]:
        """The parameters of the space."""
        with self.__dict__["_understood"]():
            return dict(self._decoded("parameters"))

    @cached_property
    def actions(self) -> Actions:
        """The actions."""
        with self.__dict__["_understood"]():
            return actions_from_json(self._decoded("actions"))

    @cached_property
    def architecture(self) -> object:
        """The architecture that was measured, built by the space where the space still builds the same one."""
        space: Space | None = self.__dict__["_space"]
        document = self._decoded("architecture")
        if space is None:
            return document
        built = rebuilt(self, space)
        return _of_a_family(document) if built is None else built

    @cached_property
    def fingerprint(self) -> str:
        """The architecture's fingerprint."""
        with self.__dict__["_understood"]():
            return fingerprint_of_json(self._decoded("architecture"))

    def __reduce__(self) -> tuple[type[Proposal], tuple[object, ...]]:
        """Pickle the decoded values."""
        return Proposal, (self.parameters, self.actions, self.architecture, self.policy_version)


def rebuilt(proposal: Proposal, space: Space) -> object | None:
    """Return the architecture that `space` builds from a proposal's actions; None if it no longer builds that one."""
    try:
        built = space.with_parameters(**proposal.parameters).replay(proposal.actions).architecture
        return built if fingerprint(built) == proposal.fingerprint else None
    except StoreError:
        raise
    except Exception:  # whatever a user's program raises
        return None


def _of_a_family(document: object) -> object:
    """Return the value of one of netwright's families, or the JSON itself for one of a user's own kind."""
    try:
        return architecture_from_json(document) or document
    except SpaceError:
        return document


def trial_of(row: sqlite3.Row, space: Space | None, understood: Understood) -> Trial:
    """Return the trial of a row; raise `TypeError` or `ValueError` for a value that no trial has."""
    metrics, error = json.loads(row["metrics"]), row["error"]
    if not isinstance(metrics, dict) or not isinstance(error, str | None):
        raise TypeError(f"trial {row['number']} has the metrics {metrics!r:.99} and the error {error!r:.99}")
    return Trial(
        row["number"],
        StoredProposal(row, space, understood),
        TrialState(row["state"]),
        _number(row, "reward"),
        metrics,
        _number(row, "seconds"),
        _number(row, "reused_from"),
        error,
        FailureKind(row["failure_kind"]) if row["failure_kind"] else None,
    )


def _number(row: sqlite3.Row, column: str) -> Any:
    """Return a number of a row or None; SQLite keeps a text in a column of numbers, too."""
    value = row[column]
    if value is not None and (
        isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value)
    ):
        raise TypeError(f"trial {row['number']} has the {column} {value!r:.99}")
    return value


def check_scores(trials: Iterable[Trial], score_name: str) -> None:
    """Check what is shown of measured trials.

    Args:
        trials: Trials of any state.
        score_name: The metric with the score.

    Raises:
        ValueError: A measured trial lacks its score, or its scores of the epochs are no numbers.
    """
    for trial in trials:
        if trial.state.measured:
            score, curve = trial.metrics.get(score_name), curve_of(score_name, trial.metrics)
            if not is_finite_number(score):
                raise ValueError(f"trial {trial.number} has the {score_name} {score!r:.99}")
            if not isinstance(curve, list | tuple) or not all(map(is_finite_number, curve)):
                raise ValueError(f"trial {trial.number} has the scores {curve!r:.99} of its epochs")


def row_of(trial: Trial) -> tuple[object, ...]:
    """Return the values of a trial's row. The reward that a failed trial is learned with belongs to its update."""
    proposal, is_own = trial.proposal, trial.state.measured
    return (
        trial.number,
        trial.state,
        json.dumps(dict(proposal.parameters)),
        json.dumps(proposal.actions),
        json.dumps(to_json(proposal.architecture)),
        proposal.policy_version,
        trial.reward if is_own else None,
        json.dumps(dict(trial.metrics)),
        trial.seconds,
        trial.reused_from,
        trial.error,
        trial.failure_kind,
    )
