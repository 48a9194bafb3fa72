"""The tasks `text` and `text-characters`: a user's own text, from one file or from a folder with three files.

Decisions that the text leaves open are made here and reported in `TextData.notes`, which accompany every result:

- A single file is divided by position, at line ends: the first 80% for training, then 10% for validation and for test.
- Words are separated by white space and not changed; words that are not among the most frequent ones are <unk>.

A text that is empty, binary, not in UTF-8 or too short to be divided is an error.
"""

from dataclasses import replace
from pathlib import Path

from netwright.errors import DataError
from netwright.tasks.files import check_there, read_text
from netwright.tasks.identity import ContentDigest, DataIdentity
from netwright.tasks.text.data import TextData
from netwright.tasks.text.tokens import Unit, checksum, numbered

READER_VERSION = 1
"""Increment it when a change of the reader gives other tokens or other parts for the same files."""
MAX_VOCABULARY = 10_000
"""The size of the vocabulary of the Penn Treebank."""
FOLDER_FILES = (("train.txt",), ("validation.txt", "valid.txt"), ("test.txt",))
EXPECTED = "expected a text file in UTF-8, or a folder with train.txt, validation.txt (or valid.txt) and test.txt"


def find_text(path: Path | None) -> Path:
    """Return `path`; raise `DataError` if it is neither a file nor a folder with the three files."""
    if path is None:
        raise DataError(f"a text of your own needs --data PATH; {EXPECTED}")
    path = path.expanduser()
    check_there(path, EXPECTED)
    if path.is_dir():
        _files_of(path)
    return path


def load_text(path: Path | None, unit: Unit, *, max_vocabulary: int = MAX_VOCABULARY) -> TextData:
    """Read and tokenise the text at `path`.

    The name of the data is that of the file or folder with eight digits of the checksum of its identity.

    Args:
        path: a file, or a folder with three files.
        unit: words or characters.
        max_vocabulary: largest size of the vocabulary, which is taken from the training part.

    Raises:
        DataError: the text is missing, empty, binary, not in UTF-8 or too short to be divided.
    """
    path = find_text(path)
    notes: tuple[str, ...] = ()
    digest = ContentDigest()
    files = _files_of(path) if path.is_dir() else [path]
    parts = [read_text(file, digest) for file in files]
    if not path.is_dir():
        parts = _divided(path, parts[0])
        notes = ("divided by position: the first 80% to train on, then 10% to validate and 10% to test",)
    data = numbered("", parts, unit, max_vocabulary=max_vocabulary, notes=notes)
    identity = DataIdentity(
        sha256=digest.hexdigest(),
        reader="text",
        version=READER_VERSION,
        extent=f"{sum(map(len, parts)):,} characters",
        older=checksum(data),
    )
    return replace(data, name=identity.named(path.resolve().name), identity=identity)


def _files_of(folder: Path) -> list[Path]:
    """Return the file of each part, the first of its possible names that exists."""
    found = [[folder / name for name in names if (folder / name).is_file()] for names in FOLDER_FILES]
    missing = [names[0] for names, files in zip(FOLDER_FILES, found, strict=True) if not files]
    if missing:
        raise DataError(f"the data folder {folder} lacks {', '.join(missing)}; {EXPECTED}")
    return [files[0] for files in found]


def _divided(path: Path, text: str) -> list[str]:
    """Divide a text into the first 80%, the next 10% and the rest, each extended to the end of its last line."""
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
