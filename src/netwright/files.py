"""Files that are complete or absent, that are regular files and no links, and folders with one writer at a time.

A run, model or comparison folder may come from somebody else. What is read is a regular file of limited size, reached
through a link or not; a pipe or device could block or never end. What is written replaces a regular file or nothing,
and never follows a link inside such a folder, which could lead to any file of the user's. The folder itself may be a
link.
"""

import errno
import fcntl
import os
import stat
import tempfile
from contextlib import suppress
from io import BufferedReader
from pathlib import Path

import filelock

from netwright.errors import ConfigError, StoreError, disk_failure

LOCK_NAME = "run.lock"
LARGEST_JSON = 64 << 20
"""Bytes of a JSON file that is read. The record of a run of 100,000 trials has 6 MB."""
LARGEST_WEIGHTS = 8 << 30
"""Bytes of a file with weights, or with a checkpoint, which has up to three numbers for each weight."""
KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


class UnusableFileError(OSError):
    """A file that is not read, since it is no regular file or too large; `strerror` says what it is."""

    def __str__(self) -> str:
        return str(self.strerror)


def is_file(path: Path) -> bool:
    """Return whether `path` leads to a regular file; False where `Path.is_file` raises, since it may not be reached."""
    return stat.S_ISREG(_mode(path))


def is_no_folder(path: Path) -> bool:
    """Return whether something other than a folder is there; False if it may not be reached."""
    mode = _mode(path)
    return mode != 0 and not stat.S_ISDIR(mode)


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except OSError:
        return 0


def check_readable(path: Path, largest: int) -> None:
    """Check that `path` leads to a regular file of at most `largest` bytes, without opening it.

    Raises:
        OSError: Anything else is there, or nothing; `strerror` says what.
    """
    _check(path, path.stat(), largest)


def open_regular(path: Path, largest: int) -> BufferedReader:
    """Open a regular file of at most `largest` bytes for reading; raise `OSError` if it is anything else."""
    check_readable(path, largest)  # before it is opened: opening a device can have effects
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        _check(path, os.fstat(number), largest)  # it may have been exchanged meanwhile
        return os.fdopen(number, "rb")
    except BaseException:
        os.close(number)
        raise


def read_whole(path: Path, largest: int) -> bytes:
    """Return the content of a regular file of at most `largest` bytes; raise `OSError` if it is anything else."""
    with open_regular(path, largest) as file:
        content = file.read(largest + 1)
    if len(content) > largest:  # it has grown meanwhile, or its size is not known, as in /proc
        raise _too_large(path, len(content), largest)
    return content


def _check(path: Path, about: os.stat_result, largest: int) -> None:
    if not stat.S_ISREG(about.st_mode):
        raise UnusableFileError(errno.EINVAL, f"it is {_kind(about)}, not a regular file", str(path))
    if about.st_size > largest:
        raise _too_large(path, about.st_size, largest)


def _kind(about: os.stat_result) -> str:
    return KINDS.get(stat.S_IFMT(about.st_mode), "no regular file")


def _too_large(path: Path, size: int, largest: int) -> UnusableFileError:
    return UnusableFileError(errno.EFBIG, f"it has {size:,} bytes, more than {largest:,}", str(path))


def obstacle(path: Path) -> str | None:
    """Return what `path` is, such as "a symbolic link", if it is neither a regular file nor absent.

    Links are not followed. A file that cannot be looked at counts as absent: writing it fails with the reason.
    """
    try:
        about = path.lstat()
    except OSError:
        return None
    return None if stat.S_ISREG(about.st_mode) else _kind(about)


def check_own_file(path: Path) -> None:
    """Check that nothing but a regular file of a run, model or comparison folder would be written.

    Raises:
        StoreError: `path` is a link, pipe, device or folder.
    """
    if found := obstacle(path):
        raise StoreError(
            f"{path} is {found}; expected a regular file of the folder, for nothing else is written or replaced; "
            "remove it, or choose another folder"
        )


def check_own_folder(path: Path) -> None:
    """Check that a folder inside a run, model or comparison folder is no link.

    Raises:
        StoreError: It is one.
    """
    if path.is_symlink():
        raise StoreError(
            f"{path} is a symbolic link to {path.readlink()}, and nothing is written through a link inside such a "
            "folder; remove it, or let the whole folder be the link"
        )


def utf8(text: str) -> bytes:
    """Encode text, in which each byte of a file name that could not be decoded becomes a replacement character."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def write_whole(path: Path, content: bytes) -> None:
    """Write an output file that is complete or absent, whenever this process stops.

    `content` is written under a temporary name in the same folder, which is then renamed. A link is not followed, and
    whatever is no regular file stays.

    Raises:
        ConfigError: The file cannot be written.
    """
    if found := obstacle(path):
        raise ConfigError(
            f"cannot write {path}: it is {found}, and only regular files are replaced; remove it, or choose another -o"
        )
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
        StoreError: A link, pipe or device is in the place of the checkpoint or its new version.
    """
    unfinished = path.with_name(path.name + ".new")
    for place in (path, unfinished):
        check_own_file(place)
    try:
        unfinished.unlink(missing_ok=True)
        with unfinished.open("xb") as file:
            file.write(content)
        unfinished.replace(path)
    except OSError as error:
        raise disk_failure(path.parent, error.strerror, "what was trained before") from error


def locked(folder: Path) -> filelock.BaseFileLock:
    """Acquire the lock that lets this process alone write a folder; it is released when the process ends.

    Returns:
        The lock, acquired.

    Raises:
        StoreError: Another process holds the lock, or the folder cannot be written, or the lock is no regular file.
    """
    check_own_file(folder / LOCK_NAME)  # the lock's file is emptied, also the one that a link leads to
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
        with open_regular(folder / LOCK_NAME, LARGEST_JSON) as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
