"""The controller as a sampler for Optuna's studies: REINFORCE (Williams 1992; Zoph & Le 2017) over suggestions."""

import functools
import threading
from collections.abc import Callable, Sequence

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalChoiceType
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from netwright.architectures.values import JsonObject
from netwright.integrations.optuna.learner import FinishedTrial, Learner, SampledTrial
from netwright.integrations.optuna.suggestions import decision_of, episode_of, options_of
from netwright.seeds import derive_seed
from netwright.trials import is_finite_number

ATTRIBUTE = "netwright:drawn"
"""The system attribute of a trial: the version of the weights that sampled it and the order of its suggestions."""


class ControllerSampler(BaseSampler):
    """Samples suggestions one after the other from a recurrent controller, which learns from the trials' values.

        study = optuna.create_study(direction="maximize", sampler=ControllerSampler(seed=0))

    A suggestion is conditioned on all before it in its trial, so conditional branches need no declaration. Every
    category, integer, and float with a step is an option; if there are more than `max_options`, or the float is
    continuous, the range is divided into `max_options` intervals (of equal ratio with `log=True`), and a value is
    sampled uniformly from the chosen one. A name suggested with another range is another decision.

    The weights take one step after every `batch_size` finished trials. They are a function of `seed` and of the study's
    finished trials in the order of completion, whatever sampled them, so samplers with the same settings agree in all
    processes and after a restart. A pruned trial counts with its last reported value; failed trials and values that are
    not finite are ignored. The study must have one objective.

    Args:
        seed: All randomness derives from it.
        batch_size: Finished trials in one step of the weights.
        learning_rate: Of Adam.
        hidden_size: Units of each LSTM layer.
        num_layers: LSTM layers.
        baseline_decay: Decay of the moving average of rewards that REINFORCE subtracts, from 0 to 1.
        max_options: Options into which a numeric parameter is divided at most.

    Raises:
        ValueError: `batch_size` is below 1 or `max_options` below 2.
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
        self._settings: JsonObject = {
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
        """The numbers of the trials learned from, in order."""
        self._sampled: dict[int, SampledTrial] = {}
        """Trials being sampled in this process, by the storage's id of the trial."""

    def __reduce__(self) -> tuple[Callable[[], BaseSampler], tuple[()]]:
        """Pickle the settings only; everything else is restored from the study."""
        return functools.partial(type(self), **self._settings), ()

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return an empty space: every parameter is sampled when it is suggested."""
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> JsonObject:
        """Sample nothing; raise `ValueError` for several objectives."""
        self._raise_error_if_multi_objective(study)
        return {}

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> CategoricalChoiceType:
        """Sample one suggestion, given those before it in the trial."""
        self._raise_error_if_multi_objective(study)
        options = options_of(param_distribution, self._max_options)
        rng = np.random.default_rng(derive_seed(self._seed, "suggest", trial.number, param_name))
        with self._lock:
            state = self._sampled_trial(study, trial)
            choice = decision_of(param_name, param_distribution, self._max_options)
            index = 0 if choice is None else self._learner.sample(state, choice, rng)
            return options.value(index, rng)

    def _sampled_trial(self, study: optuna.Study, trial: FrozenTrial) -> SampledTrial:
        """Return the state of a trial. All its suggestions are sampled by the version that was newest at the first."""
        if self._study_name != study.study_name:
            self._begin(study.study_name)
        if trial._trial_id not in self._sampled:
            self._follow(study)
            self._sampled[trial._trial_id] = self._learner.begin()
        state = self._sampled[trial._trial_id]
        for name in [name for name in trial.params if name not in state.names]:
            choice = decision_of(name, trial.distributions[name], self._max_options)
            if choice is not None:
                options = options_of(trial.distributions[name], self._max_options)
                self._learner.advance(state, choice, options.index(trial.params[name]))
            state.names.append(name)
        return state

    def _follow(self, study: optuna.Study) -> None:
        """Learn from every complete batch of the study's finished trials."""
        trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
        ended = sorted(filter(_is_usable, trials), key=lambda trial: (str(trial.datetime_complete), trial.number))
        if [trial.number for trial in ended[: len(self._learned)]] != self._learned:
            # Another process reported a trial that ended before one learned here.
            sampled = self._sampled
            self._begin(study.study_name)
            self._sampled = sampled
        while len(ended) >= len(self._learned) + self._batch_size:
            batch = ended[len(self._learned) :][: self._batch_size]
            finished = [self._finished_trial(trial, study.direction) for trial in batch]
            if any(each.episode.actions for each in finished):
                self._learner.learn([each for each in finished if each.episode.actions])
            self._learned += [trial.number for trial in batch]

    def _finished_trial(self, trial: FrozenTrial, direction: StudyDirection) -> FinishedTrial:
        sampled: JsonObject = trial.system_attrs.get(ATTRIBUTE, {"version": None, "names": ()})
        names = [*sampled["names"], *(name for name in trial.params if name not in sampled["names"])]
        episode = episode_of(names, trial.params, trial.distributions, self._max_options)
        assert trial.value is not None
        reward = trial.value if direction is StudyDirection.MAXIMIZE else -trial.value
        return FinishedTrial(episode, reward, sampled["version"])

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Store the weights' version and the order of suggestions, since a storage may return another order."""
        with self._lock:
            sampled = self._sampled.pop(trial._trial_id, None)
        if sampled is not None:
            names = [*sampled.names, *(name for name in trial.params if name not in sampled.names)]
            study._storage.set_trial_system_attr(
                trial._trial_id, ATTRIBUTE, {"version": sampled.version, "names": names}
            )


def _is_usable(trial: FrozenTrial) -> bool:
    return trial.value is not None and is_finite_number(trial.value)
