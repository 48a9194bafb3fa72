"""`nw.search`: a search from Python, for a user's own space and own function."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from netwright.config import FunctionSettings, ReplicaSettings, RunConfig, StrategySettings, strategy_settings
from netwright.errors import ConfigError, NetwrightError
from netwright.searching.placement import Placement
from netwright.searching.progress import make_progress
from netwright.searching.results import Results
from netwright.searching.run import continued, run_search
from netwright.spaces.checking import check_space
from netwright.spaces.programs import Space
from netwright.trials import TrialState


def search(
    space: Space | Callable[[], Space],
    evaluate: Callable[[Any], float],
    *,
    num_trials: int,
    strategy: str | StrategySettings = "reinforce",
    workers: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    batch_size: int = 8,
    lag: int | None = None,
    replicas: int | ReplicaSettings | None = None,
    executor: Literal["local", "ray"] = "local",
    address: str | None = None,
    gpus_per_child: float | None = None,
    time_limit_seconds: float | None = None,
    progress: bool | None = None,
) -> Results:
    """Search `space` for the architecture with the highest `evaluate(architecture)`.

    Evaluates in this process, or in `workers` processes. With `executor` "ray" these are a Ray cluster's, by default as
    many as it has room for; docs/distributed.md has `address`, `gpus_per_child` and `replicas`. `lag` is 1, and 0 where
    there are replicas. With `out`, a folder, every trial is kept on disk and the same call goes on where an earlier one
    stopped; at the end stands OUT/report.html. `progress` shows a bar; None shows it in a terminal.

    Returns `Results`: `.best` and `.top(k)` are trials with `.proposal.architecture`, `.reward` and `.metrics`.

    A trial that raises, or returns NaN, fails and counts as reward 0; a warning carries the first traceback. When the
    first trials all raise, the search stops with `RunError`. `ConfigError` and `SpaceError` name a wrong argument.
    """
    space = space if isinstance(space, Space) or not callable(space) else space()
    check_space(space, num_samples=20)
    if not callable(evaluate):
        raise ConfigError(f"evaluate is a function of an architecture that returns a number; got {evaluate!r}")
    if isinstance(replicas, int):
        replicas = ReplicaSettings.from_json({"count": replicas})
    config = RunConfig.from_json(
        {
            "space": space,
            "evaluate": FunctionSettings(function=evaluate),
            "strategy": strategy_settings(strategy),
            "num_trials": num_trials,
            "seed": seed,
            "batch_size": batch_size,
            "lag": (0 if replicas else 1) if lag is None else lag,
            "replicas": replicas,
            "time_limit_seconds": time_limit_seconds,
        }
    )
    if workers is not None and workers < 1:
        raise ConfigError(f"workers is a number of processes, 1 or more, or None for this process; got {workers}")
    if workers is None and executor == "local" and time_limit_seconds is not None:
        raise ConfigError("time_limit_seconds needs processes that can be stopped; pass workers=1 or more")
    placement = Placement(workers=workers, executor=executor, address=address, gpus_per_child=gpus_per_child)
    folder = None if out is None else Path(out)
    if folder is not None:
        config = continued(config, folder, num_trials=num_trials)
    with make_progress(live=progress, verbose=False) as callback:
        results = run_search(config, folder, placement, callback)
    if folder is not None:
        _leave_report(folder)
    failed = [trial for trial in results.trials if trial.state is TrialState.FAILED]
    if failed:
        warnings.warn(
            f"{len(failed)} of {num_trials} trials failed; trial {failed[0].number}: {failed[0].error}", stacklevel=2
        )
    return results


def _leave_report(folder: Path) -> None:
    # Plotly takes half a second to import, which a search in memory does not need.
    from netwright.report.page import write_report

    try:
        write_report(folder)
    except NetwrightError as error:  # a full disk, say: what was searched stays found
        warnings.warn(f"no report could be written: {error}", stacklevel=3)
