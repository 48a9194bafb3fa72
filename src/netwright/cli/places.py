"""Where a run goes on: what its folder says, and what the command line says differently."""

from dataclasses import replace
from pathlib import Path

from netwright.cli.options import ExecutorName
from netwright.config import RunConfig
from netwright.searching.run import Place, default_workers


def placed(
    place: Place,
    config: RunConfig,
    *,
    workers: int | None,
    data: Path | None,
    executor: ExecutorName | None,
    address: str | None,
    gpus_per_child: float | None,
) -> Place:
    """`place` with what the options say; None stands for an option that was not given.

    A number of workers was meant for one kind of place and is not taken over to the other.
    """
    if executor is not None and executor.value != place.executor:
        place = replace(place, executor=executor.value, workers=None, address=None, gpus_per_child=None)
    return replace(
        place,
        workers=workers or place.workers or (default_workers(config) if place.executor == "local" else None),
        data=data.resolve() if data else place.data,
        address=address or place.address,
        gpus_per_child=place.gpus_per_child if gpus_per_child is None else gpus_per_child,
    )
