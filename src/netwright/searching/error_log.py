"""errors.log in a run's folder: the long texts of errors, of which the run itself stores a few kB."""

import contextlib
from dataclasses import replace
from pathlib import Path

from netwright.files import utf8
from netwright.trials import Outcome

FILE_NAME = "errors.log"
MAX_BYTES = 10_000_000
"""Later texts are not written any more."""
POINTER = f"(The first texts of this length are in {FILE_NAME} in the run's folder.)"


def logged(outcome: Outcome, folder: Path | None, what: str) -> Outcome:
    """Write the uncut text of a failure into the log, and return the outcome with the text that is to be stored.

    Args:
        outcome: The end of a job.
        folder: The run's folder; None keeps no log.
        what: What failed, for the log.
    """
    failure = outcome.failure
    if failure is None or not failure.uncut:
        return outcome
    detail = failure.detail
    if folder is not None:
        detail = "\n".join(part for part in (detail.rstrip("\n"), POINTER) if part)
        _append(folder / FILE_NAME, utf8(f"{what}, {failure.kind}:\n{failure.uncut.rstrip()}\n\n"))
    return replace(outcome, failure=replace(failure, detail=detail, uncut=""))


def _append(path: Path, entry: bytes) -> None:
    with contextlib.suppress(OSError), path.open("ab") as file:  # a run goes on without its log
        if file.tell() + len(entry) <= MAX_BYTES:
            file.write(entry)
