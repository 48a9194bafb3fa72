"""The tasks by name: where a child's images or texts come from.

Loading has two steps, because a search has one main process and many workers. The main process calls `prepare_task`
once before the first child, so that a missing or damaged file is reported early. Every worker then calls `open_task`
with the resulting folder.

    folder = prepare_task("cifar10", data_option, verify=True)
    data = open_task("cifar10", folder, verify=False)  # in a worker

`open_images`, `open_text` and `open_parallel` are `open_task` for code that needs one kind of data.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from netwright.errors import ConfigError, unknown
from netwright.tasks.images.cifar10 import find_cifar10, load_cifar10
from netwright.tasks.images.data import ImageData
from netwright.tasks.images.digits import load_digits
from netwright.tasks.images.user_images import find_images, load_images
from netwright.tasks.text.data import TextData
from netwright.tasks.text.parallel.data import ParallelText
from netwright.tasks.text.parallel.folder import find_parallel, load_parallel
from netwright.tasks.text.parallel.multi30k import find_multi30k, load_multi30k
from netwright.tasks.text.penn_treebank import find_penn_treebank, load_characters, load_words
from netwright.tasks.text.pydoc import load_pydoc
from netwright.tasks.text.tokens import CHARACTERS, WORDS
from netwright.tasks.text.user_text import find_text, load_text
from netwright.tasks.text.wikitext2 import find_wikitext2, load_wikitext2

Data = ImageData | TextData | ParallelText
Kind = TypeVar("Kind", ImageData, TextData, ParallelText)
KINDS = {ImageData: "has images", TextData: "is a text", ParallelText: "is a parallel text, in two languages"}
"""What a task is or has, in words."""


@dataclass(frozen=True)
class Task:
    """The functions that find and load the files of a task; both take a path and whether to verify checksums."""

    find: Callable[[Path | None, bool], Path | None]
    load: Callable[[Path | None, bool], Data]


TASKS = {
    "cifar10": Task(
        find=lambda folder, verify: find_cifar10(folder, verify=verify),
        load=lambda folder, verify: load_cifar10(folder, verify=verify),
    ),
    "digits": Task(find=lambda _folder, _verify: None, load=lambda _folder, _verify: load_digits()),
    "images": Task(find=lambda path, _verify: find_images(path), load=lambda path, _verify: load_images(path)),
    "multi30k": Task(
        find=lambda folder, verify: find_multi30k(folder, verify=verify),
        load=lambda folder, verify: load_multi30k(folder, verify=verify),
    ),
    "parallel": Task(find=lambda path, _verify: find_parallel(path), load=lambda path, _verify: load_parallel(path)),
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
    """Find the files of a task; download them if they are public and no folder is given.

    Args:
        name: a key of `TASKS`.
        folder: the user's folder or file; None for the task's default.
        verify: whether published files must have their official checksums.

    Returns:
        The path for `open_task`; None for a task without files.

    Raises:
        ConfigError: the name is unknown.
        DataError: files are missing or not the official ones.
    """
    return _task(name).find(folder, verify)


def open_task(name: str, folder: Path | None, *, verify: bool) -> Data:
    """Read a task into memory; arguments as for `prepare_task`.

    Raises:
        ConfigError: the name is unknown.
        DataError: files are missing, not the official ones, or not in the expected format.
    """
    return _task(name).load(folder, verify)


def open_images(name: str, folder: Path | None, *, verify: bool, image_size: int | None = None) -> ImageData:
    """Read a task with images; see `open_task`.

    Args:
        name: a key of `TASKS`.
        folder: the path that `prepare_task` returned.
        verify: whether published files must have their official checksums.
        image_size: pixels of the longer side at most; None is the task's own size.

    Raises:
        ConfigError: the task has no images, or they have one size.
        DataError: as for `open_task`.
    """
    if image_size is not None:
        check_has_sizes(name)
        return load_images(folder, image_size=image_size)
    return _of_kind(
        ImageData,
        name,
        open_task(name, folder, verify=verify),
        "convolutional networks are trained on images; choose a task with images, such as 'digits', 'cifar10' or "
        "'images'",
    )


def check_has_sizes(name: str) -> None:
    """Raise `ConfigError` if the images of a task have one size."""
    if name != "images":
        raise ConfigError(
            f"--image-size (evaluate.image_size) is for the task 'images', your own images; the data of {name!r} has "
            "one size; leave it out"
        )


def open_text(name: str, folder: Path | None, *, verify: bool) -> TextData:
    """Read a task with a text in one language; raise `ConfigError` if it has none. See `open_task`."""
    return _of_kind(
        TextData,
        name,
        open_task(name, folder, verify=verify),
        "language models are trained on a text in one language; choose a task with a text, such as 'pydoc', 'ptb' or "
        "'text'",
    )


def open_parallel(name: str, folder: Path | None, *, verify: bool) -> ParallelText:
    """Read a task with a parallel text; raise `ConfigError` if it has none. See `open_task`."""
    return _of_kind(
        ParallelText,
        name,
        open_task(name, folder, verify=verify),
        "translation models are trained on parallel texts; choose a task with a parallel text: 'multi30k' or "
        "'parallel'",
    )


def _of_kind(kind: type[Kind], name: str, data: Data, expected: str) -> Kind:
    """Return the `data` of the task `name`; raise `ConfigError` with what is `expected` if it is of another kind."""
    if not isinstance(data, kind):
        raise ConfigError(f"the task {name!r} {KINDS[type(data)]}, and {expected}")
    return data


def _task(name: str) -> Task:
    if name not in TASKS:
        raise ConfigError(unknown("task", name, TASKS))
    return TASKS[name]
