"""Where a run goes on: what its folder says, and what the command line says differently."""

from dataclasses import replace
from pathlib import Path

from netwright.cli.options import ExecutorName
from netwright.config import RunConfig
from netwright.searching.placement import Placement, default_workers


def placement_with(
    placement: Placement,
    config: RunConfig,
    *,
    workers: int | None,
    data: Path | None,
    executor: ExecutorName | None,
    address: str | None,
    gpus_per_child: float | None,
) -> Placement:
    """`placement` with what the options say; None stands for an option that was not given.

    A number of workers was meant for one kind of place and is not taken over to the other.
    """
    if executor is not None and executor.value != placement.executor:
        placement = replace(placement, executor=executor.value, workers=None, address=None, gpus_per_child=None)
    return replace(
        placement,
        workers=workers or placement.workers or (default_workers(config) if placement.executor == "local" else None),
        data=data.resolve() if data else placement.data,
        address=address or placement.address,
        gpus_per_child=placement.gpus_per_child if gpus_per_child is None else gpus_per_child,
    )
