"""The identity of a user's data: what a run compares when it goes on.

It is a checksum of the bytes that a reader used, with the reader's version, so that a folder may be renamed and moved.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from netwright.architectures.values import JsonObject


@dataclass(frozen=True)
class DataIdentity:
    """What identifies data, in the order of the reader."""

    sha256: str
    """Of the names of the classes and the bytes of all files that were used."""
    reader: str
    """The name of the reader."""
    version: int
    """The reader's version, which increases when the same bytes are decoded or divided in another way."""
    extent: str
    """How much data there is, in words, for messages."""
    older: str
    """The eight digits that netwright put into the name of the data before it had identities."""

    def named(self, name: str) -> str:
        """Return `name` with the first digits of the checksum: the name of the data in messages and results."""
        return f"{name} ({self.sha256[:8]})"

    def to_json(self) -> JsonObject:
        """Return what a run stores."""
        return {name: value for name, value in asdict(self).items() if name != "older"}


class ContentDigest:
    """The checksum of a sequence of contents, which are added one after the other."""

    def __init__(self, class_names: Sequence[str] = ()) -> None:
        self._digest = hashlib.sha256(repr(tuple(class_names)).encode())

    def add(self, content: bytes, label: int = 0) -> None:
        """Add the bytes of a file, and the number of its class."""
        self._digest.update(f"{label} {len(content)} ".encode())
        self.extend(content)

    def extend(self, content: bytes) -> None:
        """Add the next bytes of a file that is read piece by piece; the sizes of the pieces do not matter."""
        self._digest.update(content)

    def hexdigest(self) -> str:
        """Return the SHA-256 of everything added so far."""
        return self._digest.hexdigest()
