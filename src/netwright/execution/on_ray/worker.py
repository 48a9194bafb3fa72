"""What runs in the processes of a Ray cluster: one child after the other, on whatever node."""

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
"""As a traceback names it."""
RAYS_OWN = (":job_id:", ":actor_name:", ":task_name:")
"""How lines begin that Ray writes there for itself."""


@dataclass(frozen=True)
class WorkerLocation:
    """Where an actor works."""

    node: str
    """Ray's identity of it."""
    files: tuple[str, ...]
    """What the process writes its output to."""


class Worker:
    """An actor's class."""

    def __init__(self, threads: int) -> None:
        self._threads = threads

    def start(self, pickled: bytes, path: Sequence[str]) -> WorkerLocation:
        """Receive what to call, and where the driver finds its modules, which may be here too."""
        sys.path += [folder for folder in path if folder not in sys.path]
        self._evaluate = load_evaluate(pickled, self._threads)
        node = import_ray().get_runtime_context().get_node_id()
        return WorkerLocation(node, tuple(output_files()))

    def work(self, pickled: bytes) -> bytes:
        """Train one child; raises where this node has no data for it."""
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
    """The files that this process writes its standard output and errors to; none where that cannot be told."""
    for number in (1, 2):
        path = Path(f"/proc/self/fd/{number}")
        with contextlib.suppress(OSError):
            file = path.readlink()
            if file.is_file():
                yield str(file)


def tail(files: Iterable[str], begin: Mapping[str, int] | None = None) -> str:
    """The end of what stands in `files`, from the place in `begin` on."""
    texts: list[str] = []
    for file in files:
        text = Path(file).read_bytes()[(begin or {}).get(file, 0) :].decode(errors="backslashreplace")
        texts += [line for line in text.splitlines() if line and not line.startswith(RAYS_OWN)]
    output = "\n".join(texts)[-MAX_OUTPUT:]
    return f"What the worker wrote:\n{output}" if output else ""
