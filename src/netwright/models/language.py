"""A trained language model with everything that it needs to be used: its vocabulary, its description."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.children.language_model import LanguageModel
from netwright.errors import DataError
from netwright.nn.interface import State


class TrainedLanguageModel(nn.Module):
    """What `nw.load` returns for a recurrent cell: token numbers in, logits of the next token out.

        model = nw.load("models/nas-cell")
        logits, states = model(model.encode(["the", "company", "said"])[:, None])      # [3, 1, V]
        following = model.vocabulary[int(logits[-1, 0].argmax())]

    `states` of one call go into the next one, so that a text can be read in pieces. `description` is the content of
    model.json. In evaluation mode and in float32, as it was tested.
    """

    def __init__(self, network: LanguageModel, *, vocabulary: tuple[str, ...], description: Mapping[str, Any]) -> None:
        super().__init__()
        self.network, self.vocabulary, self.description = network, vocabulary, description
        self._numbers = {token: number for number, token in enumerate(vocabulary)}
        self.eval()

    def encode(self, tokens: Sequence[str]) -> Tensor:
        """Numbers [tokens] of words (or characters); an unknown one is <unk>, where there is one."""
        unknown = self._numbers.get("<unk>")
        numbers = [self._numbers.get(token, unknown) for token in tokens]
        if None in numbers:
            raise DataError(
                f"{tokens[numbers.index(None)]!r} is not in the vocabulary, which has no <unk>; leave it out"
            )
        return torch.tensor(numbers, dtype=torch.int64)

    def forward(self, tokens_TB: Tensor, states: Iterable[State] | None = None) -> tuple[Tensor, tuple[State, ...]]:
        """Logits [T, B, V] of the token after each of `tokens_TB`, and the states after the last one."""
        if states is None:
            states = self.network.initial_states(tokens_TB.shape[1])
        logits: Tensor
        logits, states = self.network(tokens_TB, states)
        return logits, tuple(states)

    @torch.no_grad()
    def nats(self, tokens: Sequence[str]) -> Tensor:
        """-log P of every token but the first, given all before it, [tokens - 1]."""
        numbers = self.encode(tokens)
        logits, _ = self(numbers[:-1, None])
        return functional.cross_entropy(logits[:, 0], numbers[1:], reduction="none")
