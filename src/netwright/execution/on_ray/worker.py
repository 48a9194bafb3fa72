"""What runs in the worker processes of a Ray cluster."""

import contextlib
import platform
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cloudpickle

from netwright.errors import DataError
from netwright.execution.attempts import attempt
from netwright.execution.on_ray.cluster import import_ray
from netwright.execution.process import load_evaluate

MAX_OUTPUT = 4000
"""Characters of a worker's output that are kept with its failure."""
DATA_ERROR = f"{DataError.__module__}.{DataError.__qualname__}"
"""The class as tracebacks name it."""
RAYS_OWN = (":job_id:", ":actor_name:", ":task_name:")
"""Beginnings of the lines that Ray itself writes to the output."""


@dataclass(frozen=True)
class WorkerLocation:
    """The node and the output files of an actor."""

    node: str
    """Ray's identity of the node."""
    files: tuple[str, ...]
    """The files with the output of the process."""


class Worker:
    """The class of the actors."""

    def __init__(self, threads: int) -> None:
        self._threads = threads

    def start(self, pickled: bytes, path: Sequence[str]) -> WorkerLocation:
        """Prepare the process.

        Args:
            pickled: The function that trains one child, pickled.
            path: The driver's `sys.path`, whose folders may exist here, too.
        """
        sys.path += [folder for folder in path if folder not in sys.path]
        self._evaluate = load_evaluate(pickled, self._threads)
        node = import_ray().get_runtime_context().get_node_id()
        return WorkerLocation(node, tuple(output_files()))

    def work(self, pickled: bytes) -> bytes:
        """Train one child or do a remote task; raise `DataError` if this node lacks the data."""
        before = {file: Path(file).stat().st_size for file in output_files()}
        outcome = attempt(self._evaluate, cloudpickle.loads(pickled))
        if outcome.failure is not None:
            if f"\n{DATA_ERROR}: " in outcome.failure.detail:
                raise DataError(
                    f"{outcome.failure.message}. This is on the node {platform.node()}: the data's path must "
                    "exist on every node of the Ray cluster; copy it there, or put it on a shared file system"
                )
            detail = "\n".join(part for part in (outcome.failure.detail, tail(before, before)) if part)
            outcome = replace(outcome, failure=replace(outcome.failure, detail=detail))
        pickled_outcome: bytes = cloudpickle.dumps(outcome)
        return pickled_outcome


def output_files() -> Iterator[str]:
    """Yield the files that standard output and errors of this process go to; none if they are unknown."""
    for number in (1, 2):
        path = Path(f"/proc/self/fd/{number}")
        with contextlib.suppress(OSError):
            file = path.readlink()
            if file.is_file():
                yield str(file)


def tail(files: Iterable[str], begin: Mapping[str, int] | None = None) -> str:
    """Return the end of the output in `files`.

    Args:
        files: The output files.
        begin: For each file the position from which on it is read; by default 0.
    """
    texts: list[str] = []
    for file in files:
        text = Path(file).read_bytes()[(begin or {}).get(file, 0) :].decode(errors="backslashreplace")
        texts += [line for line in text.splitlines() if line and not line.startswith(RAYS_OWN)]
    output = "\n".join(texts)[-MAX_OUTPUT:]
    return f"What the worker wrote:\n{output}" if output else ""
