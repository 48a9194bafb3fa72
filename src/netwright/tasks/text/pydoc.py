"""The help texts of Python, by word: a small language modelling task without a download.

Source: the topics of `pydoc_data`, which `help("assert")` prints. They are parts of the language reference and differ
slightly between versions of Python.
"""

import platform
import re
from collections.abc import Iterable, Iterator
from pydoc_data.topics import topics

from netwright.tasks.text.data import TextData
from netwright.tasks.text.tokens import WORDS, numbered

MAX_VOCABULARY = 2_000
PARAGRAPHS_TOGETHER = 10
TOKEN = re.compile(r"\w+|[^\w\s]")


def load_pydoc() -> TextData:
    """Load about 68,000 training, 8,500 validation and 8,000 test words of a vocabulary of 2,000.

    A word is a sequence of letters, digits and underscores, or any other single character but a space. Lines without a
    letter or digit, such as rules of a table, are left out, and so are repeated paragraphs. Of every ten groups of ten
    paragraphs the ninth is for validation and the tenth for testing, so that all parts come from the whole text.
    """
    parts: tuple[list[str], list[str], list[str]] = ([], [], [])
    for number, paragraph in enumerate(_paragraphs(topics.values())):
        group = number // PARAGRAPHS_TOGETHER % 10
        parts[max(group - 7, 0)].append(paragraph)
    name = f"pydoc (Python {platform.python_version()})"
    return numbered(name, ["".join(part) for part in parts], WORDS, max_vocabulary=MAX_VOCABULARY)


def _paragraphs(texts: Iterable[str]) -> Iterator[str]:
    """Yield each distinct paragraph once, with words separated by spaces and unchanged lines."""
    seen = set()
    for text in texts:
        for paragraph in text.split("\n\n"):
            lines = (" ".join(TOKEN.findall(line)) for line in paragraph.split("\n") if re.search(r"[^\W_]", line))
            words = "".join(f"{line}\n" for line in lines)
            if words and words not in seen:
                seen.add(words)
                yield words
