"""Architectures as JSON, and the fingerprint by which two of them are the same.

An architecture is a value made of dataclasses, mappings, sequences, strings, numbers, booleans and None, so a user's
space may return a plain dictionary.
"""

import hashlib
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any

from netwright.errors import SpaceError

JsonObject = dict[str, Any]
"""A JSON object as `json.loads` returns it."""
LATER = "left out of the JSON at its default"
"""Metadata of a dataclass's field that older architectures lack, so that their JSON and fingerprints stay the same."""
EXACT = (bool, int, str)
"""Types that are their own JSON. Most values of an architecture have one of them, so they are checked first."""


def to_json(architecture: object) -> Any:
    """Convert an architecture to JSON values.

    Args:
        architecture: The whole architecture or a part of it.

    Returns:
        JSON values; a dataclass becomes an object whose "type" is the name of the class.

    Raises:
        SpaceError: A part of the architecture has no JSON form.
    """
    if architecture is None or isinstance(architecture, EXACT):
        return architecture
    if isinstance(architecture, float):
        if not math.isfinite(architecture):
            raise SpaceError(f"an architecture holds {architecture!r}, a number that JSON does not have")
        return architecture
    if isinstance(architecture, (list, tuple)):
        return [to_json(value) for value in architecture]
    if is_dataclass(architecture) and not isinstance(architecture, type):
        members = {
            field.name: to_json(value)
            for field in fields(architecture)
            if (value := getattr(architecture, field.name)) != field.default or not field.metadata.get(LATER)
        }
        return {"type": type(architecture).__name__, **members}
    if isinstance(architecture, dict) and all(isinstance(key, str) for key in architecture):
        return {key: to_json(value) for key, value in architecture.items()}
    raise SpaceError(
        f"an architecture holds {architecture!r} of type {type(architecture).__name__}, which has no JSON form; "
        "build it of dataclasses, dicts with string keys, lists, tuples, strings, numbers, booleans and None"
    )


def fingerprint(architecture: object) -> str:
    """Return 16 hexadecimal digits, equal for equal architectures on every machine and in every version."""
    return fingerprint_of_json(to_json(architecture))


def fingerprint_of_json(document: object) -> str:
    """Return the fingerprint of the architecture of which `document` is the JSON."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


@contextmanager
def reading_json_of(family: str) -> Iterator[None]:
    """Turn the errors of malformed JSON in the body into a `SpaceError` that names the `family`."""
    try:
        yield
    except (KeyError, TypeError, AttributeError) as error:
        raise SpaceError(f"not the JSON of a {family} ({error!r}); expected what to_json({family}) writes") from None


def members_of(entry: JsonObject) -> JsonObject:
    """Return the members of a dataclass's JSON object: all but its "type"."""
    return {name: value for name, value in entry.items() if name != "type"}
