"""All errors that netwright raises for its users, and messages that several rooms share.

A message states what is wrong, the actual value, the rule and the remedy.
"""

import shlex
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


class NetwrightError(Exception):
    """The base of all errors below; `exit_code` is that of the command line."""

    exit_code = 2


class ConfigError(NetwrightError):
    """A setting, name or option that cannot be used."""


class SpaceError(NetwrightError):
    """A search space, or a list of actions, that breaks the rules of a space."""


class DataError(NetwrightError):
    """A data file or folder that is missing, truncated, foreign or corrupted."""


class StoreError(NetwrightError):
    """A run folder or its store that cannot be read, written or continued."""


class RunError(NetwrightError):
    """A search that had to stop; finished trials are kept."""

    exit_code = 1


class ChildError(NetwrightError):
    """A child whose training diverged; in a search this is a failed trial."""

    exit_code = 1


def command(*arguments: object) -> str:
    """Return a command line of netwright for a message, quoted so that it can be pasted into a shell."""
    return shlex.join(["netwright", *map(str, arguments)])


def disk_failure(place: Path | str, reason: object, kept: str) -> RunError:
    """Return the error for a disk that cannot be written.

    Args:
        place: The file or folder.
        reason: The message of the system.
        kept: What is not lost.
    """
    return RunError(
        f"the disk that holds {place} is full or failing ({reason}); {kept} is kept: free some space and run the same "
        "command again"
    )


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Return the message for an unknown `name`: with the nearest known one, or else all of them."""
    names = sorted(known)
    nearest = get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {nearest[0]!r}?" if nearest else "known: " + ", ".join(names)
    return f"unknown {kind} {name!r}; {hint}"
