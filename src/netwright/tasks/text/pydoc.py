"""The help texts that come with Python, by word: a small language modelling task without a download.

Source: the topics of `pydoc_data`, from which Python's `help("assert")` answers. They are parts of the language
reference and differ a little from one version of Python to the next.
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
    """About 68,000, 8,500 and 8,000 words of a vocabulary of 2,000.

    A word is a run of letters, digits and underscores, or any single other character that is no space. A line without
    a letter or digit (it underlines or draws a table) is left out, and so is a paragraph that was there before: many
    topics repeat others. Of ten groups of ten paragraphs the ninth is for validation and the tenth for testing, so
    that all three parts are from all over the text.
    """
    parts: tuple[list[str], list[str], list[str]] = ([], [], [])
    for number, paragraph in enumerate(_paragraphs(topics.values())):
        group = number // PARAGRAPHS_TOGETHER % 10
        parts[max(group - 7, 0)].append(paragraph)
    name = f"pydoc (Python {platform.python_version()})"
    return numbered(name, ["".join(part) for part in parts], WORDS, max_vocabulary=MAX_VOCABULARY)


def _paragraphs(texts: Iterable[str]) -> Iterator[str]:
    """Each different paragraph once, its words separated by spaces, lines as they are."""
    seen = set()
    for text in texts:
        for paragraph in text.split("\n\n"):
            lines = (" ".join(TOKEN.findall(line)) for line in paragraph.split("\n") if re.search(r"[^\W_]", line))
            words = "".join(f"{line}\n" for line in lines)
            if words and words not in seen:
                seen.add(words)
                yield words
