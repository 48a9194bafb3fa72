"""The task `parallel`: a user's folder with the same lines in two languages.

The folder has six files, plain or with .gz, whose suffixes are the names of the languages:

    train.de  train.en  valid.de  valid.en  test.de  test.en

`validation` and `val` mean `valid`. The lines are used as they are, without white space at their ends. A folder in
which files are missing, more than two languages occur, or a line has no counterpart is an error.
"""

import re
from collections import defaultdict
from pathlib import Path

from netwright.errors import DataError
from netwright.tasks.files import check_there, read_text
from netwright.tasks.identity import ContentDigest, DataIdentity
from netwright.tasks.text.parallel.data import ParallelText, paired

READER_VERSION = 1
"""Increment it when a change of the reader gives other lines or other parts for the same files."""
PARTS = {"train": "train", "valid": "valid", "validation": "valid", "val": "valid", "test": "test"}
"""The part that a file's name means."""
EXPECTED = (
    "expected a folder with train.XX, valid.XX (or validation.XX or val.XX) and test.XX, plain or with .gz, for two "
    "languages XX, such as train.de and train.en"
)

Files = dict[tuple[str, str], Path]
"""The file of each part and language, for example of ("train", "de")."""


def find_parallel(folder: Path | None) -> Path:
    """Return `folder`; raise `DataError` if it does not hold the six files."""
    if folder is None:
        raise DataError(f"a parallel text of your own needs --data FOLDER; {EXPECTED}")
    folder = folder.expanduser()
    check_there(folder, EXPECTED)
    _files_of(folder)
    return folder


def load_parallel(folder: Path | None) -> ParallelText:
    """Read the parallel text in `folder`, whose default direction is the alphabetical order of the languages.

    The name of the data is that of the folder with eight digits of the checksum of its identity.

    Raises:
        DataError: A file is missing, empty, binary or not in UTF-8, a line is empty, the two files of a part have
            different numbers of lines, or there are not exactly two languages.
    """
    folder = find_parallel(folder)
    files = _files_of(folder)
    source, target = sorted({language for _, language in files})
    digest = ContentDigest((source, target))
    train, validation, test = (
        paired({language: (path := files[part, language], read_text(path, digest)) for language in (source, target)})
        for part in ("train", "valid", "test")
    )
    sizes = " + ".join(f"{len(part[source]):,}" for part in (train, validation, test))
    sha256 = digest.hexdigest()
    identity = DataIdentity(sha256, "parallel", READER_VERSION, f"{sizes} pairs of lines", older=sha256[:8])
    note = (
        f"the default direction is {source} to {target}, the alphabetical order; for the other one add "
        f"--set evaluate.source={target} --set evaluate.target={source}"
    )
    return ParallelText(
        identity.named(folder.resolve().name), (source, target), train, validation, test, (note,), identity
    )


def _files_of(folder: Path) -> Files:
    """Return the six files of a folder; raise `DataError` if there are others, or some are missing."""
    if not folder.is_dir():
        raise DataError(f"the data {folder} is no folder; {EXPECTED}")
    found = _candidates(folder)
    languages = sorted({language for _, language in found})
    if len(languages) != 2:
        names = f"the languages {', '.join(languages)}" if languages else "no files of a parallel text"
        raise DataError(f"the data folder {folder} has {names}; {EXPECTED}, and of no others")
    missing = [
        f"{part}.{language}"
        for part in ("train", "valid", "test")
        for language in languages
        if (part, language) not in found
    ]
    if missing:
        raise DataError(f"the data folder {folder} lacks {', '.join(missing)}; {EXPECTED}")
    for (part, language), paths in found.items():
        if len(paths) > 1:
            names = " and ".join(path.name for path in paths)
            raise DataError(
                f"the data folder {folder} has {names}, which are the same part; expected one file for "
                f"{part}.{language}: remove the others"
            )
    return {which: path for which, [path] in found.items()}


def _candidates(folder: Path) -> dict[tuple[str, str], list[Path]]:
    """Return the files of a folder that could be those of a part and language."""
    found = defaultdict(list)
    for path in sorted(folder.iterdir()):
        match = re.fullmatch(r"(\w+)\.([\w-]+)(\.gz)?", path.name)
        if match and match[1] in PARTS and path.is_file():
            found[PARTS[match[1]], match[2]].append(path)
    return found
