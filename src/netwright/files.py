"""Files that are whole or not there at all, whatever stops this process and whoever reads at that moment."""

import tempfile
from contextlib import suppress
from pathlib import Path

from netwright.errors import ConfigError, disk_failure


def write_whole(path: Path, content: bytes) -> None:
    """Write a file for people; `ConfigError` where that is impossible.

    `content` goes to another name in the same folder, which is then renamed.
    """
    unfinished = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            unfinished = Path(file.name)
            file.write(content)
        unfinished.chmod(0o644)  # a temporary file is its owner's alone
        unfinished.replace(path)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}; choose another -o") from None
    finally:
        if unfinished is not None:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)


def make_folder_of(path: Path) -> None:
    """Make the folder that a file for people goes to, where it is missing; `ConfigError` where that is impossible."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"cannot write {path}: its folder {path.parent} cannot be made ({error.strerror}); choose another -o"
        ) from None


def replace_whole(path: Path, content: bytes) -> None:
    """Write what a training goes on from in a folder of this process's own; `RunError` where the disk is full."""
    unfinished = path.with_name(path.name + ".new")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except OSError as error:
        raise disk_failure(path.parent, error.strerror, "what was trained before") from error
