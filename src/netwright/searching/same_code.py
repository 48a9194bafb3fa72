"""Whether the space and the user's code are those that a stored run was made with, and a run that is begun anew."""

import shutil
import warnings
from pathlib import Path

from netwright.config import RunConfig
from netwright.errors import ConfigError, StoreError
from netwright.files import locked
from netwright.searching.accepted_changes import accepted_change, withdrawn
from netwright.searching.identity import Identity
from netwright.searching.store import Store, exists


def check_same_code(folder: Path, identity: Identity) -> None:
    """Check that the space and the user's code are those of the run in `folder`.

    Raises:
        ConfigError: They have changed; the message holds the differences.
    """
    with Store.read(folder) as store:
        changed = _changes_since(store, identity)
    if changed:
        difference = "\n".join(f"    {line}" for line in changed)
        raise ConfigError(
            f"the space or the code has changed since the run in {folder} began, so its trials and new ones would not "
            f"belong together:\n{difference}\nUndo the change, or choose another --out, or begin anew with --overwrite "
            "(overwrite=True in nw.search), or go on knowingly with --accept-changes (accept_changes=True), which "
            "marks the trials before the change. The run was not touched"
        )


def accept_changes(store: Store, config: RunConfig, identity: Identity) -> None:
    """Store the changes of the space and of the code since the run began, if there are any, with the trials before."""
    if lines := _changes_since(store, identity):
        trials = store.trials(config.space)
        accepted = accepted_change(lines, trials, config.space)
        before = Identity.from_json(store.document("identity"))
        relearn = bool(accepted.foreign) or before.decisions != identity.decisions
        store.accept(identity.to_json(), accepted, withdrawn(trials, accepted.foreign), relearn=relearn)


def warn_without_source(identity: Identity) -> None:
    """Warn, at the start of a run, about code whose later changes cannot be noticed by its source."""
    if identity.without_source:
        warnings.warn(
            f"the source of {', '.join(identity.without_source)} is not known, so a later change of it is noticed by "
            "its compiled form at best; a function in a file has a source",
            stacklevel=2,
        )


def _changes_since(store: Store, identity: Identity) -> list[str]:
    document = store.find_document("identity")
    with store.understood():
        return identity.changes_since(Identity.from_json(document)) if document else []


def previous_of(folder: Path) -> Path:
    """Return where `set_aside` keeps the earlier run of a folder."""
    return folder.resolve().with_name(f"{folder.resolve().name}.previous")


def set_aside(folder: Path) -> None:
    """Rename the folder of a run that is begun anew, if it holds one; the one that was set aside before is removed.

    Args:
        folder: The run's folder, with its report, models and pictures.

    Raises:
        StoreError: A process is writing the run, or the folder cannot be renamed.
    """
    if not exists(folder):
        return
    previous = previous_of(folder)
    if previous.is_symlink() or (previous.exists() and not exists(previous)):
        raise StoreError(f"{previous} holds no run, and the earlier run would be moved there; rename it")
    try:
        with locked(folder):
            shutil.rmtree(previous, ignore_errors=True)
            folder.resolve().rename(previous)
    except OSError as error:
        raise StoreError(f"cannot rename {folder} to {previous}: {error.strerror}; choose another --out") from None
