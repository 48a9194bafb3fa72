"""Architectures as JSON, and the fingerprint by which two of them are the same.

Any value that is made of dataclasses, mappings, sequences, strings, numbers, booleans and None is an architecture, so
a user's space may return a plain dictionary.
"""

import hashlib
import json
import math
from dataclasses import fields, is_dataclass
from typing import Any

from netwright.errors import SpaceError

JsonObject = dict[str, Any]
"""A JSON object as `json.loads` returns it."""
EXACT = (bool, int, str)
"""What is the same in JSON; most of an architecture's values, asked for first."""


def to_json(architecture: Any) -> Any:
    """The architecture as JSON values; a dataclass becomes an object whose "type" is the class's name."""
    if architecture is None or isinstance(architecture, EXACT):
        return architecture
    if isinstance(architecture, float):
        if not math.isfinite(architecture):
            raise SpaceError(f"an architecture holds {architecture!r}, a number that JSON does not have")
        return architecture
    if isinstance(architecture, (list, tuple)):
        return [to_json(value) for value in architecture]
    if is_dataclass(architecture) and not isinstance(architecture, type):
        members = {field.name: to_json(getattr(architecture, field.name)) for field in fields(architecture)}
        return {"type": type(architecture).__name__, **members}
    if isinstance(architecture, dict) and all(isinstance(key, str) for key in architecture):
        return {key: to_json(value) for key, value in architecture.items()}
    raise SpaceError(
        f"an architecture holds {architecture!r} of type {type(architecture).__name__}, which has no JSON form; "
        "build it of dataclasses, dicts with string keys, lists, tuples, strings, numbers, booleans and None"
    )


def fingerprint(architecture: Any) -> str:
    """16 hexadecimal digits that are equal for equal architectures on every machine and in every version."""
    canonical = json.dumps(to_json(architecture), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
