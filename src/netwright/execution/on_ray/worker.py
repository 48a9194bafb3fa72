"""The worker actor of a Ray cluster, which trains one child after another."""

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
"""Maximum number of characters of a worker's output kept with its failure."""
DATA_ERROR = f"{DataError.__module__}.{DataError.__qualname__}"
"""Its name in a traceback."""
RAYS_OWN = (":job_id:", ":actor_name:", ":task_name:")
"""Prefixes of lines that Ray itself writes to the output."""


@dataclass(frozen=True)
class WorkerLocation:
    """The node and output files of an actor."""

    node: str
    """Ray's identifier of the node."""
    files: tuple[str, ...]
    """Files that receive the process's output."""


class Worker:
    """The class of an actor that trains children."""

    def __init__(self, threads: int) -> None:
        self._threads = threads

    def start(self, pickled: bytes, path: Sequence[str]) -> WorkerLocation:
        """Load the pickled evaluate function and add the driver's module search path."""
        sys.path += [folder for folder in path if folder not in sys.path]
        self._evaluate = load_evaluate(pickled, self._threads)
        node = import_ray().get_runtime_context().get_node_id()
        return WorkerLocation(node, tuple(output_files()))

    def work(self, pickled: bytes) -> bytes:
        """Train one child; raise `DataError` if this node lacks its data."""
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
    """Yield the files that receive this process's standard output and errors; none if unknown."""
    for number in (1, 2):
        path = Path(f"/proc/self/fd/{number}")
        with contextlib.suppress(OSError):
            file = path.readlink()
            if file.is_file():
                yield str(file)


def tail(files: Iterable[str], begin: Mapping[str, int] | None = None) -> str:
    """Return the end of the text in `files`, starting at the offsets in `begin`."""
    texts: list[str] = []
    for file in files:
        text = Path(file).read_bytes()[(begin or {}).get(file, 0) :].decode(errors="backslashreplace")
        texts += [line for line in text.splitlines() if line and not line.startswith(RAYS_OWN)]
    output = "\n".join(texts)[-MAX_OUTPUT:]
    return f"What the worker wrote:\n{output}" if output else ""
