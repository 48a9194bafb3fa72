"""What `search`, `resume` and `confirm` share: where a run continues, and what is printed at its end.

It brings torch, so the commands import it when they are called.
"""

import shlex
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from netwright.cli.app import interruption_explained
from netwright.cli.hints import after_run, print_next
from netwright.cli.tables import print_results
from netwright.config import RunConfig
from netwright.errors import ConfigError, NetwrightError, RunError, command
from netwright.integrations.tensorboard import Curves
from netwright.searching.callbacks import Callbacks
from netwright.searching.placement import Placement, chosen_workers, default_workers
from netwright.searching.progress import make_progress
from netwright.searching.results import Results
from netwright.searching.run import is_complete, run_search
from netwright.searching.store import exists
from netwright.terminal import Terminal


def placement_with(
    placement: Placement,
    config: RunConfig,
    *,
    command: tuple[str, str | Path],
    workers: int | None,
    children_per_gpu: int | None,
    data: Path | None,
    executor: str | None,
    address: str | None,
    gpus_per_child: float | None,
) -> Placement:
    """`placement` after the options of the command line; None stands for an option that was not given.

    With another executor than the stored one, workers and cluster are not taken over: they belong to the stored one.
    `command` is that which the user typed, with its argument, for `check_address`.
    """
    if executor is not None and executor != placement.executor:
        placement = replace(placement, executor=executor, workers=None, address=None, gpus_per_child=None)
    check_address(placement, address, *command)
    chosen = chosen_workers(config, workers, children_per_gpu, on_cluster=placement.on_cluster)
    return replace(
        placement,
        workers=chosen or placement.workers or (default_workers(config) if not placement.on_cluster else None),
        data=data.absolute() if data else placement.data,
        address=address or placement.address,
        gpus_per_child=placement.gpus_per_child if gpus_per_child is None else gpus_per_child,
    )


def epochs_and_share(option: str, text: str) -> tuple[int, float]:
    """Return the number of epochs and the share of a value EPOCHS:SHARE of an option."""
    epochs, _, share = text.partition(":")
    try:
        return int(epochs), float(Fraction(share))
    except (ValueError, ZeroDivisionError):
        raise ConfigError(f"{option} {text}: expected EPOCHS:SHARE, for example {option} 4:1/4") from None


def check_address(stored: Placement, given: str | None, name: str, argument: str | Path) -> None:
    """Raise `ConfigError` if the address of a Ray cluster is in the stored placement alone.

    A run may come from anyone, and who runs the cluster at an address receives the run's code and data.
    """
    if stored.address is not None and given is None:
        again = command(name, argument, "--address", stored.address)
        raise ConfigError(
            f"the run names a Ray cluster at {stored.address}, which is used only if you give its address yourself: "
            f"{again}"
        )


def run_to_the_end(
    config: RunConfig,
    folder: Path,
    placement: Placement,
    *,
    top: int,
    tensorboard: bool,
    accept_data: bool,
    accept_device: bool,
    accept_changes: bool,
    overwrite: bool = False,
) -> None:
    """Start or continue the run in `folder` and print its results; `RunError` if no trial was measured."""
    complete = not overwrite and is_complete(config, folder)
    callbacks = [make_progress(live=None, verbose=True)]
    if tensorboard:
        callbacks.append(curves := Curves(folder))
        Terminal(stderr=True, soft_wrap=True).print(
            f"live curves: {shlex.join(['tensorboard', '--logdir', str(curves.folder)])}", highlight=False, markup=False
        )

    def remedy() -> str:
        if not exists(folder):
            return "The run was not begun; the same command starts it"
        return f"Every finished trial is kept; go on: {command('resume', folder)}"

    with interruption_explained(remedy), Callbacks(*callbacks) as callback:
        results = run_search(
            config, folder, placement, callback, accept_data=accept_data, accept_device=accept_device,
            accept_changes=accept_changes, overwrite=overwrite,
        )  # fmt: skip
    print_end(results, top, folder)
    if not results.top(1):
        reasons = (f"trial {trial.number}: {trial.error.splitlines()[0]}" for trial in results.trials if trial.error)
        raise RunError(f"no trial of {folder} was measured; {next(reasons, 'none has ended')}")
    if complete:
        longer = command("resume", folder, "--trials", 2 * config.num_trials)
        Terminal(soft_wrap=True).print(
            f"This run was finished already. To extend it: {longer}; to start over, search with --overwrite.",
            highlight=False,
            markup=False,
        )
    print_next(*after_run(results, folder))


def print_end(results: Results, top: int, folder: Path) -> None:
    """Print the table of a run that has ended, write its report, and print where it is."""
    from netwright.report.page import write_report

    console = Terminal()
    print_results(console, results, top)
    try:
        line = f"Report: {write_report(folder)}"
    except NetwrightError as error:  # for example a full disk: the results of the search are kept all the same
        line = f"No report could be written: {error}"
    console.print(line, highlight=False, markup=False, soft_wrap=True)
