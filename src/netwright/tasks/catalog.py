"""The tasks by name: where a child's images come from.

Two steps, because a search has one main process and many workers. The main process calls `prepare_task` once, before
the first child, and so finds a missing or damaged file early; every worker calls `open_task` with the folder it got.

    folder = prepare_task("cifar10", data_option, verify=True)
    data = open_task("cifar10", folder, verify=False)  # in a worker
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from netwright.errors import ConfigError, unknown
from netwright.tasks.cifar10 import find_cifar10, load_cifar10
from netwright.tasks.digits import load_digits
from netwright.tasks.images import ImageData
from netwright.tasks.own_images import find_images, load_images


@dataclass(frozen=True)
class Task:
    """How to locate the files of a task and how to read them; both take a path and whether to verify."""

    find: Callable[[Path | None, bool], Path | None]
    load: Callable[[Path | None, bool], ImageData]


TASKS = {
    "cifar10": Task(
        find=lambda folder, verify: find_cifar10(folder, verify=verify),
        load=lambda folder, verify: load_cifar10(folder, verify=verify),
    ),
    "digits": Task(find=lambda _folder, _verify: None, load=lambda _folder, _verify: load_digits()),
    "images": Task(find=lambda path, _verify: find_images(path), load=lambda path, _verify: load_images(path)),
}


def prepare_task(name: str, folder: Path | None, *, verify: bool) -> Path | None:
    """Locate, download if need be, and with `verify` check the files of task `name`.

    Returns the folder to hand to `open_task`; None for a task without files, which ignores `folder`.
    Raises ConfigError for an unknown name and DataError for files that are missing or not the official ones.
    """
    return _task(name).find(folder, verify)


def open_task(name: str, folder: Path | None, *, verify: bool) -> ImageData:
    """Read task `name` into memory from `folder`, or from where its own rules look if that is None.

    Raises what `prepare_task` raises, and DataError for a file whose content breaks the rules of its format.
    """
    return _task(name).load(folder, verify)


def _task(name: str) -> Task:
    if name not in TASKS:
        raise ConfigError(unknown("task", name, TASKS))
    return TASKS[name]
