"""A parallel text as all translation tasks provide it: the lines of three parts in two languages."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from netwright.errors import DataError
from netwright.tasks.identity import DataIdentity


@dataclass(frozen=True, eq=False)
class ParallelText:
    """A parallel text in memory: each part maps a language to its lines, and line i has the same meaning in both.

    The lines are as in the files, without white space at their ends; none is empty. `languages` are (source, target) of
    the default direction. `name` and `notes` are printed with every number measured on the text.
    """

    name: str
    languages: tuple[str, str]
    train: Mapping[str, tuple[str, ...]]
    validation: Mapping[str, tuple[str, ...]]
    test: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()
    identity: DataIdentity | None = None
    """Of a user's own text."""


def lines_of(path: Path, text: str) -> tuple[str, ...]:
    """Return the lines of the `text` of the file at `path`, without white space at their ends.

    Raises:
        DataError: A line is empty or has white space alone.
    """
    lines = tuple(line.strip() for line in text.removesuffix("\n").split("\n"))
    if "" in lines:
        raise DataError(
            f"line {lines.index('') + 1:,} of {path} is empty; expected a sentence in every line, and its translation "
            "in the same line of the other language's file: fill both lines, or delete both"
        )
    return lines


def paired(sides: Mapping[str, tuple[Path, str]]) -> dict[str, tuple[str, ...]]:
    """Return the lines of one part of a parallel text.

    Args:
        sides: The file of each of the two languages, and the file's text.

    Raises:
        DataError: The two files have different numbers of lines, or one has an empty line.
    """
    lines = {language: lines_of(path, text) for language, (path, text) in sides.items()}
    first, second = sides
    if len(lines[first]) != len(lines[second]):
        counts = " and ".join(f"{sides[language][0]} has {len(lines[language]):,} lines" for language in sides)
        raise DataError(
            f"{counts}; expected as many lines in both, since each line is the translation of the same line in the "
            "other file: find the first pair of lines that does not fit, and repair it"
        )
    return lines
