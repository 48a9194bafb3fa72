"""Where a run's children are trained, which changes no result: in this process, on local workers, on a Ray cluster."""

from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from netwright.architectures.values import JsonObject
from netwright.config import RunConfig
from netwright.controller.shards import Shards
from netwright.errors import ConfigError
from netwright.evaluation.factory import evaluation_of
from netwright.execution import factory
from netwright.execution.factory import EXECUTORS
from netwright.execution.interface import Evaluate, Executor
from netwright.execution.local import usable_cores
from netwright.execution.on_ray.parameter_shards import RayShards
from netwright.training.speed import Speed


@dataclass(frozen=True)
class Placement:
    """What may differ from one start of a run to the next without changing a result.

    Raises:
        ConfigError: The executor is unknown, or an option of Ray is given for local workers.
    """

    workers: int | None = None
    """Children at once. None runs them in this process; on Ray it is as many as the cluster has room for."""
    data: Path | None = None
    """The folder or file with the task's data, or with a user's own; None searches or downloads it."""
    verify: bool = True
    """Whether files must be the official ones."""
    executor: str = "local"
    """A name in `EXECUTORS`: processes of this machine, or of a Ray cluster."""
    address: str | None = None
    """The address of the Ray cluster; None starts one on this machine."""
    gpus_per_child: float | None = None
    """On Ray; None is one GPU if there are GPUs and children use them."""

    def __post_init__(self) -> None:
        if self.executor not in EXECUTORS:
            raise ConfigError(f"executor is {' or '.join(map(repr, EXECUTORS))}; got {self.executor!r}")
        if not self.on_cluster and (self.address is not None or self.gpus_per_child is not None):
            raise ConfigError(
                "--address and --gpus-per-child (address and gpus_per_child in Python) are for children on a Ray "
                "cluster; add --executor ray"
            )

    @property
    def on_cluster(self) -> bool:
        """Whether children run on a cluster."""
        return EXECUTORS[self.executor].on_cluster

    @property
    def in_words(self) -> str:
        """A phrase for messages."""
        if self.on_cluster:
            return f"on {self.workers or 'all'} workers of {EXECUTORS[self.executor].help}"
        return "in this process" if self.workers is None else f"on {self.workers} workers"

    def to_json(self) -> JsonObject:
        """Return JSON values from which `from_json` makes an equal placement."""
        return {**asdict(self), "data": str(self.data) if self.data else None}

    @classmethod
    def from_json(cls, document: JsonObject) -> "Placement":
        """Make the placement that `to_json` wrote."""
        data = document["data"]
        return cls(**{**document, "data": Path(data) if data else None})


def uses_gpu(config: RunConfig) -> bool:
    """Return whether children are trained on a GPU; a user's function is taken to use one if this machine has any."""
    return Speed(getattr(config.evaluate, "device", "auto")).torch_device.type == "cuda"


def num_gpus(config: RunConfig) -> int:
    """Return how many GPUs of this machine children use; 0 if they are trained on a processor."""
    return torch.cuda.device_count() if uses_gpu(config) else 0


def default_workers(config: RunConfig) -> int:
    """Return one worker per GPU that children use, or per core; at most one per child in flight."""
    return max(1, min(num_gpus(config) or usable_cores(), config.most_in_flight))


def chosen_workers(
    config: RunConfig, workers: int | None, children_per_gpu: int | None, *, on_cluster: bool = False
) -> int | None:
    """Return the number of workers by the options of the command line; None if neither was given.

    Raises:
        ConfigError: Both are given, or children use no GPU of this machine.
    """
    if children_per_gpu is None:
        return workers
    if on_cluster:
        raise ConfigError(
            f"--children-per-gpu is for children on this machine; on Ray give --gpus-per-child {1 / children_per_gpu:g}"
        )
    if workers is not None:
        raise ConfigError(
            f"--workers {workers} and --children-per-gpu {children_per_gpu} both say how many children are trained at "
            "once; leave one out"
        )
    gpus = num_gpus(config)
    if not gpus:
        raise ConfigError(
            "--children-per-gpu is for children on GPUs of this machine, and they are trained on its processor; say "
            "--workers"
        )
    return children_per_gpu * gpus


def make_executor(config: RunConfig, evaluate: Evaluate, placement: Placement) -> Executor:
    """Start the workers that `placement` describes; without a number of workers children run in this process."""
    return factory.make_executor(
        placement.executor,
        evaluate,
        workers=placement.workers,
        time_limit=config.time_limit_seconds,
        address=placement.address,
        gpus_per_child=gpus_per_child(config, placement),
        num_gpus=0 if placement.on_cluster else num_gpus(config),
        is_watched=evaluation_of(config.evaluate).user_function is not None,
    )


def gpus_per_child(config: RunConfig, placement: Placement) -> float | None:
    """Return the GPUs of a child on a cluster: what `placement` says, or 0 for children on a processor, or None."""
    if placement.gpus_per_child is None and getattr(config.evaluate, "device", "auto") == "cpu":
        return 0.0
    return placement.gpus_per_child


def check_room(config: RunConfig, executor: Executor, placement: Placement) -> None:
    """Check that a cluster has room for at least one child of each replica; else it is probably the wrong one.

    Raises:
        ConfigError: There is less room. The executor is then closed.
    """
    if config.replicas is None or placement.workers is not None or placement.executor != "ray":
        return
    count, room = config.replicas.count, executor.workers or 0
    if room < count:
        executor.close()
        raise ConfigError(
            f"{count} replicas keep {config.most_in_flight} children in training, and the Ray cluster has room for "
            f"{room}, less than one for each replica; give --replicas {room}, or start more nodes (`ray status` shows "
            f"those that there are), or make do with them by --workers {room}. A run that has begun keeps its replicas"
        )


def make_shards(config: RunConfig, placement: Placement) -> AbstractContextManager[Shards | None]:
    """Return the shards that hold the parameters of replicas on a Ray cluster; None keeps them in this process."""
    if placement.executor != "ray" or config.replicas is None:
        return nullcontext()
    shards = RayShards(
        config.replicas.servers,
        learning_rate=config.strategy.model_dump()["learning_rate"],  # every strategy with replicas has one
        accumulate=config.replicas.accumulate,
        address=placement.address,
        workers=placement.workers,
    )
    return closing(shards)
