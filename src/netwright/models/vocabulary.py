"""The tokens that a language model reads, by number."""

from collections.abc import Sequence

from netwright.errors import DataError


class Vocabulary:
    """The numbers of words or characters; an unknown one has the number of <unk>, if there is one."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self.numbers = {token: number for number, token in enumerate(tokens)}

    def encode(self, tokens: Sequence[str]) -> list[int]:
        """Return the number of every token; raise `DataError` if one is unknown and there is no <unk>."""
        unknown = self.numbers.get("<unk>")
        numbers: list[int] = []
        for token in tokens:
            number = self.numbers.get(token, unknown)
            if number is None:
                raise DataError(f"{token!r} is not in the vocabulary, which has no <unk>; leave it out")
            numbers.append(number)
        return numbers
