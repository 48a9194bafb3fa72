"""The controller as a sampler for Optuna's studies: REINFORCE (Williams 1992; Zoph & Le 2017) over suggestions."""

import functools
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from netwright.integrations.optuna.learner import FinishedTrial, Learner, TrialUnderWay
from netwright.integrations.optuna.suggestions import decision_of, options_of, performance_of
from netwright.seeds import derive_seed
from netwright.trials import is_finite_number

ATTRIBUTE = "netwright:drawn"
"""The system attribute of a trial: the version of the weights that drew it and the order of its suggestions."""


class ControllerSampler(BaseSampler):
    """Suggests what a recurrent controller draws, one suggestion after the other, and learns from the values.

        study = optuna.create_study(direction="maximize", sampler=ControllerSampler(seed=0))

    A suggestion is drawn given all before it in its trial, so conditional branches need no declaration. Categories,
    integers and floats with a step are one option each; where there are more than `max_options`, and for a continuous
    float, the range is divided into `max_options` intervals (log-equal with `log=True`), and a value drawn uniformly
    from the chosen one. A name suggested with another range is another decision.

    After every `batch_size` finished trials the weights take one step. All that is learned is a function of `seed` and
    of the study's finished trials in the order of their ends, whatever sampled them, so samplers with the same settings
    agree in all processes and after a restart. A pruned trial counts with its last reported value; failed trials and
    values that are not finite say nothing. The study has one objective.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        batch_size: int = 4,
        learning_rate: float = 0.02,
        hidden_size: int = 35,
        num_layers: int = 1,
        baseline_decay: float = 0.9,
        max_options: int = 32,
    ) -> None:
        if batch_size < 1 or max_options < 2:
            raise ValueError(f"batch_size is 1 or more, max_options 2 or more; got {batch_size} and {max_options}")
        self._settings: dict[str, Any] = {
            "seed": seed, "batch_size": batch_size, "learning_rate": learning_rate, "hidden_size": hidden_size,
            "num_layers": num_layers, "baseline_decay": baseline_decay, "max_options": max_options,
        }  # fmt: skip
        self._seed, self._batch_size, self._max_options = seed, batch_size, max_options
        self._make_learner = functools.partial(
            Learner,
            seed=seed,
            hidden_size=hidden_size,
            num_layers=num_layers,
            learning_rate=learning_rate,
            baseline_decay=baseline_decay,
        )
        self._lock = threading.Lock()  # several threads of a study share its sampler
        self._begin("")

    def _begin(self, study_name: str) -> None:
        self._study_name = study_name
        self._learner = self._make_learner()
        self._learned: list[int] = []
        """The numbers of the trials learned, in order."""
        self._drawings: dict[int, TrialUnderWay] = {}
        """By the storage's number of a trial: those under way in this process."""

    def __reduce__(self) -> Any:
        """A pickle holds the settings: all else comes from the study."""
        return functools.partial(type(self), **self._settings), ()

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Nothing: what will be suggested is known only when it is."""
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Nothing; `ValueError` for several objectives."""
        self._raise_error_if_multi_objective(study)
        return {}

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw one suggestion, given those before it in the trial."""
        self._raise_error_if_multi_objective(study)
        options = options_of(param_distribution, self._max_options)
        rng = np.random.default_rng(derive_seed(self._seed, "suggest", trial.number, param_name))
        with self._lock:
            drawing = self._drawing(study, trial)
            choice = decision_of(param_name, param_distribution, self._max_options)
            index = 0 if choice is None else self._learner.draw(drawing, choice, rng)
            return options.value(index, rng)

    def _drawing(self, study: optuna.Study, trial: FrozenTrial) -> TrialUnderWay:
        """The trial as it stands. One version draws all of its suggestions: the newest at the first of them."""
        if self._study_name != study.study_name:
            self._begin(study.study_name)
        if trial._trial_id not in self._drawings:
            self._follow(study)
            self._drawings[trial._trial_id] = self._learner.begin()
        drawing = self._drawings[trial._trial_id]
        for name in [name for name in trial.params if name not in drawing.names]:
            choice = decision_of(name, trial.distributions[name], self._max_options)
            if choice is not None:
                options = options_of(trial.distributions[name], self._max_options)
                self._learner.advance(drawing, choice, options.index(trial.params[name]))
            drawing.names.append(name)
        return drawing

    def _follow(self, study: optuna.Study) -> None:
        """Learn every complete batch of the study's finished trials."""
        trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        ended = sorted(filter(_says_something, trials), key=lambda trial: (str(trial.datetime_complete), trial.number))
        if [trial.number for trial in ended[: len(self._learned)]] != self._learned:
            # Another process reported a trial that ended before one learned here.
            drawings = self._drawings
            self._begin(study.study_name)
            self._drawings = drawings
        while len(ended) >= len(self._learned) + self._batch_size:
            batch = ended[len(self._learned) :][: self._batch_size]
            told = [self._finished_trial(trial, study.direction) for trial in batch]
            if any(each.episode.actions for each in told):
                self._learner.learn([each for each in told if each.episode.actions])
            self._learned += [trial.number for trial in batch]

    def _finished_trial(self, trial: FrozenTrial, direction: StudyDirection) -> FinishedTrial:
        drawn: Mapping[str, Any] = trial.system_attrs.get(ATTRIBUTE, {"version": None, "names": ()})
        names = [*drawn["names"], *(name for name in trial.params if name not in drawn["names"])]
        episode = performance_of(names, trial.params, trial.distributions, self._max_options)
        assert trial.value is not None
        reward = trial.value if direction is StudyDirection.MAXIMIZE else -trial.value
        return FinishedTrial(episode, reward, drawn["version"])

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Note with the trial what drew it, and in which order: a storage may give it back in another."""
        with self._lock:
            drawing = self._drawings.pop(trial._trial_id, None)
        if drawing is not None:
            names = [*drawing.names, *(name for name in trial.params if name not in drawing.names)]
            study._storage.set_trial_system_attr(
                trial._trial_id, ATTRIBUTE, {"version": drawing.version, "names": names}
            )


def _says_something(trial: FrozenTrial) -> bool:
    return trial.value is not None and is_finite_number(trial.value)
