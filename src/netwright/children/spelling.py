"""Words by their spelling: the convolutional network of Kim et al. 2015 (arXiv 1508.06615) in place of an embedding.

Legend of shapes: N words, L symbols of a word, F filters.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.architectures.word_inputs import CHARACTER_SIZE, MARKS, CharacterCnn, characters_of, num_characters_of

PADDING, START, END = range(MARKS)
LONGEST = 65
"""Symbols of a word with its start and end; longer words are cut (Kim et al. 2015)."""
TRANSFORM_BIAS = -2.0
"""Initial bias of the highway layers' gates, which at the start mostly carry (Kim et al. 2015)."""


class CharacterCNN(nn.Module):
    """Convolutions over the characters of a word, their maxima over the word, and highway layers.

        y_k = max over positions of tanh(H_k * C + b_k),  C = [start, characters, end] embedded, padded at the end
        y  <- t relu(W_H y + b_H) + (1 - t) y,  t = sigmoid(W_T y + b_T)   in each highway layer

    The rows of a highway layer's weights are those of H, then those of T.

    Args:
        sizes: Numbers of filters and of highway layers.
        vocabulary: The words, by number.
    """

    spelling: Tensor

    def __init__(self, sizes: CharacterCnn, vocabulary: Sequence[str]) -> None:
        super().__init__()
        outputs = sizes.output_size
        self.embedding = nn.Parameter(torch.empty(num_characters_of(vocabulary), CHARACTER_SIZE))
        self.filters = nn.ParameterList(
            torch.empty(count, CHARACTER_SIZE, width) for width, count in enumerate(sizes.filters, start=1)
        )
        self.highways = nn.ParameterList(torch.empty(2 * outputs, outputs) for _ in range(sizes.num_highways))
        self.biases = nn.Parameter(torch.zeros(outputs))
        gates = [torch.zeros(outputs), torch.full((outputs,), TRANSFORM_BIAS)]
        self.highway_biases = nn.ParameterList(torch.cat(gates) for _ in range(sizes.num_highways))
        spelling = torch.tensor(spelled(vocabulary, least=len(sizes.filters)))
        self.register_buffer("spelling", spelling, persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialise matrices from U(-0.05, 0.05); biases have their values."""
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.uniform_(parameter, -0.05, 0.05)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return what stands for each word, [..., F]; a word that occurs several times is computed once."""
        words, places = tokens.unique(return_inverse=True)
        characters_NCL = functional.embedding(self.spelling[words], self.embedding).transpose(1, 2)
        biases = self.biases.split([len(weight) for weight in self.filters])
        y_NF = torch.cat(
            [
                functional.conv1d(characters_NCL, weight, bias).amax(2).tanh()  # tanh is monotonic
                for weight, bias in zip(self.filters, biases, strict=True)
            ],
            dim=1,
        )
        for weight, bias in zip(self.highways, self.highway_biases, strict=True):
            h, t = functional.linear(y_NF, weight, bias).chunk(2, 1)
            y_NF = y_NF + torch.sigmoid(t) * (torch.relu(h) - y_NF)
        return functional.embedding(places, y_NF)


def spelled(vocabulary: Sequence[str], least: int) -> list[list[int]]:
    """Return the symbols of every word, padded to one length, which is `least` or more."""
    numbers = {character: number for number, character in enumerate(characters_of(vocabulary), start=MARKS)}
    words = [[START, *(numbers[character] for character in word[: LONGEST - 2]), END] for word in vocabulary]
    length = max(least, *map(len, words))
    return [[*word, *[PADDING] * (length - len(word))] for word in words]
