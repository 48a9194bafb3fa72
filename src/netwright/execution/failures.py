"""The text of a failure, cut to a few kB whatever the child raised: a whole tensor, or the log of a compiler."""

from netwright.trials import Failure, FailureKind

MAX_MESSAGE, MAX_DETAIL = 800, 3200
"""Characters that a run stores of a message and of a traceback."""
MAX_UNCUT = 1_000_000
"""Characters that a worker sends for the log."""


def failure_of(kind: FailureKind, message: str, detail: str = "") -> Failure:
    """Return the failure with short texts; if one was cut, with the longer text for the log, too."""
    message, detail = storable(message), storable(detail)
    short = Failure(kind, shortened(message, MAX_MESSAGE), shortened(detail, MAX_DETAIL))
    if (short.message, short.detail) == (message, detail):
        return short
    return Failure(kind, short.message, short.detail, shortened(detail or message, MAX_UNCUT))


def shortened(text: str, limit: int) -> str:
    """Return `text`, or if it has more than `limit` characters, its beginning and its end with their number between."""
    if len(text) <= limit:
        return text
    begin = limit // 2
    end = limit - begin
    return f"{text[:begin]} [... {len(text) - limit:,} characters left out ...] {text[-end:]}"


def storable(text: str) -> str:
    """Escape lone surrogates, as in file names that are not UTF-8: they can be neither stored nor printed."""
    return text.encode(errors="backslashreplace").decode()
