"""The controller that learns from the trials of a study, in their order."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from netwright.controller.baseline import MovingAverageBaseline
from netwright.controller.objectives import reinforce_loss
from netwright.controller.parameters import AdamParameters
from netwright.controller.policy import Controller, Weights
from netwright.controller.recurrence import States
from netwright.execution.surroundings import standard_defaults
from netwright.spaces.decisions import Choice
from netwright.spaces.programs import Episode

INIT_RANGE = 0.08  # weights U(-0.08, 0.08); paper
NUM_KEPT = 16
"""Versions of the weights kept for unfinished trials; a trial of an older version counts for the oldest kept."""


@dataclass(frozen=True)
class FinishedTrial:
    """A finished trial: its suggestions, its reward, and the version of the weights that sampled it, if any."""

    episode: Episode
    reward: float
    version: int | None


@dataclass
class SampledTrial:
    """A trial being sampled: the version of the weights, the names suggested so far, and the controller's state."""

    version: int
    walk: States
    names: list[str] = field(default_factory=list)


class Learner:
    """REINFORCE over batches of trials; version v of the weights is the one after v batches."""

    def __init__(self, *, seed: int, hidden_size: int, num_layers: int, learning_rate: float, baseline_decay: float):
        with standard_defaults():
            self._controller = Controller(
                seed=seed, hidden_size=hidden_size, num_layers=num_layers, init_range=INIT_RANGE
            )
            self._parameters = AdamParameters(
                seed=seed,
                init_range=INIT_RANGE,
                learning_rate=learning_rate,
                baseline=MovingAverageBaseline(baseline_decay),
            )
            self._versions: dict[int, Weights] = {0: self._controller.snapshot()}
        self._loaded = 0

    @property
    def version(self) -> int:
        """The newest version of the weights."""
        return self._parameters.version

    def begin(self) -> SampledTrial:
        """Start a trial that the newest version samples."""
        with standard_defaults():
            self._load(self.version)
            return SampledTrial(self.version, self._controller.begin())

    def sample(self, state: SampledTrial, choice: Choice, rng: np.random.Generator) -> int:
        """Sample the trial's next action from the controller."""
        with standard_defaults():
            self._load(state.version)
            return self._controller.choose(state.walk, choice, rng)

    def advance(self, state: SampledTrial, choice: Choice, action: int) -> None:
        """Advance the controller's state by the trial's next action, whatever sampled it."""
        with standard_defaults():
            self._load(state.version)
            state.walk = self._controller.advance(state.walk, choice, action)

    def learn(self, batch: Sequence[FinishedTrial]) -> None:
        """Take one policy-gradient step, with each trial's gradient at the weights that sampled it.

        The gradient of other trials (another sampler's, `enqueue_trial`'s) is taken at the newest weights.
        """
        advantages = self._parameters.advantages([trial.reward for trial in batch]).values
        versions = [self.version if trial.version is None else trial.version for trial in batch]
        gradient: Weights = {}
        with standard_defaults():
            for version in sorted(set(versions)):
                self._load(version)
                sampled = [index for index, each in enumerate(versions) if each == version]
                log_probs, entropies = self._controller.log_probs([batch[index].episode for index in sampled])
                chosen = torch.tensor([advantages[index] for index in sampled])
                loss = reinforce_loss(log_probs, entropies, chosen, entropy_weight=0.0) * len(sampled) / len(batch)
                names = list(self._controller.weights)
                values = torch.autograd.grad(loss, [self._controller.weights[n] for n in names], allow_unused=True)
                for name, value in zip(names, values, strict=True):
                    if value is not None:
                        gradient[name] = gradient[name] + value if name in gradient else value
            self._parameters.push(gradient)
            self._controller.load(self._parameters.pull().weights)
            self._versions[self.version] = self._controller.snapshot()
            self._loaded = self.version
        for old in [version for version in self._versions if version <= self.version - NUM_KEPT]:
            del self._versions[old]

    def _load(self, version: int) -> None:
        """Load the weights of `version`, or of the nearest one kept; layers added since are initialised again."""
        version = min(self._versions, key=lambda kept: abs(kept - version))
        if version == self._loaded:
            return
        self._loaded, weights = version, self._versions[version]
        self._controller.load(weights)
