"""Settings of the final training."""

from typing import ClassVar, Literal, Self

from pydantic import NonNegativeInt, PositiveInt

from netwright.architectures.values import JsonObject
from netwright.config.base import Below1, Fraction, NonNegative, Positive, Settings, Share, Values


class FinalTrainingSettings(Settings):
    """What the final trainings of all kinds of children have in common."""

    grid: ClassVar[tuple[str, ...]]
    """The names of the settings whose values the grid combines."""
    later: ClassVar[JsonObject] = {"minutes": None}
    """The settings that older models lack, with the values that describe what these did."""

    top: PositiveInt = 1  # architectures among which validation chooses; the paper takes the search's best one
    seed: int = 0  # of the first weights and of the order of the data
    minutes: Positive | None = None  # length of a training without a grid, whose epochs follow; None: epochs count

    def as_stored_first(self) -> JsonObject:
        """Return JSON values without later settings whose values change nothing; see `config.children`."""
        return {name: value for name, value in self.to_json().items() if (name, value) not in self.later.items()}

    def without_grid(self) -> Self:
        """Return a copy that keeps only the first value of each list: the search's own settings."""
        return self.model_copy(update={name: getattr(self, name)[:1] for name in self.grid})


class FinalSettings(FinalTrainingSettings):
    """The final training: a grid on the search's split, its best point on all images but the test set's (section 4.1).

    The paper names the four settings that its grid varies and none of their values. The first value of each is the
    search's own setting.
    """

    grid: ClassVar = ("learning_rates", "weight_decays", "epsilons", "decays_at")

    epochs: PositiveInt | None = (
        None  # passes over the data; None: 6 times the search's, DenseNet's 300 for the paper's 50
    )
    schedule: Literal["constant", "step", "cosine"] | None = None  # of the learning rate; None: the search's
    label_smoothing: Below1 = 0.0  # share of each label spread over all classes; none in the paper
    learning_rates: Values[Positive] = (1.0, 0.5)  # times the search's
    weight_decays: Values[NonNegative] = (1.0, 5.0)  # times the search's
    epsilons: Values[Share] = (1e-5, 1e-3)  # of batch normalisation
    decays_at: Values[Below1 | None] = (None, 0.75)  # of training, where the rate begins to fall; None: the schedule's


class FinalTextSettings(FinalTrainingSettings):
    """The final training of a language model: a grid on the search's text, its best point on the whole text.

    The paper names the settings that its grid varies (section 4.2) and none of their values. The first value of each
    is the search's own setting.
    """

    grid: ClassVar = ("learning_rates", "init_ranges", "dropouts", "constant_epochs", "warm_ups")
    later: ClassVar = {**FinalTrainingSettings.later, "mc_samples": 0, "warm_ups": [None]}

    epochs: PositiveInt | None = None  # passes over the data; None: the search's
    mc_samples: NonNegativeInt = 0  # passes of Monte-Carlo evaluation beside the plain test; 0 is none. Gal
    learning_rates: Values[Positive] = (1.0, 0.5)  # times the search's
    init_ranges: Values[Positive] = (1.0, 0.5)  # times the search's
    dropouts: Values[Fraction] = (1.0, 0.7)  # times every rate of the search's
    constant_epochs: Values[NonNegative] = (1.0, 1.5)  # times the search's
    warm_ups: Values[Below1 | None] = (None,)  # shares of training; None: the search's


class FinalTranslationSettings(FinalTrainingSettings):
    """The final training of a translator: a grid on the search's pairs, its best point on all of them.

    The paper transferred its cell without choosing any setting for it; here learning rate, range of the first weights
    and warm-up are chosen for each cell by the same grid. The first value of each is the search's own setting.
    """

    grid: ClassVar = ("learning_rates", "init_ranges", "warm_ups")

    epochs: PositiveInt | None = None  # passes over the data; None: the search's
    learning_rates: Values[Positive] = (1.0, 0.5)  # times the search's
    init_ranges: Values[Positive] = (1.0, 2.0)  # times the search's
    warm_ups: Values[Below1 | None] = (None, 0.2)  # shares of training; None: the search's
    label_smoothing: Below1 | None = None  # share of the target spread over all pieces; None: the search's
