"""All errors that netwright raises for its users, and messages that several rooms share.

A message states what is wrong, the actual value, the rule and the remedy.
"""

import json
import re
import shlex
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from importlib.metadata import distribution
from pathlib import Path
from urllib.parse import unquote, urlsplit

CONTROL_CHARACTERS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""C0 and C1 without tab and line feed, DEL, separators of lines, marks of direction, lone surrogates."""


def printable(text: str, *, one_line: bool = False) -> str:
    """Escape characters that would control a terminal instead of being shown.

    Names, notes and errors may come from files of others: an escape sequence in them could move the cursor, hide text
    or change the clipboard.

    Args:
        text: Any text.
        one_line: Escape tabs and line feeds too; for a name or a line of a table.

    Returns:
        The text with escapes such as \\x1b; a byte of a file name that is not UTF-8 is escaped as that byte.
    """
    shown = CONTROL_CHARACTERS.sub(_escaped, text)
    return shown.replace("\n", "\\n").replace("\t", "\\t") if one_line else shown


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:  # Python's surrogate for a byte that cannot be decoded
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


class NetwrightError(Exception):
    """The base of all errors below; `exit_code` is that of the command line.

    Control characters in a message, for example of a file's name, are escaped.
    """

    exit_code = 2

    def __init__(self, *args: object) -> None:
        super().__init__(*(printable(each) if isinstance(each, str) else each for each in args))


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


def install(extra: str) -> str:
    """Return the command that installs an optional extra, from the folder from which netwright was installed."""
    direct = distribution("netwright").read_text("direct_url.json")
    url = urlsplit(json.loads(direct)["url"]) if direct else None
    source = f"netwright[{extra}]"
    options = []
    if url is not None and url.scheme == "file":
        source, options = f"{unquote(url.path)}[{extra}]", ["--editable"]
    return shlex.join([sys.executable, "-m", "pip", "install", *options, source])


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


def check_image_size(network: str, image_size: tuple[int, int], smallest: int) -> None:
    """Raise `ConfigError` if a side of the images has fewer than `smallest` pixels.

    Args:
        network: The name of the network that would read them.
        image_size: (height, width) in pixels.
        smallest: The shortest side that the network can read.
    """
    height, width = image_size
    if min(height, width) < smallest:
        raise ConfigError(
            f"images of {height}x{width} pixels are too small for {network}, which halves them several times; expected "
            f"at least {smallest}x{smallest}. Enlarge the images or choose another network"
        )
