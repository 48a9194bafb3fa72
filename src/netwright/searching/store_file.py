"""The file of a run's store: its name, what identifies it, and SQLite's errors in netwright's words."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from netwright.errors import StoreError, disk_failure

FILE_NAME = "run.sqlite"


def file_identity(folder: Path) -> tuple[int, int] | None:
    """Return what identifies the store's file, whatever its name is; None if there is none in `folder`."""
    try:
        found = (folder / FILE_NAME).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def explained(folder: Path | None, *, untouched: bool = True) -> Iterator[None]:
    """Convert SQLite's errors to netwright's; `untouched` is whether nothing was written to the store."""
    try:
        yield
    except sqlite3.OperationalError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise disk_failure(folder or "the temporary files", error, "every trial finished before") from error
        raise StoreError(f"cannot use {file_name(folder)}: {error}") from error
    except sqlite3.DatabaseError as error:
        raise corrupted(folder, str(error), untouched=untouched) from error


def corrupted(folder: Path | None, reason: str, *, untouched: bool) -> StoreError:
    """Return the error for a damaged store; see `explained`."""
    return StoreError(
        f"{file_name(folder)} is corrupted or no netwright store ({reason}); restore it from a copy, or start "
        f"the run anew in another --out{'. The file was not touched' if untouched else ''}"
    )


def file_name(folder: Path | None) -> str:
    """Return the store's file, for messages."""
    return str(folder / FILE_NAME) if folder else "the store in memory"
