"""A run on disk: one SQLite file in the run's folder, written in whole transactions, by one process at a time.

    with Store.create(folder, document) as store:   # or Store.open(folder)
        store.commit(step.trials, step.updates, step.state())

What a commit holds is there after `kill -9`; a commit that did not finish leaves nothing behind.
"""

import json
import math
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import filelock

from netwright.architectures.values import JsonObject
from netwright.errors import StoreError
from netwright.files import is_file, is_no_folder, locked
from netwright.searching.accepted_changes import AcceptedChange, marked
from netwright.searching.store_file import (
    ADDED_SCHEMA,
    APPLICATION_ID,
    DAMAGED_TRIALS,
    FORMAT,
    SCHEMA,
    check_files,
    check_schema,
    corrupted,
    explained,
    file_identity,
    in_time,
    limited,
)
from netwright.searching.store_file import FILE_NAME as FILE_NAME
from netwright.searching.stored_trials import row_of, trial_of
from netwright.spaces.programs import Space
from netwright.trials import Outcome, StrategyState, Trial, Update


@dataclass(frozen=True)
class Confirmation:
    """One retraining of an architecture with a fresh seed; `metrics` is empty where `error` says why it failed."""

    fingerprint: str
    repeat: int
    metrics: Mapping[str, Any]
    seconds: float
    error: str | None = None
    epochs: int | None = None
    """None: those of the search."""

    @property
    def key(self) -> tuple[str, int | None, int]:
        """What identifies it: architecture, epochs, repeat."""
        return self.fingerprint, self.epochs, self.repeat


@dataclass(frozen=True)
class Session:
    """The period from one start of a run to the next, with its workers and their work.

    Times in seconds since 1970; `work` holds (begun, seconds) of every job whose times are known.
    """

    begun: float
    workers: int
    work: tuple[tuple[float, float], ...]


class Store:
    """The file of one run. `folder` is None for a run that is kept in memory only."""

    def __init__(self, connection: sqlite3.Connection, folder: Path | None, lock: filelock.BaseFileLock | None) -> None:
        self.folder = folder
        self._connection, self._lock = connection, lock
        self._file = None if folder is None or lock is None else file_identity(folder)
        self._untouched = True
        """Whether nothing was written since the store was opened."""

    @classmethod
    def in_memory(cls, documents: Mapping[str, Any]) -> Self:
        """Return a store in memory, lost with the process."""
        store = cls(_in_memory(), None, None)
        store._initialise(documents)
        return store

    @classmethod
    def create(cls, folder: Path, documents: Mapping[str, Any]) -> Self:
        """Create a store in `folder`, which is created if missing; JSON `documents` describe the run."""
        if is_no_folder(folder):
            raise StoreError(f"{folder} is a file, not a folder; choose another --out")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"cannot make the run folder {folder}: {error.strerror}; choose another --out") from None
        check_files(folder / FILE_NAME)
        lock = locked(folder)
        try:
            with explained(folder):
                # Made whole under another name first: a run folder holds a complete store or none.
                unfinished = folder / (FILE_NAME + ".new")
                unfinished.unlink(missing_ok=True)
                with closing(sqlite3.connect(unfinished, isolation_level=None)) as connection:
                    cls(connection, folder, None)._initialise(documents)
                unfinished.replace(folder / FILE_NAME)
                return cls(_connect(folder / FILE_NAME), folder, lock)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open the store of an existing run for writing; raise `StoreError` while another process writes it."""
        _require(folder)
        lock = locked(folder)
        try:
            with explained(folder):
                store = cls(_connect(folder / FILE_NAME), folder, lock)
                store._check_format()
                store._check_structure()
        except BaseException:
            lock.release()
            raise
        return store

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Return a read-only snapshot of a run's store, also while a search writes it."""
        _require(folder)
        path = folder / FILE_NAME
        with explained(folder):
            # A finished run on a read-only disk has no side files, and SQLite could not make them there.
            side_files = path.with_name(path.name + "-wal").exists()
            uri = f"{path.resolve().as_uri()}?mode=ro{'' if side_files else '&immutable=1'}"
            # All of it at one moment, since it is read piece by piece, and the next piece may be newer.
            with closing(limited(sqlite3.connect(uri, uri=True, isolation_level=None))) as connection:
                store = cls(_in_memory(), folder, None)
                connection.backup(store._connection)
            store._check_format()
        return store

    def _initialise(self, documents: Mapping[str, Any]) -> None:
        with self._transaction() as cursor:
            for statement in (SCHEMA + ADDED_SCHEMA).split(";"):
                cursor.execute(statement)
            cursor.executemany(
                "INSERT INTO documents VALUES (?, ?)", [(name, json.dumps(value)) for name, value in documents.items()]
            )
            cursor.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            cursor.execute(f"PRAGMA user_version = {FORMAT}")

    def _check_format(self) -> None:
        path = self.folder / FILE_NAME if self.folder else FILE_NAME
        with ExitStack() as refused:
            refused.callback(self._connection.close)
            if self._connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
                raise StoreError(f"{path} is an SQLite file, but not one of netwright's; choose another folder")
            found = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if found > FORMAT:
                raise StoreError(
                    f"{path} was written by a newer netwright (store format {found}, this one reads up to {FORMAT}); "
                    "upgrade netwright to continue it. The file was not touched"
                )
            with self.understood():
                check_schema(self._connection, path)
            refused.pop_all()

    def _check_structure(self) -> None:
        """Reject a damaged file, since later writes could be lost with it."""
        (found,) = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            self._connection.close()
            raise sqlite3.DatabaseError(found)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Cursor]:
        try:
            with explained(self.folder, untouched=False), closing(self._connection.cursor()) as cursor:
                self._prepare()
                cursor.execute("BEGIN IMMEDIATE")
                try:
                    yield cursor
                    cursor.execute("COMMIT")
                except BaseException:
                    if self._connection.in_transaction:
                        cursor.execute("ROLLBACK")
                    raise
        finally:
            self._check_in_place()

    def _prepare(self) -> None:
        """Before the first write, and not when the store is opened: a file that cannot be used remains as it is."""
        if self._file is not None and self._untouched:
            # In WAL mode NORMAL survives the death of the process at any moment; a power cut may cost the last commits.
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(ADDED_SCHEMA)
        self._untouched = False

    def _check_in_place(self) -> None:
        """Raise `StoreError` if the file was removed or moved: SQLite goes on writing a file that has no name."""
        if self._file is not None and self.folder is not None and file_identity(self.folder) != self._file:
            raise StoreError(
                f"the run folder {self.folder} was removed, moved or replaced while the run was being written, so "
                "nothing more can be kept and the run ends. If it was moved, move it back and give the same command "
                "again; if it was removed, its trials are lost, and the same command starts the run anew"
            )

    def commit(
        self,
        trials: Iterable[Trial],
        updates: Iterable[Update] = (),
        state: StrategyState | None = None,
        ended: Iterable[Outcome] = (),
    ) -> None:
        """Write changed trials, new updates, the strategy's state, and when jobs ran, in one transaction."""
        with self._transaction() as cursor:
            _write_times(cursor, ended)
            _write_trials(cursor, trials)
            cursor.executemany(
                "INSERT INTO updates VALUES (?, ?)",
                [(each.round, json.dumps(dict(each.metrics))) for each in updates],
            )
            if state is not None:
                cursor.execute(
                    "REPLACE INTO strategy VALUES (0, ?, ?)", (json.dumps(dict(state.values)), state.tensors)
                )

    def begin_session(self, begun: float, workers: int) -> None:
        """Record the start of a session; `begun` in seconds since 1970."""
        with self._transaction() as cursor:
            cursor.execute("INSERT INTO sessions VALUES (?, ?)", (begun, workers))

    def confirm(self, confirmation: Confirmation, ended: Outcome) -> None:
        """Write one retraining and the times of its job."""
        table = "confirmations" if confirmation.epochs is None else "retrainings"
        key = [part for part in confirmation.key if part is not None]
        row = (*key, json.dumps(dict(confirmation.metrics)), confirmation.seconds, confirmation.error)
        with self._transaction() as cursor:
            cursor.execute(f"REPLACE INTO {table} VALUES ({', '.join('?' * len(row))})", row)
            _write_times(cursor, [ended])

    def write_document(self, name: str, value: Any) -> None:
        """Set one of the documents that describe the run."""
        with self._transaction() as cursor:
            cursor.execute("REPLACE INTO documents VALUES (?, ?)", (name, json.dumps(value)))

    def accept(self, identity: JsonObject, accepted: AcceptedChange, trials: Iterable[Trial], *, relearn: bool) -> None:
        """Write, in one transaction, an accepted change, the new identity, and the `trials` whose states change.

        With `relearn` the strategy's state is removed, so that everything is learned again.
        """
        changes = [each.to_json() for each in (*self.accepted_changes(), accepted)]
        with self._transaction() as cursor:
            for name, value in (("identity", identity), ("accepted_changes", changes)):
                cursor.execute("REPLACE INTO documents VALUES (?, ?)", (name, json.dumps(value)))
            _write_trials(cursor, trials)
            if relearn:
                cursor.execute("DELETE FROM strategy")

    def document(self, name: str) -> Any:
        """Return one of the documents that describe the run."""
        found = self.find_document(name)
        if found is None:
            raise StoreError(f"{self.folder} lacks its {name}: the run was never completely created; remove the folder")
        return found

    def find_document(self, name: str) -> Any:
        """Return a document; None in a run that an older netwright began without it."""
        rows = self._rows("SELECT value FROM documents WHERE name = ?", (name,))
        with self.understood():
            return json.loads(rows[0]["value"]) if rows else None

    def accepted_changes(self) -> list[AcceptedChange]:
        """Return the changes of the space or of the code that were accepted, in order."""
        document = self.find_document("accepted_changes")
        with self.understood():
            return [AcceptedChange.from_json(each) for each in document or ()]

    def trials(self, space: Space | None = None) -> list[Trial]:
        """Every trial by number; architectures are values of `space` where it is given, else JSON."""
        damaged = self._rows(DAMAGED_TRIALS)
        rows = self._rows("SELECT * FROM trials ORDER BY number")
        with self.understood():
            if damaged:
                raise ValueError(f"trial {damaged[0]['number']} is damaged")
            trials = [trial_of(row, space, self.understood) for row in rows]
        accepted = self.accepted_changes()
        return marked(trials, accepted) if accepted else trials

    def updates(self) -> list[Update]:
        """Return the record of each learned batch, in order."""
        rows = self._rows("SELECT * FROM updates ORDER BY round")
        with self.understood():
            return [Update(row["round"], json.loads(row["metrics"])) for row in rows]

    def learned(self) -> list[int]:
        """The numbers of the learned batches in the order of learning; a single controller learns them in theirs."""
        return [update.batch for update in self.updates()]

    def strategy_state(self) -> StrategyState | None:
        """The strategy's state at the last commit that changed it."""
        rows = self._rows('SELECT "values", tensors FROM strategy')
        with self.understood():
            return StrategyState(json.loads(rows[0]["values"]), rows[0]["tensors"]) if rows else None

    def confirmations(self) -> list[Confirmation]:
        """All retrainings: those with the epochs of the search, then others; by architecture and repeat."""
        rows = self._rows("SELECT *, NULL AS epochs FROM confirmations ORDER BY fingerprint, repeat")
        if self._rows("SELECT 1 FROM sqlite_master WHERE name = 'retrainings'"):
            rows += self._rows("SELECT * FROM retrainings ORDER BY epochs, fingerprint, repeat")
        with self.understood():
            return [
                Confirmation(
                    row["fingerprint"], row["repeat"], json.loads(row["metrics"]), row["seconds"], row["error"],
                    row["epochs"],
                )
                for row in rows
            ]  # fmt: skip

    def sessions(self) -> list[Session]:
        """Every start of the run with what was done until the next one; none in a store without times."""
        if not self._rows("SELECT 1 FROM sqlite_master WHERE name = 'sessions'"):
            return []
        starts = self._rows("SELECT begun, workers FROM sessions ORDER BY begun")
        work = [tuple(row) for row in self._rows("SELECT begun, seconds FROM work ORDER BY begun")]
        bounds = pairwise([start["begun"] for start in starts] + [math.inf])
        return [
            Session(begun, start["workers"], tuple(each for each in work if begun <= each[0] < end))
            for start, (begun, end) in zip(starts, bounds, strict=True)
        ]

    @contextmanager
    def understood(self) -> Iterator[None]:
        """Convert errors in decoding the stored values, damage that SQLite does not detect, to `StoreError`."""
        try:
            yield
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise corrupted(self.folder, repr(error), untouched=self._untouched) from error

    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[sqlite3.Row]:
        with (
            self.understood(),
            explained(self.folder, untouched=self._untouched),
            closing(self._connection.cursor()) as cursor,
        ):
            cursor.row_factory = sqlite3.Row
            with in_time(self._connection):
                return cursor.execute(query, values).fetchall()

    def close(self) -> None:
        """Close the file and release the writer's lock."""
        self._connection.close()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def exists(folder: Path) -> bool:
    """Return whether `folder` holds a run."""
    return is_file(folder / FILE_NAME)


def _require(folder: Path) -> None:
    check_files(folder / FILE_NAME)
    if not exists(folder):
        what = "is a file, not a run folder" if is_no_folder(folder) else "holds no run"
        raise StoreError(f"{folder} {what}; expected a folder with {FILE_NAME}, as `netwright search` makes it")


def _connect(path: Path) -> sqlite3.Connection:
    with ExitStack() as refused:
        connection = limited(sqlite3.connect(path, isolation_level=None))
        refused.callback(connection.close)
        connection.execute("PRAGMA schema_version")  # reads the file's head, so that a file of another kind is refused
        refused.pop_all()
    return connection


def _in_memory() -> sqlite3.Connection:
    return limited(sqlite3.connect(":memory:", isolation_level=None))


def _write_trials(cursor: sqlite3.Cursor, trials: Iterable[Trial]) -> None:
    cursor.executemany("REPLACE INTO trials VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", map(row_of, trials))


def _write_times(cursor: sqlite3.Cursor, ended: Iterable[Outcome]) -> None:
    rows = [(outcome.begun, outcome.seconds) for outcome in ended if outcome.begun is not None]
    cursor.executemany("INSERT INTO work VALUES (?, ?)", rows)
