"""The two ways of dropping units of a language model that the paper's baselines use; their masks are in `masks`."""

from dataclasses import dataclass, fields

from netwright.errors import ConfigError


@dataclass(frozen=True)
class Dropout:
    """Probabilities, in 0..1, of dropping a unit; what is kept is divided by the probability of keeping it.

    Without `variational`, every step has masks of its own and nothing recurrent is dropped (Zaremba et al. 2014, arXiv
    1409.2329: one rate for `inputs` and `output`). With it, one mask serves all steps of a window, and `state` and
    `words` may be dropped too (Gal & Ghahramani 2016, arXiv 1512.05287).

    Deviation: Gal's LSTM draws a mask for each gate. Here all gates, and all matrices of a cell, share one, as in
    recurrent highway networks: a cell of the space has no gates that could be told apart.
    """

    inputs: float = 0.0
    """On what every layer reads: the embedded word, and the output of the layer below."""
    output: float = 0.0
    """On what the softmax reads."""
    state: float = 0.0
    """On the output that a layer feeds back to itself."""
    words: float = 0.0
    """Of a word of the vocabulary: it is dropped everywhere in a sequence's window or nowhere."""
    variational: bool = False

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
        """Whether anything is dropped at all."""
        return any((self.inputs, self.output, self.state, self.words))
