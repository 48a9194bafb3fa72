"""The executors by name.

A new executor has two files: its row of `EXECUTORS` is here, the rest is in a module of its own.
"""

from dataclasses import dataclass
from importlib import import_module

from netwright.execution.in_process import InProcessExecutor
from netwright.execution.interface import Evaluate, Executor


@dataclass(frozen=True)
class ExecutorEntry:
    """A row of the table of executors."""

    module: str
    """Contains the class; imported when the executor is used."""
    class_name: str
    """Called with `evaluate`, `workers` and `time_limit`, on a cluster also with `address` and `gpus_per_child`,
    elsewhere also with `num_gpus`."""
    help: str
    """Where children run."""
    on_cluster: bool = False
    """Whether it has an address, and by default as many workers as there is room for."""


EXECUTORS: dict[str, ExecutorEntry] = {
    "local": ExecutorEntry("netwright.execution.local", "LocalExecutor", "processes of this machine"),
    "ray": ExecutorEntry("netwright.execution.on_ray.executor", "RayExecutor", "a Ray cluster", on_cluster=True),
}
"""All executors by name. The command line and `Placement` derive from it."""


def make_executor(
    name: str,
    evaluate: Evaluate,
    *,
    workers: int | None,
    time_limit: float | None,
    address: str | None = None,
    gpus_per_child: float | None = None,
    num_gpus: int = 0,
    is_watched: bool = False,
) -> Executor:
    """Start the workers of an executor.

    Args:
        name: A name in `EXECUTORS`.
        evaluate: Trains one child.
        workers: Children at once; None runs them in this process, or on a cluster as many as there is room for.
        time_limit: Seconds per child; None sets no limit.
        address: The address of the cluster.
        gpus_per_child: GPUs per child on the cluster.
        num_gpus: The GPUs of this machine that local workers take in turn.
        is_watched: Whether processes that children start in this process end with it; those of workers always do.
    """
    entry = EXECUTORS[name]
    if workers is None and not entry.on_cluster:
        return InProcessExecutor(evaluate, is_watched=is_watched)
    executor_class = getattr(import_module(entry.module), entry.class_name)
    of_cluster, of_machine = {"address": address, "gpus_per_child": gpus_per_child}, {"num_gpus": num_gpus}
    options = of_cluster if entry.on_cluster else of_machine
    executor: Executor = executor_class(evaluate, workers=workers, time_limit=time_limit, **options)
    return executor
