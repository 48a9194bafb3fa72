"""Many sentences as the numbers of their pieces, in one tensor."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from netwright.subwords import PAD


class Sentences:
    """The piece numbers of N sentences, each of at least one piece; one flat tensor, so that millions fit in memory.

    Args:
        numbered: The piece numbers of every sentence.
    """

    def __init__(self, numbered: Iterable[Sequence[int]]) -> None:
        self._set([torch.tensor(each, dtype=torch.int32) for each in numbered])

    def _set(self, parts: list[Tensor]) -> None:
        self.pieces = torch.cat(parts) if parts else torch.zeros(0, dtype=torch.int32)
        """All pieces, one sentence after the other, [num_pieces]."""
        self.lengths = torch.tensor([len(part) for part in parts], dtype=torch.int64)
        """The number of pieces of each sentence, [N]."""
        self._ends = self.lengths.cumsum(0)

    def __len__(self) -> int:
        return len(self.lengths)

    def chosen(self, numbers: Tensor) -> "Sentences":
        """Return the sentences with these numbers, in their order."""
        chosen = Sentences(())
        chosen._set(self._parts(numbers))
        return chosen

    def padded(self, numbers: Tensor) -> Tensor:
        """Return the sentences with these numbers side by side, int64 [T, B], shorter ones padded at their end."""
        return pad_sequence(self._parts(numbers), padding_value=PAD).long()

    def _parts(self, numbers: Tensor) -> list[Tensor]:
        ends = zip(self._ends[numbers].tolist(), self.lengths[numbers].tolist(), strict=True)
        return [self.pieces[end - length : end] for end, length in ends]
