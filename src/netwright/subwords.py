"""Subwords: pieces of words learned from a text, by byte pair encoding; no other module imports sentencepiece.

Source: R. Sennrich et al., Neural Machine Translation of Rare Words with Subword Units, 2016; T. Kudo and
J. Richardson, SentencePiece, 2018. Both languages of a translation can share one vocabulary.
"""

import io
import re
from collections.abc import Callable, Iterable, Sequence
from types import ModuleType

from netwright.errors import ConfigError, install
from netwright.files import utf8

PAD, UNKNOWN, START, END = range(4)
"""Ids of the special pieces: padding, a character outside the vocabulary, the start and the end of a line."""
NOTHING = 4
"""sentencepiece's level of logging at which nothing is printed."""
LEAST_LENGTH = 10
"""The smallest limit of sentencepiece for the bytes of a line; longer lines would be left out without a message."""


class Subwords:
    """A vocabulary of subwords, and the conversion of lines to their ids and back.

    The conversion to ids and back reproduces a line, except that it

    - removes spaces at the start and end, and replaces several spaces in a row by one,
    - replaces the character U+2581, which marks spaces in pieces, by a space,
    - drops characters that do not occur in the text from which the vocabulary was learned.

    Characters are not normalised otherwise: case, accents, tabs and no-break spaces are kept.
    """

    def __init__(self, content: bytes) -> None:
        """Read a model of sentencepiece as `from_bytes` does."""
        self._content = content
        try:
            self._processor = processor = _sentencepiece().SentencePieceProcessor(model_proto=content)
        except RuntimeError as error:
            raise ValueError(f"no model of sentencepiece: {error}") from None
        processor.id_to_piece(list(range(len(processor))))  # UnicodeDecodeError, a ValueError, if one is not UTF-8
        found = [processor.pad_id(), processor.unk_id(), processor.bos_id(), processor.eos_id()]
        if found != [PAD, UNKNOWN, START, END]:
            raise ValueError(
                "a model of sentencepiece with other special ids (padding, unknown, start, end): expected "
                f"{[PAD, UNKNOWN, START, END]}, found {found}"
            )

    @classmethod
    def learned(cls, lines: Iterable[str], vocabulary_size: int) -> "Subwords":
        """Learn a vocabulary from lines of text.

        All characters of the lines are in the vocabulary; lines with the character U+2585, which sentencepiece
        reserves, are left out. The same lines and size give the same bytes.

        Args:
            lines: The text, for example the training part in both languages.
            vocabulary_size: The number of pieces, with the four special ones.

        Raises:
            ConfigError: The text has too many characters or too few words for a vocabulary of this size, or
                sentencepiece is not installed.
        """
        texts = list(lines)
        model = io.BytesIO()
        try:
            _sentencepiece().SentencePieceTrainer.train(
                sentence_iterator=iter(texts),
                model_writer=model,
                model_type="bpe",
                vocab_size=vocabulary_size,
                character_coverage=1.0,
                normalization_rule_name="identity",
                max_sentence_length=max((len(text.encode()) for text in texts), default=0) + LEAST_LENGTH,
                num_threads=1,
                pad_id=PAD,
                unk_id=UNKNOWN,
                bos_id=START,
                eos_id=END,
            )
        except RuntimeError as error:
            raise ConfigError(_size_error(vocabulary_size, str(error))) from None
        return cls(model.getvalue())

    @classmethod
    def from_bytes(cls, content: bytes) -> "Subwords":
        """Read what `to_bytes` returned; the content need not be trusted.

        Raises:
            ValueError: The content is no model of sentencepiece, or its special ids are not those of this module.
            ConfigError: sentencepiece is not installed.
        """
        return cls(content)

    def to_bytes(self) -> bytes:
        """Return the content of a sentencepiece model file."""
        return self._content

    def __reduce__(self) -> tuple[Callable[[bytes], "Subwords"], tuple[bytes]]:
        return Subwords, (self._content,)

    def __len__(self) -> int:
        return len(self._processor)

    def encode(self, line: str) -> list[int]:
        """Return the ids of the subwords of a line, without the ids of its start and end."""
        ids: list[int] = self._processor.encode(utf8(line).decode())
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Return the line of the ids of subwords, without the special ones and with single spaces."""
        line: str = self._processor.decode([number for number in ids if number > END])
        return re.sub(" +", " ", line).strip(" ")


def _sentencepiece() -> ModuleType:
    try:
        import sentencepiece
    except ModuleNotFoundError:
        raise ConfigError(f"subwords need sentencepiece, not installed here: {install('translation')}") from None
    sentencepiece.SetMinLogLevel(NOTHING)
    return sentencepiece


def _size_error(vocabulary_size: int, message: str) -> str:
    """Return the message for a text that has no vocabulary of this size, from sentencepiece's own message."""
    if needed := re.search(r"smaller than required_chars\. -?\d+ vs (\d+)", message):
        bound = f"at least {int(needed[1]):,}: one for each of its characters, and special ones"
    elif possible := re.search(r"set it to a value <= (\d+)", message):
        bound = f"at most {int(possible[1]):,}, since it has no more repeated pieces of words"
    else:
        return f"no {vocabulary_size:,} subwords can be learned from this text: {message}"
    return f"evaluate.vocabulary_size is {vocabulary_size:,}; expected for this text {bound}"
