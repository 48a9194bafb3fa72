"""Files that are complete or absent, and folders with one writer at a time."""

import fcntl
import tempfile
from contextlib import suppress
from pathlib import Path

import filelock

from netwright.errors import ConfigError, StoreError, disk_failure

LOCK_NAME = "run.lock"


def write_whole(path: Path, content: bytes) -> None:
    """Write an output file that is complete or absent, whenever this process stops.

    `content` is written under a temporary name in the same folder, which is then renamed.

    Raises:
        ConfigError: The file cannot be written.
    """
    unfinished = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            unfinished = Path(file.name)
            file.write(content)
        unfinished.chmod(0o644)  # temporary files are readable by their owner only
        unfinished.replace(path)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}; choose another -o") from None
    finally:
        if unfinished is not None:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)


def make_folder_of(path: Path) -> None:
    """Create the folder of an output file if it is missing.

    Raises:
        ConfigError: The folder cannot be created.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"cannot write {path}: its folder {path.parent} cannot be made ({error.strerror}); choose another -o"
        ) from None


def replace_whole(path: Path, content: bytes) -> None:
    """Replace a checkpoint in a folder that only this process writes.

    Raises:
        RunError: The disk is full or fails.
    """
    unfinished = path.with_name(path.name + ".new")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except OSError as error:
        raise disk_failure(path.parent, error.strerror, "what was trained before") from error


def locked(folder: Path) -> filelock.BaseFileLock:
    """Acquire the lock that lets this process alone write a folder; it is released when the process ends.

    Returns:
        The lock, acquired.

    Raises:
        StoreError: Another process holds the lock, or the folder cannot be written.
    """
    lock = filelock.FileLock(folder / LOCK_NAME)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        raise StoreError(
            f"another process is writing {folder}; wait for it, stop it, or choose another --out"
        ) from None
    except OSError as error:
        raise StoreError(f"cannot write in {folder}: {error.strerror}; choose another --out") from None
    return lock


def is_being_written(folder: Path) -> bool:
    """Return whether a process holds the folder's lock now."""
    try:
        # Opened for reading only, so that this also works for a run that this user may not write.
        with (folder / LOCK_NAME).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
