"""The two forms of dropout in language models that the paper's reference models use."""

from dataclasses import dataclass, fields

from netwright.errors import ConfigError


@dataclass(frozen=True)
class Dropout:
    """Probabilities of dropping a unit, 0 or more and below 1; a kept unit is divided by the probability of keeping it.

    Without `variational`, every step has masks of its own and recurrent connections are not dropped (Zaremba et al.
    2014, arXiv 1409.2329: one rate for `inputs` and `output`). With it, one mask serves all steps of a window, and
    `state` and `words` may be dropped too (Gal & Ghahramani 2016, arXiv 1512.05287).

    Deviation: Gal's LSTM draws a mask for each gate. Here all gates, and all matrices of a cell, share one, as in
    recurrent highway networks: a cell of the space has no distinguishable gates.
    """

    inputs: float = 0.0
    """Of the inputs of every layer: the embedded word, or the output of the layer below."""
    output: float = 0.0
    """Of the inputs of the softmax."""
    state: float = 0.0
    """Of the output that a layer feeds back to itself."""
    words: float = 0.0
    """Of a word of the vocabulary: in one window of one sequence, all its occurrences are dropped or none."""
    variational: bool = False
    """Whether one mask serves all steps of a window."""

    def __post_init__(self) -> None:
        for field in fields(self):
            rate = getattr(self, field.name)
            if field.name != "variational" and not 0 <= rate < 1:
                raise ConfigError(f"dropout of {field.name} is {rate}; a probability of dropping is in 0..1, not 1")
        if not self.variational and (self.state or self.words):
            raise ConfigError(
                f"dropout of state {self.state} and of words {self.words} needs variational = true: "
                "without it, nothing recurrent and no whole word is dropped"
            )

    @property
    def drops(self) -> bool:
        """Whether any rate is above 0."""
        return any((self.inputs, self.output, self.state, self.words))
