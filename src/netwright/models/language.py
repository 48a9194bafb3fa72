"""A trained language model together with its vocabulary and its description."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.architectures.values import JsonObject
from netwright.children.language_model import LanguageModel
from netwright.models.vocabulary import Vocabulary
from netwright.nn.interface import State


class TrainedLanguageModel(nn.Module):
    """A trained language model, as `nw.load` returns it: token numbers in, logits of the next token out.

        model = nw.load("models/nas-cell")
        logits, states = model(model.encode(["the", "company", "said"])[:, None])      # [3, 1, V]
        following = model.vocabulary[int(logits[-1, 0].argmax())]

    Pass the `states` of one call to the next one to read a text in pieces. `description` is the content of model.json.
    The module is in evaluation mode and in float32, as it was tested.
    """

    def __init__(self, network: LanguageModel, *, vocabulary: tuple[str, ...], description: JsonObject) -> None:
        super().__init__()
        self.network, self.vocabulary, self.description = network, vocabulary, description
        self._numbers = Vocabulary(vocabulary)
        self.eval()

    def encode(self, tokens: Sequence[str]) -> Tensor:
        """Return the numbers of words (or characters), [tokens]; an unknown one has that of <unk>.

        Raises:
            DataError: A token is unknown and the vocabulary has no <unk>.
        """
        return torch.tensor(self._numbers.encode(tokens), dtype=torch.int64)

    def forward(self, tokens_TB: Tensor, states: Iterable[State] | None = None) -> tuple[Tensor, tuple[State, ...]]:
        """Compute the logits of the token after each one.

        Args:
            tokens_TB: Token numbers, T steps of B sequences.
            states: Of the layers before the first step; None starts new sequences.

        Returns:
            Logits [T, B, V] and the states after the last step.
        """
        if states is None:
            states = self.network.initial_states(tokens_TB.shape[1])
        logits: Tensor
        logits, states = self.network(tokens_TB, states)
        return logits, tuple(states)

    @torch.no_grad()
    def nats(self, tokens: Sequence[str]) -> Tensor:
        """Return -log P of every token but the first, given all before it, [tokens - 1]."""
        numbers = self.encode(tokens)
        logits, _ = self(numbers[:-1, None])
        return functional.cross_entropy(logits[:, 0], numbers[1:], reduction="none")
