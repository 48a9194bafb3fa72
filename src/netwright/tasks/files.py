"""A text file as a string of lines, or an error that says what is wrong with it."""

import gzip
import os
import zlib
from pathlib import Path

from netwright.errors import DataError

MEMORY_PER_BYTE = 32
"""Bytes of memory that a byte of text may need: token numbers of 8 bytes, words and their counts, copies in between."""


def read_text(path: Path) -> str:
    """The text in the UTF-8 file at `path`; see `read_bytes` and `decoded`."""
    return decoded(path, read_bytes(path))


def read_bytes(path: Path) -> bytes:
    """The content of `path`, unpacked where its name ends with .gz.

    Raises DataError for a file that cannot be read, and before reading one whose text could need more memory than the
    machine has. What the machine has in all counts, and not what is free now, so that the answer never changes.
    """
    largest = physical_memory() // MEMORY_PER_BYTE
    try:
        if path.stat().st_size > largest:
            raise _too_large(path, path.stat().st_size, largest)
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read(largest + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path} cannot be read: {error}; expected a text file that is complete and readable"
        ) from error
    if len(content) > largest:
        raise _too_large(path, len(content), largest)
    return content


def decoded(path: Path, content: bytes) -> str:
    """`content` of the file at `path` as text: lines that end with a line feed, the last one too.

    A byte order mark is dropped; a carriage return, with or without a line feed, is a line end. Raises DataError for
    what is empty, binary or not UTF-8.
    """
    nul = content.find(b"\0")
    if nul >= 0:
        raise DataError(
            f"{path} is no text: its byte {nul:,} is 0, as in binary files and in UTF-16; expected a text in UTF-8, "
            "save or convert it as that"
        )
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not in UTF-8: its byte {error.start:,} is 0x{content[error.start]:02x} ({error.reason}); "
            "save it as UTF-8, or convert it: iconv -f ENCODING -t UTF-8"
        ) from error
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise DataError(f"{path} is empty: no word in {len(content):,} bytes; expected a text in UTF-8")
    return text if text.endswith("\n") else text + "\n"


def physical_memory() -> int:
    """Bytes of memory that this machine has in all."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _too_large(path: Path, size: int, largest: int) -> DataError:
    return DataError(
        f"{path} has {size:,} bytes or more, and its tokens may need {MEMORY_PER_BYTE} times as many; on this machine "
        f"a text may have {largest:,} bytes; cut it, for example with: head -c {largest}"
    )
