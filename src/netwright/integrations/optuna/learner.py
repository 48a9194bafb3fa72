"""The controller as it learns from the trials of a study: a function of what they are and of their order."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from netwright.controller.baseline import MovingAverageBaseline
from netwright.controller.objectives import reinforce_loss
from netwright.controller.parameters import AdamParameters
from netwright.controller.policy import Controller, Weights
from netwright.controller.recurrence import States
from netwright.spaces.decisions import Choice
from netwright.spaces.programs import Episode

INIT_RANGE = 0.08  # weights U(-0.08, 0.08); paper
NUM_KEPT = 16
"""Versions of the weights that are kept for trials still to be learned; one drawn earlier counts for the oldest."""


@dataclass(frozen=True)
class FinishedTrial:
    """A finished trial: what it was suggested, its reward, and the version of the weights that drew it, if one did."""

    episode: Episode
    reward: float
    version: int | None


@dataclass
class TrialUnderWay:
    """A trial under way: what draws it, what it was suggested so far, and where the controller is behind that."""

    version: int
    walk: States
    names: list[str] = field(default_factory=list)


class Learner:
    """REINFORCE over batches of trials; version v is what v batches have taught."""

    def __init__(self, *, seed: int, hidden_size: int, num_layers: int, learning_rate: float, baseline_decay: float):
        with _own_torch():
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
        """The newest version."""
        return self._parameters.version

    def begin(self) -> TrialUnderWay:
        """A trial that the newest version draws."""
        with _own_torch():
            self._load(self.version)
            return TrialUnderWay(self.version, self._controller.begin())

    def draw(self, drawing: TrialUnderWay, choice: Choice, rng: np.random.Generator) -> int:
        """The controller's answer to the trial's next decision."""
        with _own_torch():
            self._load(drawing.version)
            return self._controller.choose(drawing.walk, choice, rng)

    def advance(self, drawing: TrialUnderWay, choice: Choice, action: int) -> None:
        """Take in the trial's next answer, whoever gave it."""
        with _own_torch():
            self._load(drawing.version)
            drawing.walk = self._controller.advance(drawing.walk, choice, action)

    def learn(self, batch: Sequence[FinishedTrial]) -> None:
        """One policy-gradient step, each trial's gradient taken at the weights that drew it.

        A trial that something else drew (another sampler, `enqueue_trial`) is taken at the newest weights.
        """
        advantages = self._parameters.advantages([told.reward for told in batch]).values
        versions = [self.version if told.version is None else told.version for told in batch]
        gradient: Weights = {}
        with _own_torch():
            for version in sorted(set(versions)):
                self._load(version)
                drawn = [index for index, each in enumerate(versions) if each == version]
                log_probs, entropies = self._controller.log_probs([batch[index].episode for index in drawn])
                chosen = torch.tensor([advantages[index] for index in drawn])
                loss = reinforce_loss(log_probs, entropies, chosen, entropy_weight=0.0) * len(drawn) / len(batch)
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
        """Make the controller what it was at `version`, or the nearest kept: what it had not met yet, it meets anew."""
        version = min(self._versions, key=lambda kept: abs(kept - version))
        if version == self._loaded:
            return
        self._loaded, weights = version, self._versions[version]
        self._controller.load(weights)


@contextlib.contextmanager
def _own_torch() -> Iterator[None]:
    """An objective may suggest in whatever mode and with whatever default device it trains."""
    with torch.inference_mode(False), torch.enable_grad(), torch.device("cpu"):
        yield
