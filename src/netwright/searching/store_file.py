"""The file of a store, which may come from somebody else: what it may be, and SQLite's errors as netwright's.

A store consists of regular files of limited size. Views, triggers, virtual tables, computed columns and conditions are
programs that SQLite would run when a table is read or written; netwright's stores have none, so a file with any of them
is refused before its first row is read.
"""

import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from netwright.errors import StoreError, disk_failure
from netwright.files import check_own_file

FILE_NAME = "run.sqlite"
FORMAT = 2
"""Incremented when older versions cannot read the new format; since 2 trials may be stopped early."""
APPLICATION_ID = 0x6E77_7274
"""Marks the file as netwright's ("nwrt")."""

SCHEMA = """
CREATE TABLE documents (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE trials (
    number INTEGER PRIMARY KEY, state TEXT NOT NULL, parameters TEXT NOT NULL, actions TEXT NOT NULL,
    architecture TEXT NOT NULL, policy_version INTEGER NOT NULL, reward REAL, metrics TEXT NOT NULL, seconds REAL,
    reused_from INTEGER, error TEXT, failure_kind TEXT);
CREATE TABLE updates (round INTEGER PRIMARY KEY, metrics TEXT NOT NULL);
CREATE TABLE strategy (id INTEGER PRIMARY KEY CHECK (id = 0), "values" TEXT NOT NULL, tensors BLOB NOT NULL);
CREATE TABLE confirmations (
    fingerprint TEXT NOT NULL, repeat INTEGER NOT NULL, metrics TEXT NOT NULL, seconds REAL NOT NULL, error TEXT,
    PRIMARY KEY (fingerprint, repeat));
"""
DAMAGED_TRIALS = """
SELECT number FROM trials WHERE NOT json_valid(parameters) OR json_type(parameters) <> 'object'
OR NOT json_valid(actions) OR json_type(actions) <> 'array' OR NOT json_valid(architecture) LIMIT 1
"""
"""What is decoded only when it is needed is checked when a store is read, so that damage is noticed early."""
ADDED_SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions (begun REAL NOT NULL, workers INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS work (begun REAL NOT NULL, seconds REAL NOT NULL);
CREATE TABLE IF NOT EXISTS retrainings (
    fingerprint TEXT NOT NULL, epochs INTEGER NOT NULL, repeat INTEGER NOT NULL, metrics TEXT NOT NULL,
    seconds REAL NOT NULL, error TEXT, PRIMARY KEY (fingerprint, epochs, repeat));
"""
"""Missing in stores that are older than these tables; older readers ignore them.

A retraining with the epochs of the search is in `confirmations`, one with more epochs in `retrainings`.
"""
SIDE_FILES = ("", "-wal", "-shm", "-journal", ".new", ".new-wal", ".new-shm", ".new-journal")
"""What SQLite and `Store.create` add to the name of a store for the files beside it."""
LARGEST_STORE = 4 << 30
"""Bytes of a store with its log, which is copied into memory to be read. 100,000 trials need about 0.2 GB."""
LARGEST_VALUE = 256 << 20
"""Bytes of one value. The largest is the state of the strategy, with 4 to 12 bytes for each of its parameters."""
LONGEST_QUERY_SECONDS = 60.0
"""Reading 100,000 trials takes about a second."""
INSTRUCTIONS_BETWEEN_LOOKS = 1_000_000
"""Of SQLite's virtual machine, which executes some ten million a second."""
NAMES_ANOTHER_FILE = bytes.fromhex("d9d505f920a163d7")
"""The last bytes of a journal that belongs to several databases; SQLite may delete the file that it names."""

_NAME = r'(?:\w+|"\w+")'
_COLUMN = rf"{_NAME}(?: (?:TEXT|REAL|INTEGER|BLOB))?(?: NOT NULL| PRIMARY KEY| CHECK \(id = 0\))*"
_KEY = rf"PRIMARY KEY \({_NAME}(?:,\s*{_NAME})*\)"
PLAIN_TABLE = re.compile(rf"CREATE TABLE {_NAME}\s*\(\s*{_COLUMN}(?:,\s*{_COLUMN})*(?:,\s*{_KEY})?\s*\)")
"""SQLite obeys the text of a definition; its columns `type` and `rootpage` can be wrong."""


def check_files(path: Path) -> None:
    """Check the files of the store at `path` without opening them; they may be missing.

    Raises:
        StoreError: One of them is no regular file, or they are too large.
    """
    files = [path.with_name(path.name + suffix) for suffix in SIDE_FILES]
    for file in files:
        check_own_file(file)
    size = sum(map(_size, files))
    if size > LARGEST_STORE:
        raise StoreError(
            f"{path} has {size:,} bytes with its side files; expected at most {LARGEST_STORE:,}, since it is read into "
            "memory; choose another folder"
        )
    journal = files[SIDE_FILES.index("-journal")]
    if _names_another_file(journal):
        raise StoreError(f"{journal} names another file to be deleted; expected the journal of one store; remove it")


def _size(file: Path) -> int:
    """Return the size of a file; 0 if it is gone, as SQLite removes its side files at any time."""
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _names_another_file(journal: Path) -> bool:
    try:
        with journal.open("rb") as file:
            file.seek(-min(len(NAMES_ANOTHER_FILE), _size(journal)), os.SEEK_END)
            return file.read() == NAMES_ANOTHER_FILE
    except OSError:
        return False


def limited(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Limit what a statement of `connection` can do, and return it."""
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LARGEST_VALUE)
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def check_schema(connection: sqlite3.Connection, path: Path | str) -> None:
    """Check that a database consists of tables with plain columns and of their own indexes.

    Raises:
        StoreError: There is anything else.
    """
    with in_time(connection), closing(connection.cursor()) as cursor:
        for kind, name, definition in cursor.execute("SELECT type, name, sql FROM sqlite_master"):
            is_own_index = kind == "index" and definition is None
            if not (is_own_index or (isinstance(definition, str) and PLAIN_TABLE.fullmatch(definition))):
                raise StoreError(
                    f"{path} holds {name!r}, a {kind} that netwright does not make and that could run a program; "
                    "expected tables of plain columns only; choose another folder. The file was not touched"
                )


@contextmanager
def in_time(connection: sqlite3.Connection) -> Iterator[None]:
    """End a statement that runs longer than any on a store of netwright's: it raises `sqlite3.OperationalError`."""
    end = time.monotonic() + LONGEST_QUERY_SECONDS
    connection.set_progress_handler(lambda: time.monotonic() > end, INSTRUCTIONS_BETWEEN_LOOKS)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 0)


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
        if code == sqlite3.SQLITE_INTERRUPT:
            raise StoreError(
                f"cannot read {_file(folder)}: a query ran for more than {LONGEST_QUERY_SECONDS:g} seconds; expected "
                "less than one for a store of netwright's; choose another folder"
            ) from error
        raise StoreError(f"cannot use {_file(folder)}: {error}") from error
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_TOOBIG:
            raise StoreError(
                f"{_file(folder)} holds, or would hold, a value of more than {LARGEST_VALUE:,} bytes, the largest that "
                "is read; choose another folder"
            ) from error
        raise corrupted(folder, str(error), untouched=untouched) from error


def corrupted(folder: Path | None, reason: str, *, untouched: bool) -> StoreError:
    """Return the error for a store whose content cannot be understood; see `explained`."""
    return StoreError(
        f"{_file(folder)} is corrupted or no netwright store ({reason}); restore it from a copy, or start "
        f"the run anew in another --out{'. The file was not touched' if untouched else ''}"
    )


def _file(folder: Path | None) -> str:
    return str(folder / FILE_NAME) if folder else "the store in memory"
