"""Reading text files, with errors that name the fault and its remedy."""

import gzip
import os
import zlib
from pathlib import Path

from netwright.errors import DataError
from netwright.files import open_regular
from netwright.tasks.identity import ContentDigest

MEMORY_PER_BYTE = 32
"""Bytes of memory for each byte of text: token numbers of 8 bytes, words and their counts, intermediate copies."""


def check_there(path: Path, expected: str) -> None:
    """Check that a user's data is there; `DataError` with what is `expected` if it is missing or may not be reached."""
    try:
        path.stat()
    except FileNotFoundError:
        raise DataError(f"the data {path} does not exist; {expected}") from None
    except OSError as error:
        raise DataError(f"the data {path} cannot be reached: {error.strerror}; {expected}") from None


def read_bytes(path: Path) -> bytes:
    """Return the content of `path`, decompressed if its name ends with .gz.

    The limit of size is relative to the machine's total memory, not to the free memory, so that the outcome is the same
    at every call.

    Raises:
        DataError: the file cannot be read, or its text could need more memory than the machine has.
    """
    largest = physical_memory() // MEMORY_PER_BYTE
    try:
        if path.stat().st_size > largest:
            raise _too_large(path, path.stat().st_size, largest)
        with open_regular(path, largest) as stored, gzip.open(stored) if path.suffix == ".gz" else stored as file:
            content = file.read(largest + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path} cannot be read: {error}; expected a text file that is complete and readable"
        ) from error
    if len(content) > largest:
        raise _too_large(path, len(content), largest)
    return content


def decoded(path: Path, content: bytes) -> str:
    """Decode the content of the file at `path` to lines that all end with a line feed.

    A byte order mark is removed; a carriage return, with or without a line feed, ends a line.

    Raises:
        DataError: the content is empty, binary or not UTF-8.
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


def read_text(path: Path, digest: ContentDigest) -> str:
    """Read and decode a file as `read_bytes` and `decoded` do, and add its bytes to `digest`."""
    content = read_bytes(path)
    digest.add(content)
    return decoded(path, content)


def physical_memory() -> int:
    """Return the total memory of this machine in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _too_large(path: Path, size: int, largest: int) -> DataError:
    return DataError(
        f"{path} has {size:,} bytes or more, and its tokens may need {MEMORY_PER_BYTE} times as many; on this machine "
        f"a text may have {largest:,} bytes; cut it, for example with: head -c {largest}"
    )
