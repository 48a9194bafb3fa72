"""The tasks `text` and `text-characters`: a text of the user's own, from one file or from a folder with three.

What the text does not say is decided here and reported in `TextData.notes`, which stand beside every result:

- A single file is divided by position, at line ends: its first 80% to train on, then 10% to validate and 10% to test.
- Words are what white space separates, as they are written; what is not among the most frequent ones is <unk>.

A text that is empty, binary, not in UTF-8 or too short to be divided is an error.
"""

from dataclasses import replace
from pathlib import Path

from netwright.errors import DataError
from netwright.tasks.files import read_text
from netwright.tasks.text.data import TextData
from netwright.tasks.text.tokens import Unit, checksum, numbered

MAX_VOCABULARY = 10_000
"""As many words as the Penn Treebank has."""
FOLDER_FILES = (("train.txt",), ("validation.txt", "valid.txt"), ("test.txt",))
EXPECTED = "expected a text file in UTF-8, or a folder with train.txt, validation.txt (or valid.txt) and test.txt"


def find_text(path: Path | None) -> Path:
    """`path`, where a file or the three files of a folder are there; `DataError` else."""
    if path is None:
        raise DataError(f"a text of your own needs --data PATH; {EXPECTED}")
    path = path.expanduser()
    if not path.exists():
        raise DataError(f"the data {path} does not exist; {EXPECTED}")
    if path.is_dir():
        _files_of(path)
    return path


def load_text(path: Path | None, unit: Unit, *, max_vocabulary: int = MAX_VOCABULARY) -> TextData:
    """The text at `path` in `unit`s, the same every time; the vocabulary is that of the training part.

    The name is that of the file or folder with eight digits of a checksum of all tokens.
    """
    path = find_text(path)
    notes: tuple[str, ...] = ()
    if path.is_dir():
        parts = [read_text(file) for file in _files_of(path)]
    else:
        parts = _divided(path, read_text(path))
        notes = ("divided by position: the first 80% to train on, then 10% to validate and 10% to test",)
    data = numbered("", parts, unit, max_vocabulary=max_vocabulary, notes=notes)
    return replace(data, name=f"{path.resolve().name} ({checksum(data)})")


def _files_of(folder: Path) -> list[Path]:
    """Of each part the first name that is there."""
    found = [[folder / name for name in names if (folder / name).is_file()] for names in FOLDER_FILES]
    missing = [names[0] for names, files in zip(FOLDER_FILES, found, strict=True) if not files]
    if missing:
        raise DataError(f"the data folder {folder} lacks {', '.join(missing)}; {EXPECTED}")
    return [files[0] for files in found]


def _divided(path: Path, text: str) -> list[str]:
    """The first 80%, the next 10% and the rest, each up to the end of the line in which its last character is."""
    first = text.index("\n", len(text) * 8 // 10 - 1) + 1
    second = text.index("\n", len(text) * 9 // 10 - 1) + 1
    parts = [text[:first], text[first:second], text[second:]]
    if not all(part.strip() for part in parts):
        num_lines = text.count("\n")
        raise DataError(
            f"{path} is too short to be divided into three parts at its line ends: it has {num_lines:,} "
            f"line{'s' * (num_lines != 1)} and {len(text):,} characters, and its last tenths need lines of their own; "
            "break its lines, take a longer text, or divide it yourself: a folder with train.txt, validation.txt and "
            "test.txt"
        )
    return parts
