"""Complete episodes as index arrays: their log-probability then takes one LSTM call instead of one per decision.

The input after a `Choice` is the embedding of the chosen option. The input after a `Subset` is the mean of the *inputs*
(not the states) at the selected anchors. All inputs therefore follow from the actions alone: X = E + S X, where E holds
the embeddings and S, strictly lower triangular, the weights of the means. One triangular solve gives X.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from netwright.spaces.decisions import Choice
from netwright.spaces.programs import Episode

ZERO_ROW, START_ROW, FIRST_FREE_ROW = 0, 1, 2
Indices = npt.NDArray[np.int64]


@dataclass
class ChoiceTerms:
    """All occurrences of the `Choice`s of one name: their positions, the actions taken and the masks."""

    sequences: list[int] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    actions: list[int] = field(default_factory=list)
    allowed: list[tuple[bool, ...]] = field(default_factory=list)


@dataclass
class SubsetTerms:
    """For each sequence, the steps with a `Subset` of one name and the positions selected there."""

    steps: list[list[int]]
    selected: list[list[tuple[int, ...]]]


class Layout:
    """Index arrays of M episodes, padded to the longest, T decisions.

    Attributes:
        rows: [M, T], for each step the row of the embedding table that is its input (zeros after a non-empty Subset).
        mixing: [M, T, T], the matrix S, or None if every Subset is empty.
        choices: the occurrences of each `Choice` name.
        subsets: the occurrences of each `Subset` name.
    """

    def __init__(self, episodes: Sequence[Episode]) -> None:
        num_sequences, longest = len(episodes), max(len(p.actions) for p in episodes)
        self.choices: dict[str, ChoiceTerms] = defaultdict(ChoiceTerms)
        self.subsets: dict[str, SubsetTerms] = {}
        self.first_row: dict[str, int] = {}
        """Decision name -> its first row of the embedding table: zeros, start, then one block a name in this order."""
        self.rows: Indices = np.full((num_sequences, longest), ZERO_ROW, dtype=np.int64)
        self.mixing: npt.NDArray[np.float32] | None = None
        self._next_row = FIRST_FREE_ROW
        self.rows[:, 0] = START_ROW
        for sequence, episode in enumerate(episodes):
            self._place(sequence, episode, num_sequences, longest)

    def _place(self, sequence: int, episode: Episode, num_sequences: int, longest: int) -> None:
        last = len(episode.actions) - 1
        for step, (decision, action) in enumerate(zip(episode.decisions, episode.actions, strict=True)):
            name = decision.name
            if isinstance(decision, Choice):
                assert isinstance(action, int)
                first = self._block(name, len(decision.options))
                terms = self.choices[name]
                terms.sequences.append(sequence)
                terms.steps.append(step)
                terms.actions.append(action)
                terms.allowed.append(decision.allowed)
                if step < last:
                    self.rows[sequence, step + 1] = first + action
                continue
            assert isinstance(action, tuple)
            first = self._block(name, 1)
            if name not in self.subsets:
                self.subsets[name] = SubsetTerms([[] for _ in range(num_sequences)], [[] for _ in range(num_sequences)])
            steps = self.subsets[name].steps[sequence]
            if step < last and not action:
                self.rows[sequence, step + 1] = first
            elif step < last:
                if self.mixing is None:
                    self.mixing = np.zeros((num_sequences, longest, longest), dtype=np.float32)
                self.mixing[sequence, step + 1, [steps[j] for j in action]] = 1 / len(action)
            steps.append(step)
            self.subsets[name].selected[sequence].append(action)

    def _block(self, name: str, num_rows: int) -> int:
        if name not in self.first_row:
            self.first_row[name] = self._next_row
            self._next_row += num_rows
        return self.first_row[name]
