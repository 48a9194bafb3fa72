"""Whether data is the same as that of a stored run or comparison, and what the run stores about its data.

Data with an identity (a user's own, a table) is compared by its checksum and its reader's version, so that its folder
may be renamed and moved. Official data is compared by its name. What a netwright without identities stored is compared
by the eight digits in the name, without the rest of the name.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from netwright.architectures.values import JsonObject
from netwright.errors import DataError, command
from netwright.evaluation.interface import DatasetInfo
from netwright.searching.store import Store

ACCEPT = "--accept-data"


def description(dataset: DatasetInfo) -> JsonObject:
    """Return what a run or a comparison stores about its data."""
    identified: JsonObject = {"data_id": dataset.identity.to_json()} if dataset.identity else {}
    return {"data": dataset.name, **identified}


def difference(stored: JsonObject, dataset: DatasetInfo) -> str | None:
    """Describe in a clause how `dataset` differs from the data that `stored` describes; None if it is the same."""
    identity, before = dataset.identity, stored.get("data_id")
    if identity is None or (before is None and stored["data"] is None):
        return None if stored["data"] == dataset.name else f"now the data is {dataset.name}"
    if before is None:
        if stored["data"].endswith(f"({identity.older})"):
            return None
        return (
            f"now the data is {dataset.name}: the checksum of its decoded content, the only one that an older "
            f"netwright stored, is {identity.older}"
        )
    if _reader_changed(stored, dataset):
        changed = f"now the data is read by version {identity.version} of the reader and no longer by version "
        changed += f"{before['version']}, which decodes or divides the same files in another way"
        return changed if before["sha256"] == identity.sha256 else f"{changed} or uses other files"
    if before["sha256"] == identity.sha256:
        return None
    return f"now the data is {dataset.name}: its files were {before['extent']}, and are now {identity.extent}"


def _reader_changed(stored: JsonObject, dataset: DatasetInfo) -> bool:
    assert dataset.identity is not None
    return bool(stored["data_id"]["version"] != dataset.identity.version)


def checked(store: Store, dataset: DatasetInfo, *, accept: bool) -> JsonObject:
    """Check that a stored run goes on with its data.

    Args:
        store: The run.
        dataset: The data as it is now.
        accept: Whether to go on although the reader changed.

    Returns:
        The document `about` that the run is to store from now on.

    Raises:
        DataError: The data is other data; numbers measured on different data do not belong in one run.
    """
    about = store.document("about")
    with store.understood():
        changed = difference(about, dataset)
    if changed is None:
        return {**about, **description(dataset), "data": about["data"]}
    told = f"{store.folder} was searched on {about['data']}, and {changed}"
    own = "search the present data in a run of its own"
    if dataset.identity is None or (about.get("data_id") is not None and not _reader_changed(about, dataset)):
        raise DataError(f"{told}; give it the same data, or {own}")
    if not accept:
        raise DataError(
            f"{told}. If the files are those of the run, the same command with {ACCEPT} goes on with it; its later "
            f"trials are then measured on data that was read in another way. Else {own}"
        )
    note = f"another reader was accepted by {ACCEPT}: first {about['data']}, {changed}"
    return {**about, **description(dataset), "data_notes": [*about.get("data_notes", ()), note]}


@contextmanager
def place_of_moved_data(verb: str, run: Path | None, data: Path | None) -> Iterator[None]:
    """Add to the error about data that is missing the command that names its new place.

    Args:
        verb: The command that needs the data.
        run: The folder of a stored run; None if there is no run yet.
        data: Where the data was expected.
    """
    try:
        yield
    except DataError as error:
        if run is None or data is None or data.exists():
            raise
        remedy = command(verb, run, "--data", "PATH")
        raise DataError(f"{error}. If the data was moved, name its new place: {remedy}") from None
