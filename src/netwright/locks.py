"""One writer for each folder, by a lock that dies with its process."""

import fcntl
from pathlib import Path

import filelock

from netwright.errors import StoreError

LOCK_NAME = "run.lock"


def locked(folder: Path) -> filelock.BaseFileLock:
    """The lock of a folder that one process may write, taken; `StoreError` while another one has it."""
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
    """Whether a process holds the run's lock at this moment."""
    try:
        # Asked for reading only, so that it also works for a run that this user may not write.
        with (folder / LOCK_NAME).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
