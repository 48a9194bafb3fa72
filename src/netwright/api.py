"""`nw.search`: a search from Python over a user's own space and function."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from netwright.config import FunctionSettings, ReplicaSettings, RunConfig, strategy_settings
from netwright.config.strategies import StrategySettings
from netwright.errors import ConfigError, NetwrightError, printable
from netwright.execution.signals import interruptible
from netwright.searching.placement import Placement
from netwright.searching.progress import make_progress
from netwright.searching.results import Results
from netwright.searching.run import continued, run_search
from netwright.spaces.checking import check_rules
from netwright.spaces.programs import Space
from netwright.trials import TrialState


def search(
    space: Space | Callable[[], Space],
    evaluate: Callable[..., float],
    *,
    num_trials: int,
    strategy: str | StrategySettings = "reinforce",
    rungs: Sequence[tuple[int, float]] = (),
    workers: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    batch_size: int | None = None,
    lag: int | None = None,
    replicas: int | ReplicaSettings | None = None,
    executor: str = "local",
    address: str | None = None,
    gpus_per_child: float | None = None,
    time_limit_seconds: float | None = None,
    progress: bool | None = None,
    overwrite: bool = False,
    accept_changes: bool = False,
) -> Results:
    """Search `space` for the architecture with the highest `evaluate(architecture)`.

    A trial whose `evaluate` raises or returns NaN fails, and is learned with a value below every reward so far; a
    warning carries the first traceback. The call continues a run in `out` only with the same space and the same code
    of `evaluate`, comments aside. Ctrl-C returns the results so far if there is no `out`, with a warning; SIGTERM and
    SIGHUP raise KeyboardInterrupt as Ctrl-C otherwise does.

    Args:
        space: The search space, or a function without arguments that returns it.
        evaluate: Returns the reward of an architecture; higher is better. With a second argument `trial`, a
            `TrialContext`, it can report its scores while it trains: `trial.report(epoch, score)`.
        num_trials: Total number of architectures to try.
        strategy: A strategy's name, or its settings.
        rungs: Where training stops early: numbers of reported steps, ascending, each with the share of the children
            that are trained further, for example `[(1, 1 / 4), (4, 1 / 4)]` (docs/algorithm.md).
        workers: Processes that evaluate. None is this process; on Ray, as many as the cluster has room for.
        seed: The same seed gives the same search.
        out: The folder for all trials and report.html; the same call continues a search that stopped.
        batch_size: Architectures per update of the strategy. None is 8, and 1 for `thompson`.
        lag: Updates by which a batch may be sampled early. None is 1, and 0 with replicas.
        replicas: Controllers that share their parameters (docs/distributed.md); None is one controller.
        executor: "local" for processes of this machine, or "ray" for a Ray cluster's.
        address: The Ray cluster; None starts one on this machine.
        gpus_per_child: GPUs per child on Ray; None is one where there are GPUs.
        time_limit_seconds: Limit per trial; needs `workers` or Ray.
        progress: Whether to show a bar; None shows it in a terminal.
        overwrite: Whether to begin anew if `out` holds a run, which is then renamed to OUT.previous.
        accept_changes: Whether to go on although the space or `evaluate` has changed; earlier trials are marked.

    Returns:
        The results: `.best` and `.top(k)` are trials with `.proposal.architecture`, `.reward` and `.metrics`.

    Raises:
        ConfigError, SpaceError: An argument is wrong, or the code has changed since the run in `out` began.
        RunError: The first trials all raised, or the disk is full.
    """
    if isinstance(replicas, int):
        replicas = ReplicaSettings.from_json({"count": replicas})
    lag = (0 if replicas else 1) if lag is None else lag
    strategy = strategy_settings(strategy)
    size = strategy.batch_size if batch_size is None else batch_size
    batches = {} if size is None else {"batch_size": size}
    config = _config(
        space, evaluate, strategy, num_trials=num_trials, seed=seed, lag=lag, replicas=replicas, **batches,
        time_limit_seconds=time_limit_seconds, stopping={"rungs": tuple(rungs)},
    )  # fmt: skip
    placement = Placement(workers=workers, executor=executor, address=address, gpus_per_child=gpus_per_child)
    folder = None if out is None else Path(out).absolute()  # `evaluate` may change the working directory
    return _run(config, folder, placement, progress, accept_changes=accept_changes, overwrite=overwrite)


def _config(
    space: Space | Callable[[], Space],
    evaluate: Callable[..., float],
    strategy: StrategySettings,
    **settings: object,
) -> RunConfig:
    space = space if isinstance(space, Space) or not callable(space) else space()
    check_rules(space, num_samples=20)
    if not callable(evaluate):
        raise ConfigError(f"evaluate is a function of an architecture that returns a number; got {evaluate!r}")
    function = FunctionSettings(function=evaluate)
    return RunConfig.from_json({"space": space, "evaluate": function, "strategy": strategy, **settings})


def _run(
    config: RunConfig,
    folder: Path | None,
    placement: Placement,
    progress: bool | None,
    *,
    accept_changes: bool,
    overwrite: bool,
) -> Results:
    """Run the search, write its report into `folder` if there is one, and warn if trials failed."""
    workers = placement.workers
    if workers is not None and workers < 1:
        raise ConfigError(f"workers is a number of processes, 1 or more, or None for this process; got {workers}")
    if workers is None and not placement.on_cluster and config.time_limit_seconds is not None:
        raise ConfigError("time_limit_seconds needs processes that can be stopped; pass workers=1 or more")
    if folder is not None and not overwrite:
        config = continued(config, folder, num_trials=config.num_trials)
    with interruptible(), make_progress(live=progress, verbose=False) as callback:
        results = run_search(config, folder, placement, callback, accept_changes=accept_changes, overwrite=overwrite)
    if folder is not None:
        from netwright.report.page import write_report

        try:
            write_report(folder)
        except NetwrightError as error:  # for example a full disk: the results are kept all the same
            warnings.warn(f"no report could be written: {error}", stacklevel=3)
    if results.state == "interrupted":
        ended = sum(trial.state.finished for trial in results.counted)
        warnings.warn(f"interrupted: {ended} of {config.num_trials} trials have ended", stacklevel=3)
    failed = [trial for trial in results.trials if trial.state is TrialState.FAILED]
    if failed:
        warnings.warn(
            f"{len(failed)} of {config.num_trials} trials failed; trial {failed[0].number}: "
            + printable(failed[0].error or ""),
            stacklevel=3,
        )
    return results
