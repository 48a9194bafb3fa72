"""The tasks by name: where a child's images or its text come from.

Two steps, because a search has one main process and many workers. The main process calls `prepare_task` once, before
the first child, and so finds a missing or damaged file early; every worker calls `open_task` with the folder it got.

    folder = prepare_task("cifar10", data_option, verify=True)
    data = open_task("cifar10", folder, verify=False)  # in a worker

Who can use only one kind of data calls `open_images` or `open_text` in place of `open_task`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from netwright.errors import ConfigError, unknown
from netwright.tasks.images.cifar10 import find_cifar10, load_cifar10
from netwright.tasks.images.data import ImageData
from netwright.tasks.images.digits import load_digits
from netwright.tasks.images.user_images import find_images, load_images
from netwright.tasks.text.data import TextData
from netwright.tasks.text.penn_treebank import find_penn_treebank, load_characters, load_words
from netwright.tasks.text.pydoc import load_pydoc
from netwright.tasks.text.tokens import CHARACTERS, WORDS
from netwright.tasks.text.user_text import find_text, load_text
from netwright.tasks.text.wikitext2 import find_wikitext2, load_wikitext2


@dataclass(frozen=True)
class Task:
    """How to locate the files of a task and how to read them; both take a path and whether to verify."""

    find: Callable[[Path | None, bool], Path | None]
    load: Callable[[Path | None, bool], ImageData | TextData]


TASKS = {
    "cifar10": Task(
        find=lambda folder, verify: find_cifar10(folder, verify=verify),
        load=lambda folder, verify: load_cifar10(folder, verify=verify),
    ),
    "digits": Task(find=lambda _folder, _verify: None, load=lambda _folder, _verify: load_digits()),
    "images": Task(find=lambda path, _verify: find_images(path), load=lambda path, _verify: load_images(path)),
    "ptb": Task(
        find=lambda folder, verify: find_penn_treebank(folder, verify=verify),
        load=lambda folder, verify: load_words(folder, verify=verify),
    ),
    "ptb-characters": Task(
        find=lambda folder, verify: find_penn_treebank(folder, verify=verify),
        load=lambda folder, verify: load_characters(folder, verify=verify),
    ),
    "pydoc": Task(find=lambda _folder, _verify: None, load=lambda _folder, _verify: load_pydoc()),
    "text": Task(find=lambda path, _verify: find_text(path), load=lambda path, _verify: load_text(path, WORDS)),
    "text-characters": Task(
        find=lambda path, _verify: find_text(path), load=lambda path, _verify: load_text(path, CHARACTERS)
    ),
    "wikitext2": Task(
        find=lambda folder, verify: find_wikitext2(folder, verify=verify),
        load=lambda folder, verify: load_wikitext2(folder, verify=verify),
    ),
}


def prepare_task(name: str, folder: Path | None, *, verify: bool) -> Path | None:
    """Locate, download if need be, and with `verify` check the files of task `name`.

    Returns the folder to hand to `open_task`; None for a task without files, which ignores `folder`.
    Raises ConfigError for an unknown name and DataError for files that are missing or not the official ones.
    """
    return _task(name).find(folder, verify)


def open_task(name: str, folder: Path | None, *, verify: bool) -> ImageData | TextData:
    """Read task `name` into memory from `folder`, or from where its own rules look if that is None.

    Raises what `prepare_task` raises, and DataError for a file whose content breaks the rules of its format.
    """
    return _task(name).load(folder, verify)


def open_images(name: str, folder: Path | None, *, verify: bool) -> ImageData:
    """`open_task` where only images will do; ConfigError for a text."""
    data = open_task(name, folder, verify=verify)
    if not isinstance(data, ImageData):
        raise ConfigError(
            f"the task {name!r} is a text, and convolutional networks are trained on images; choose a task with "
            "images, such as 'digits', 'cifar10' or 'images'"
        )
    return data


def open_text(name: str, folder: Path | None, *, verify: bool) -> TextData:
    """`open_task` where only a text will do; ConfigError for images."""
    data = open_task(name, folder, verify=verify)
    if not isinstance(data, TextData):
        raise ConfigError(
            f"the task {name!r} has images, and recurrent networks are trained on texts; choose a task with a text, "
            "such as 'pydoc', 'ptb' or 'text'"
        )
    return data


def _task(name: str) -> Task:
    if name not in TASKS:
        raise ConfigError(unknown("task", name, TASKS))
    return TASKS[name]
