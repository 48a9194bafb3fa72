"""A run from its first command to its last: made, continued, driven, confirmed; for Python and the command line."""

import os
import platform
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, Protocol

import torch

from netwright.config import ReinforceSettings, RunConfig, TableSettings, differences
from netwright.controller.shards import Shards
from netwright.errors import ConfigError, DataError, StoreError
from netwright.evaluation.factory import DatasetInfo, evaluation_of
from netwright.execution.in_process import InProcessExecutor
from netwright.execution.interface import Evaluate, Executor
from netwright.execution.local import LocalExecutor, usable_cores
from netwright.execution.on_ray import RayExecutor
from netwright.execution.on_ray.parameter_shards import RayShards
from netwright.searching.confirmation import best_trials, confirm, trials_numbered
from netwright.searching.core import SearchCore, Step
from netwright.searching.factory import make_core, make_strategy
from netwright.searching.loop import drive
from netwright.searching.results import Results
from netwright.searching.store import Store, exists
from netwright.spaces.references import load_file


@dataclass(frozen=True)
class Placement:
    """What may differ from one start of a run to the next: it changes no result."""

    workers: int | None = None
    """Children at once. None runs them in this process; on Ray it is as many as the cluster has room for."""
    data: Path | None = None
    """The folder with the task's files, where they are not to be found or downloaded, or a user's own images."""
    verify: bool = True
    """Whether files must be the official ones."""
    executor: Literal["local", "ray"] = "local"
    """Processes of this machine, or of a Ray cluster."""
    address: str | None = None
    """Of the Ray cluster; None starts one on this machine."""
    gpus_per_child: float | None = None
    """On Ray; None is one where there are GPUs."""

    def __post_init__(self) -> None:
        if self.executor not in ("local", "ray"):
            raise ConfigError(f"executor is 'local' or 'ray'; got {self.executor!r}")
        if self.executor == "local" and (self.address is not None or self.gpus_per_child is not None):
            raise ConfigError(
                "--address and --gpus-per-child (address and gpus_per_child in Python) are for children on a Ray "
                "cluster; add --executor ray"
            )

    @property
    def in_words(self) -> str:
        """Where children run."""
        if self.executor == "ray":
            return f"on {self.workers or 'all'} workers of a Ray cluster"
        return "in this process" if self.workers is None else f"on {self.workers} workers"

    def to_json(self) -> dict[str, Any]:
        """For the store."""
        return {**asdict(self), "data": str(self.data) if self.data else None}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Placement":
        """What `to_json` wrote."""
        data = document["data"]
        return cls(**{**document, "data": Path(data) if data else None})


class Callback(AbstractContextManager["Callback"], Protocol):
    """Looks on while a run goes on; used in a `with`, which puts it away however the run ends."""

    def begin(self, core: SearchCore, config: RunConfig, placement: Placement, data_notes: Sequence[str]) -> None:
        """The search is about to start or to go on, or there is nothing left to do.

        `data_notes` say what was changed in the data.
        """

    def step(self, step: Step) -> None:
        """Something was made durable."""

    def confirming(self, ended: int, total: int) -> None:
        """So many of the retrainings have ended."""


def default_workers(config: RunConfig) -> int:
    """One per core that this process may use; one on a GPU. Never more than there can be children in flight."""
    cores = 1 if torch.cuda.is_available() else usable_cores()
    return max(1, min(cores, config.most_in_flight))


def read_config(folder: Path) -> tuple[RunConfig, Placement]:
    """The settings of a stored run; a recipe of the user's own is loaded from the file where it was."""
    with Store.read(folder) as store, store.understood():
        config, placement = store.document("config"), Placement.from_json(store.document("place"))
        path, _, function = config["recipe"].rpartition(":")
    if path.endswith(".py") and function:
        load_file(Path(path))
    return RunConfig.from_json(config), placement


def continued(config: RunConfig, folder: Path, *, num_trials: int | None) -> RunConfig:
    """`config` as a run in `folder` goes on with it, if there is one there.

    `num_trials` None keeps the run's own limit. `ConfigError` names every setting that differs from the stored run's.
    """
    if exists(folder):
        with Store.read(folder) as store, store.understood():
            stored = store.document("config")
            if stored["recipe"] != config.recipe:
                raise ConfigError(
                    f"{folder} holds a run of recipe {stored['recipe']!r}, not {config.recipe!r}; choose another --out"
                )
            if changed := differences(stored, config.to_json()):
                raise ConfigError(
                    f"{folder} holds a run with other settings: {'; '.join(changed)}. Go on with "
                    f"`netwright resume {folder}`, or choose another --out"
                )
            num_trials = num_trials or stored["num_trials"]
    return config if num_trials is None else config.changed(num_trials=num_trials)


def run_search(config: RunConfig, folder: Path | None, placement: Placement, callback: Callback) -> Results:
    """Search to the end, starting anew or going on with the run in `folder`; None keeps nothing on disk.

    Stopping it at any moment (Ctrl-C, `kill -9`) loses no finished trial; the same call goes on.
    """
    if folder is not None and folder.exists() and not folder.is_dir():
        raise StoreError(f"{folder} is a file, not a folder; choose another --out")
    config.space.at(0).start()  # parameters that the space refuses are found before anything is written
    make_strategy(config)  # and so is a strategy that cannot be made
    dataset = look_at_data(config, placement)
    executor = None
    if folder is None or not is_complete(config, folder):
        # Before the folder is made: a cluster that cannot be reached leaves none behind.
        executor = make_executor(config, evaluation_of(config.evaluate).evaluate(dataset.folder), placement)
        _check_room(config, executor, placement)
    with (
        nullcontext() if executor is None else closing(executor),
        _open_store(config, folder, placement, dataset) as store,
        nullcontext() if executor is None else _shards(config, placement) as shards,
    ):
        core = make_core(config, store, dataset.shape, shards)
        if executor is not None:
            placement = replace(placement, workers=num_workers(executor, placement))
        callback.begin(core, config, placement, dataset.notes)
        if executor is not None:
            store.begin_session(time.time(), placement.workers or 1)
            drive(core, executor, store, callback.step)
            if config.confirm.at_end:
                _confirm(core, config, store, executor, callback)
        return Results.of(store, running=False, trials=core.trials)


def run_confirmation(
    folder: Path,
    *,
    top: int | None,
    num_seeds: int | None,
    numbers: Sequence[int],
    placement: Placement,
    callback: Callback,
) -> Results:
    """Retrain the `top` architectures of a stored run, or the trials `numbers`, with `num_seeds` fresh seeds each."""
    config, _ = read_config(folder)
    if isinstance(config.evaluate, TableSettings):
        raise ConfigError(f"{folder} looks accuracies up in a table, where they stay what they are: nothing to confirm")
    changes = {"top": top or config.confirm.top, "num_seeds": num_seeds or config.confirm.num_seeds}
    config = config.changed(confirm=config.confirm.model_copy(update=changes))
    dataset = look_at_data(config, placement)
    with Store.open(folder) as store:
        check_same_data(store, dataset.name)
        executor = make_executor(config, evaluation_of(config.evaluate).evaluate(dataset.folder), placement)
        try:
            core = make_core(config, store, dataset.shape)
            store.begin_session(time.time(), num_workers(executor, placement) or 1)
            _confirm(core, config, store, executor, callback, numbers)
        finally:
            executor.close()
        return Results.of(store, running=False)


def is_complete(config: RunConfig, folder: Path) -> bool:
    """Whether the run in `folder`, if any, has nothing left to do for `config`."""
    if not exists(folder):
        return False
    with Store.read(folder) as store:
        trials = store.trials()[: config.num_trials]
        ended = len(trials) == config.num_trials and all(trial.state.finished for trial in trials)
        return ended and not _confirmations_missing(config, store)


def make_executor(config: RunConfig, evaluate: Evaluate, placement: Placement) -> Executor:
    """Worker processes here or on a Ray cluster, or this process where none are asked for."""
    if placement.executor == "ray":
        return RayExecutor(
            evaluate,
            address=placement.address,
            workers=placement.workers,
            gpus_per_child=placement.gpus_per_child,
            time_limit=config.time_limit_seconds,
        )
    if placement.workers is None:
        return InProcessExecutor(evaluate)
    return LocalExecutor(evaluate, workers=placement.workers, time_limit=config.time_limit_seconds)


def _check_room(config: RunConfig, executor: Executor, placement: Placement) -> None:
    """A cluster with less than one child's place for each replica is not the one that was meant."""
    if config.replicas is None or placement.workers is not None or not isinstance(executor, RayExecutor):
        return
    count, room = config.replicas.count, executor.workers
    if room < count:
        executor.close()
        raise ConfigError(
            f"{count} replicas keep {config.most_in_flight} children in training, and the Ray cluster has room for "
            f"{room}, less than one for each replica; give --replicas {room}, or start more nodes (`ray status` shows "
            f"those that there are), or make do with them by --workers {room}. A run that has begun keeps its replicas"
        )


def _shards(config: RunConfig, placement: Placement) -> AbstractContextManager[Shards | None]:
    """Where the parameters of replicas are kept: on the nodes of a Ray cluster; None is in this process."""
    if placement.executor != "ray" or config.replicas is None:
        return nullcontext()
    assert isinstance(config.strategy, ReinforceSettings)
    shards = RayShards(
        config.replicas.servers,
        learning_rate=config.strategy.learning_rate,
        accumulate=config.replicas.accumulate,
        address=placement.address,
        workers=placement.workers,
    )
    return closing(shards)


def num_workers(executor: Executor, placement: Placement) -> int | None:
    """How many children run at once; None in this process."""
    return executor.workers if isinstance(executor, RayExecutor) else placement.workers


def _confirm(
    core: SearchCore,
    config: RunConfig,
    store: Store,
    executor: Executor,
    callback: Callback,
    numbers: Sequence[int] = (),
) -> None:
    trials = core.trials[: config.num_trials]
    confirm(
        trials_numbered(trials, numbers) if numbers else best_trials(trials, config.confirm.top),
        config=config,
        reward=evaluation_of(config.evaluate).reward,
        store=store,
        executor=executor,
        num_seeds=config.confirm.num_seeds,
        on_result=callback.confirming,
    )


def _confirmations_missing(config: RunConfig, store: Store) -> bool:
    if not config.confirm.at_end:
        return False
    stored = {(each.fingerprint, each.repeat) for each in store.confirmations()}
    best = best_trials(store.trials()[: config.num_trials], config.confirm.top)
    return any((trial.fingerprint, n) not in stored for trial in best for n in range(config.confirm.num_seeds))


def _open_store(config: RunConfig, folder: Path | None, placement: Placement, dataset: DatasetInfo) -> Store:
    documents = {"config": config.to_json(), "place": placement.to_json(), "about": _about(config, dataset)}
    if folder is None:
        return Store.in_memory(documents)
    if not exists(folder):
        return Store.create(folder, documents)
    store = Store.open(folder)
    try:
        check_same_data(store, dataset.name)
        for name in ("config", "place"):
            if store.document(name) != documents[name]:
                store.write_document(name, documents[name])
    except BaseException:
        store.close()
        raise
    return store


def check_same_data(store: Store, name: str | None) -> None:
    """Numbers measured on different data do not belong in one run; `name` is that of the data now."""
    begun_with = store.document("about")["data"]
    if begun_with != name:
        raise DataError(
            f"{store.folder} was searched on {begun_with}, and now the data is {name}; give it the same data, or "
            "search the other data in a run of its own"
        )


def look_at_data(config: RunConfig, placement: Placement) -> DatasetInfo:
    """Open the data once here, so that a bad file is found before any worker starts."""
    return evaluation_of(config.evaluate).open(placement.data, verify=placement.verify)


def _about(config: RunConfig, dataset: DatasetInfo) -> dict[str, Any]:
    """What made the run, for whoever reads its numbers later."""
    reward = evaluation_of(config.evaluate).reward
    return {
        "data": dataset.name,
        "data_notes": dataset.notes,
        "score_name": reward.score_name,
        "higher_is_better": reward.higher_is_better,
        "command": sys.argv,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {name: version(name) for name in ("netwright", "torch", "numpy")}
        | {"python": platform.python_version()},
        "hardware": hardware(),
    }


def hardware() -> str:
    """The processor and the GPU in words."""
    capability = torch.backends.cpu.get_cpu_capability()
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    name = torch.cpu.get_capabilities().get("cpu_name", platform.processor())
    return f"{name} ({capability}, {os.cpu_count()} cores){gpu}"
