"""Parameter shards on a Ray cluster: on every node one process holds some of them, and is replaced if it dies.

    shards = RayShards(20, learning_rate=0.0006, address="auto")        # implements `Shards`
    parameters = ShardedParameters(shards, ...)

The driver keeps the last state that it fetched and every gradient since. A process that died is restarted from these,
on another node if its own is gone, and its shards apply the same gradients in the same order. A process with torch
takes 260 MB, so the shards of a node share one.
"""

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray

from netwright.controller.policy import Weights
from netwright.controller.shards import LocalShards, Slices
from netwright.errors import RunError
from netwright.execution.local import usable_cores
from netwright.execution.on_ray.cluster import connect, import_ray, nodes, on_node

MAX_GRADIENTS = 100
"""Gradients kept until the state of the shards is fetched and they can be dropped."""
MAX_STARTS = 3
"""Processes in a row that may die without an answer."""


class ShardSettings(TypedDict):
    """The optimizer's settings, as `LocalShards` takes them."""

    learning_rate: float
    accumulate: int


class ShardActor:
    """The class of the actors: holds some of the shards, in one thread."""

    def __init__(self, count: int, settings: ShardSettings, num_applied: int, parts: bytes) -> None:
        torch.set_num_threads(1)
        self._shards = LocalShards(count, **settings)
        self._shards.restore(num_applied, _unpacked(parts))

    def apply(self, number: int, gradients: bytes, initials: bytes) -> None:
        """Apply a gradient to these shards; see `Shards.apply`."""
        self._shards.apply(number, _unpacked(gradients), _unpacked(initials))

    def fetch(self, version: int) -> bytes:
        """Return the weights of these shards; see `Shards.fetch`."""
        return _packed(self._shards.fetch(version))

    def state(self) -> bytes:
        """Return the state of these shards."""
        return _packed(self._shards.state())


@dataclass
class ShardProcess:
    """A process that holds shards."""

    actor: Any
    sent: list[object] = field(default_factory=list)
    """References to the gradients sent since its last answer."""


class RayShards:
    """Implements `Shards` on a cluster, with one process per node and at most one per shard.

    Shard i is in process i modulo the number of processes. Processes start at the first request, take no processor from
    children, and answer in parallel. Gradients are sent without waiting; the next `fetch` or `state` waits for them.
    For `address` see `cluster.connect`; a new cluster has room for `workers` children.
    """

    def __init__(
        self,
        count: int,
        *,
        learning_rate: float,
        accumulate: int = 1,
        address: str | None = None,
        workers: int | None = None,
    ) -> None:
        self.num_replaced = 0
        """The number of processes that died and were restarted."""
        self._ray: Any = None
        self._count = count
        self._settings = ShardSettings(learning_rate=learning_rate, accumulate=accumulate)
        self._address, self._num_cpus = address, max(workers or 0, usable_cores())
        self._processes: list[ShardProcess] = []
        self._disconnect: Callable[[], None] = lambda: None
        self._num_applied, self._parts = 0, [Weights() for _ in range(count)]
        """The last state that was fetched."""
        self._num_sent = 0
        self._gradients: list[tuple[int, Sequence[Slices], Sequence[Slices]]] = []
        """The gradients sent since."""

    def __len__(self) -> int:
        return self._count

    def apply(self, number: int, gradients: Sequence[Slices], initials: Sequence[Slices]) -> None:
        """Send every process the slices of its shards, without waiting. Numbers have no gaps."""
        if number < self._num_sent:
            return
        self._num_sent = number + 1
        self._gradients.append((number, gradients, initials))
        for index, process in enumerate(self._processes):
            self._send(index, process, number, gradients, initials)
        if len(self._gradients) >= MAX_GRADIENTS:
            self.state()

    def _send(
        self, index: int, process: ShardProcess, number: int, gradients: Sequence[Slices], initials: Sequence[Slices]
    ) -> None:
        its = slice(index, None, len(self._processes))
        process.sent.append(process.actor.apply.remote(number, _packed(gradients[its]), _packed(initials[its])))

    def fetch(self, version: int) -> list[Weights]:
        """Return the weights of all shards at a version."""
        return self._asked("fetch", version)

    def state(self) -> list[Weights]:
        """Return the state of all shards; the gradients before it are dropped."""
        parts = self._asked("state")
        self._num_applied, self._parts, self._gradients = self._num_sent, parts, []
        return parts

    def restore(self, num_applied: int, parts: Sequence[Slices]) -> None:
        """Continue from a state; called before any process has started."""
        self._num_applied, self._num_sent, self._parts = num_applied, num_applied, [dict(part) for part in parts]

    def _asked(self, verb: str, *arguments: object) -> list[Weights]:
        if not self._processes:
            self._start()
        references = [getattr(process.actor, verb).remote(*arguments) for process in self._processes]
        found = [Weights() for _ in range(self._count)]
        for index, reference in enumerate(references):
            found[index :: len(self._processes)] = self._answer(index, reference, verb, arguments)
        return found

    def _answer(self, index: int, reference: object, verb: str, arguments: Sequence[object]) -> list[Weights]:
        """Return the answer of a process, or of the one that replaces it."""
        for num_left in reversed(range(MAX_STARTS)):
            process = self._processes[index]
            try:
                *_, answer = self._ray.get([*process.sent, reference])
            except self._ray.exceptions.RayTaskError as error:
                raise RunError(f"a shard of the parameters on the Ray cluster is broken:\n{error}") from None
            except self._ray.exceptions.RayError as error:
                self._ray.kill(process.actor)  # it may be alive and unreachable
                if getattr(error, "actor_init_failed", False):
                    raise RunError(
                        "a process for shards of the parameters does not start on the Ray cluster; `netwright doctor "
                        f"--address ADDRESS` compares the nodes' versions with those here:\n{error}"
                    ) from None
                if not num_left:
                    raise RunError(
                        f"{MAX_STARTS} processes for shards of the parameters died one after the other on the Ray "
                        f"cluster, which may lack memory; every finished trial is kept:\n{error}"
                    ) from None
                self.num_replaced += 1
                self._start_process(index)
                reference = getattr(self._processes[index].actor, verb).remote(*arguments)
            else:
                process.sent.clear()
                return _unpacked(answer)
        raise AssertionError

    def _start(self) -> None:
        self._ray = import_ray()
        self._disconnect = connect(self._address, self._num_cpus)
        self._processes = [ShardProcess(None) for _ in range(min(self._count, max(1, len(nodes()))))]
        for index in range(len(self._processes)):
            self._start_process(index)

    def _start_process(self, index: int) -> None:
        """Start a process with the last state, and send it the gradients since."""
        parts = self._parts[index :: len(self._processes)]
        alive = sorted(nodes(), key=lambda node: node.identity)  # sorted, so that a process returns to its node
        where = on_node(alive[index % len(alive)].identity, soft=True) if alive else {"num_cpus": 0}
        # Ray places an actor that requires no resource on a random node, whatever its options.
        actor = self._ray.remote(ShardActor).options(**where, memory=1)
        process = ShardProcess(actor.remote(len(parts), self._settings, self._num_applied, _packed(parts)))
        self._processes[index] = process
        for gradient in self._gradients:
            self._send(index, process, *gradient)

    def close(self) -> None:
        """Kill the processes; end the cluster if it was started here."""
        if self._processes and self._ray.is_initialized():  # `kill` would otherwise start a cluster
            for process in self._processes:
                if process.actor is not None:  # None if Ctrl-C came before it started
                    self._ray.kill(process.actor)
        self._processes = []
        self._disconnect()


def _packed(parts: Sequence[Slices]) -> bytes:
    """Pickle as numpy arrays: torch would pickle the whole tensor that a slice belongs to."""
    return pickle.dumps([{name: value.numpy() for name, value in part.items()} for part in parts])


def _unpacked(packed: bytes) -> list[Weights]:
    parts: list[dict[str, NDArray[np.float32]]] = pickle.loads(packed)
    return [{name: torch.from_numpy(value) for name, value in part.items()} for part in parts]
