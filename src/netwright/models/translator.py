"""A trained translator together with its subwords and its description."""

from collections.abc import Sequence
from dataclasses import replace
from typing import overload

from torch import nn

from netwright.architectures.values import JsonObject
from netwright.children.translation.beam import BeamSettings, translations
from netwright.children.translation.translator import Translator
from netwright.errors import DataError
from netwright.subwords import END, Subwords


class TrainedTranslator(nn.Module):
    """A trained translator, as `nw.load` returns it: sentences in, sentences out.

        translate = nw.load("models/gnmt")
        translate("A man rides a bicycle.")
        translate(["A man.", "Two dogs are playing."], beam_size=10)

    `description` is the content of model.json; its `source` and `target` are the languages. The module is in evaluation
    mode and in float32, as it was tested.
    """

    def __init__(
        self,
        network: Translator,
        *,
        subwords: Subwords,
        beam: BeamSettings,
        max_length: int,
        description: JsonObject,
    ) -> None:
        super().__init__()
        self.network, self.subwords, self.beam, self.max_length = network, subwords, beam, max_length
        self.description = description
        self.eval()

    @overload
    def forward(self, text: str, *, beam_size: int | None = None) -> str: ...
    @overload
    def forward(self, text: list[str], *, beam_size: int | None = None) -> list[str]: ...
    def forward(self, text: str | list[str], *, beam_size: int | None = None) -> str | list[str]:
        """Translate a sentence, or several at once.

        Args:
            text: One sentence, or a list of them; the translation of an empty one is empty.
            beam_size: Hypotheses that are kept at every step; None is the number with which the model was tested.

        Raises:
            DataError: A sentence has more pieces than those that the model was trained on.
        """
        lines = [text] if isinstance(text, str) else text
        self.check(lines)
        translated = self.translated([self.subwords.encode(line) for line in lines], beam_size)
        return translated[0] if isinstance(text, str) else translated

    def check(self, lines: Sequence[str]) -> None:
        """Raise `DataError` if a sentence has more pieces than those that the model was trained on."""
        for number, line in enumerate(lines, start=1):
            num_pieces = len(self.subwords.encode(line)) + 1  # and the end
            if num_pieces > self.max_length:
                raise DataError(
                    f"sentence {number:,} has {num_pieces:,} pieces, and the model was trained on sentences of up to "
                    f"{self.max_length:,}; divide it: {line[:60]!r}..."
                )

    def translated(self, pieces: Sequence[Sequence[int]], beam_size: int | None = None) -> list[str]:
        """Translate sentences of any length, given as pieces without an end."""
        beam = self.beam if beam_size is None else replace(self.beam, size=beam_size)
        numbers = [number for number, each in enumerate(pieces) if each]
        results = [""] * len(pieces)
        found = translations(self.network, [[*pieces[number], END] for number in numbers], beam)
        for number, translation in zip(numbers, found, strict=True):
            results[number] = self.subwords.decode(translation.pieces)
        return results
