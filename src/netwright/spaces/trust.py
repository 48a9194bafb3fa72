"""The user's trust list: the Python files that the user has named, each with the content that it had then.

A stored run may come from anyone, and it names the file of its recipe. Such a file is executed only if this list has
its absolute path and the SHA-256 of its content, or if the user trusts it for one command. Only the named file is
checked; what it imports is found and trusted as in any Python program.
"""

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

import filelock

from netwright.errors import ConfigError
from netwright.files import write_whole

VARIABLE = "NETWRIGHT_TRUST_CODE"
"""The environment variable that trusts the files of all stored runs, if it is 1."""
MAX_FILES = 1000
"""The files that were added or changed last are kept, so many of them."""
MAX_BYTES = 8 * 2**20
"""A larger list is damaged, and counts as empty."""
SECONDS_FOR_LOCK = 10.0


def remember(path: Path, content: bytes) -> None:
    """Add the file at the absolute `path` with its `content` to the trust list, in the place of earlier content.

    If the list cannot be written, the file is not added; nothing is raised.
    """
    with suppress(OSError, RuntimeError, NotImplementedError, ConfigError):
        location = _location()
        location.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with filelock.FileLock(location.with_suffix(".lock"), timeout=SECONDS_FOR_LOCK):
            trusted, name, digest = _read(location), str(path), _digest(content)
            if trusted.pop(name, None) != digest:
                kept = list(trusted.items())[1 - MAX_FILES :]
                write_whole(location, json.dumps({**dict(kept), name: digest}, indent=1).encode())


def is_listed(path: Path, content: bytes | None = None) -> bool:
    """Return whether the trust list has the file at `path`; with `content`, whether it has it with this content."""
    listed = None
    with suppress(OSError, RuntimeError):
        listed = _read(_location()).get(str(path))
    return listed is not None and (content is None or listed == _digest(content))


def trusts_all() -> bool:
    """Return whether the environment trusts the files of all stored runs."""
    return os.environ.get(VARIABLE) == "1"


def refusal(path: Path) -> ConfigError:
    """Return the error for a file that a stored run names and that is not trusted."""
    return ConfigError(
        f"the run needs the Python file {path}, which no command of yours has named with its present content; if you "
        f"trust this file, add --trust-code to the command, or set {VARIABLE}=1"
    )


def _location() -> Path:
    """Return the list's file by the XDG rules, which ignore relative paths; `RuntimeError` without a home folder."""
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    return (state if state.is_absolute() else Path.home() / ".local" / "state") / "netwright" / "trusted.json"


def _read(location: Path) -> dict[str, str]:
    """Return SHA-256 by absolute path; nothing where there is no list or a damaged one."""
    try:
        with location.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        document = json.loads(content) if len(content) <= MAX_BYTES else None
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    if not isinstance(document, dict):
        return {}
    return {name: digest for name, digest in document.items() if isinstance(digest, str)}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
