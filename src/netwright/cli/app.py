"""The commands. Each says what it does and leaves the doing to `running` and `results`.

Modules that bring torch are imported inside the commands: `--help` and a mistyped option answer at once.
"""

import functools
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from netwright.cli.draw import draw, report, report_at_end
from netwright.cli.options import (
    AddressOption,
    DataOption,
    EstimateOption,
    ExecutorOption,
    GpusPerChildOption,
    MaxFlopsOption,
    MaxParametersOption,
    OutOption,
    RunArgument,
    StrategyOption,
    TensorboardOption,
    TrialsOption,
    VerifyOption,
    WorkersOption,
)
from netwright.cli.replay import (
    AccumulateOption,
    BatchOption,
    MaxStalenessOption,
    ReplicasOption,
    ServersOption,
    replay,
    with_replicas,
)
from netwright.errors import NetwrightError, RunError
from netwright.execution.signals import interruptible

app = typer.Typer(
    name="netwright",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Write neural networks with reinforcement learning: a controller writes architectures, they are trained, and "
        "how well they do teaches the controller.\n\nStart with [bold]netwright search digits[/] (a minute, nothing "
        "to download)."
    ),
)


def reporting(command: Callable[..., None]) -> Callable[..., None]:
    """Turn netwright's errors and Ctrl-C into a message and an exit code.

    What a command says itself of an interruption goes into the message.
    """

    @functools.wraps(command)
    def reported(*args: Any, **kwargs: Any) -> None:
        try:
            with interruptible():
                command(*args, **kwargs)
        except NetwrightError as error:
            Console(stderr=True, soft_wrap=True).print(f"[bold red]Error:[/] {escape(str(error))}", highlight=False)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt as interruption:
            folder = (kwargs.get("run") or kwargs.get("out")) if command.__name__ in ("search", "resume") else None
            hint = f": netwright resume {folder}" if folder else " by the same command"
            said = str(interruption) or f"Every finished trial is kept; go on{hint}"
            message = f"\nInterrupted. {said}"
            Console(stderr=True, soft_wrap=True).print(message, highlight=False, markup=False)
            raise typer.Exit(130) from None

    return reported


@app.callback(invoke_without_command=True)
def netwright(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    """The command without a subcommand; typer takes its help text from `app` above."""
    if show_version:
        print(f"netwright {version('netwright')}")
        raise typer.Exit


@app.command()
@reporting
def search(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE", help="A name from `netwright recipes`, or FILE.py:FUNCTION.", show_default=False
        ),
    ],
    trials: TrialsOption = None,
    workers: WorkersOption = None,
    executor: ExecutorOption = None,
    address: AddressOption = None,
    gpus_per_child: GpusPerChildOption = None,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same search.")] = 0,
    strategy: StrategyOption = None,
    out: OutOption = None,
    data: DataOption = None,
    verify: VerifyOption = True,
    max_parameters: MaxParametersOption = None,
    max_flops: MaxFlopsOption = None,
    estimate: EstimateOption = False,
    tensorboard: TensorboardOption = False,
    replicas: ReplicasOption = None,
    batch: BatchOption = None,
    servers: ServersOption = None,
    accumulate: AccumulateOption = None,
    max_staleness: MaxStalenessOption = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, for example evaluate.epochs=3. Repeatable."),
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="How many architectures the table shows.")] = 10,
) -> None:
    """Search for architectures, or go on with a search.

    The run is kept in its folder after every trial. The same command goes on where it stopped, whatever stopped it;
    a higher --trials extends it.

        netwright search digits
        netwright search digits --strategy random --trials 200
        netwright search images --data FOLDER        (your own: one sub-folder of images for each class)
        netwright search cifar10-quick --data FOLDER --set evaluate.epochs=5 -o runs/mine
    """
    from netwright.cli.places import placement_with
    from netwright.config import strategy_settings
    from netwright.recipes import config_of
    from netwright.searching.placement import Placement
    from netwright.searching.run import continued

    data = data.resolve() if data else None
    config = config_of(recipe, data).changed(seed=seed)
    if strategy is not None and strategy != config.strategy.name:
        config = config.changed(strategy=strategy_settings(strategy))
    limits = {"max_parameters": max_parameters, "max_multiply_adds": max_flops}
    limits = {name: limit for name, limit in limits.items() if limit is not None}
    config = config.changed(constraints=config.constraints.model_copy(update=limits))
    config = with_replicas(config, replicas, batch, servers=servers, accumulate=accumulate, max_staleness=max_staleness)
    config = config.with_settings(settings or [])
    placement = placement_with(
        Placement(verify=verify), config, workers=workers, data=data, executor=executor, address=address,
        gpus_per_child=gpus_per_child,
    )  # fmt: skip
    if estimate:
        from netwright.cli.estimate import print_estimates

        config = config if trials is None else config.changed(num_trials=trials)
        print_estimates(config, placement)
        return
    name = recipe.rpartition(":")[2]
    folder = out or Path("runs") / f"{name}-{config.strategy.name}-seed{seed}"
    config = continued(config, folder, num_trials=trials)
    _run(config, folder, placement, top, tensorboard)


@app.command()
@reporting
def resume(
    run: RunArgument,
    trials: TrialsOption = None,
    workers: WorkersOption = None,
    executor: ExecutorOption = None,
    address: AddressOption = None,
    gpus_per_child: GpusPerChildOption = None,
    data: DataOption = None,
    tensorboard: TensorboardOption = False,
    top: Annotated[int, typer.Option("--top", min=1, help="How many architectures the table shows.")] = 10,
) -> None:
    """Go on with a run, with the settings that it was started with."""
    from netwright.cli.places import placement_with
    from netwright.searching.run import read_config

    config, placement = read_config(run)
    if trials is not None:
        config = config.changed(num_trials=trials)
    placement = placement_with(
        placement, config, workers=workers, data=data, executor=executor, address=address, gpus_per_child=gpus_per_child
    )
    _run(config, run, placement, top, tensorboard)


def _run(config: Any, folder: Path, placement: Any, top: int, tensorboard: bool) -> None:
    from netwright.cli.tables import print_results
    from netwright.integrations.tensorboard import Curves
    from netwright.searching.callbacks import Callbacks
    from netwright.searching.progress import make_progress
    from netwright.searching.run import is_complete, run_search

    complete = is_complete(config, folder)
    callbacks = [make_progress(live=None, verbose=True)]
    if tensorboard:
        callbacks.append(curves := Curves(folder))
        typer.echo(f"live curves: tensorboard --logdir {curves.folder}", err=True)
    with Callbacks(*callbacks) as callback:
        results = run_search(config, folder, placement, callback)
    console = Console()
    print_results(console, results, top, folder)
    report_at_end(console, results, folder)
    if not results.top(1):
        reason = next((trial.error.splitlines()[0] for trial in results.trials if trial.error), "")
        raise RunError(f"no trial of {folder} was measured; trial 0: {reason}")
    if complete:
        console.print(
            f"This run was finished already. To extend it: netwright resume {folder} --trials {2 * config.num_trials}; "
            f"to start over: remove {folder} or choose another --out.",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


@app.command()
@reporting
def show(
    run: RunArgument,
    top: Annotated[int, typer.Option("--top", min=1, help="How many architectures to show.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Everything about the run as one JSON document.")] = False,
) -> None:
    """Show what a run has found, also while it goes on."""
    from netwright.cli.tables import print_results
    from netwright.searching.results import Results
    from netwright.searching.store import Store

    with Store.read(run) as store:
        results = Results.of(store)
    if as_json:
        print(json.dumps(results.to_json()))
    else:
        print_results(Console(), results, top, run)


@app.command()
@reporting
def confirm(
    run: RunArgument,
    top: Annotated[
        int | None, typer.Option("--top", min=1, help="How many architectures. [dim]Default: the recipe's[/]")
    ] = None,
    num_seeds: Annotated[
        int | None, typer.Option("--num-seeds", min=1, help="Retrainings of each. [dim]Default: the recipe's[/]")
    ] = None,
    trial: Annotated[
        list[int] | None, typer.Option("--trial", help="Retrain this trial instead of the best ones. Repeatable.")
    ] = None,
    workers: WorkersOption = None,
    executor: ExecutorOption = None,
    address: AddressOption = None,
    gpus_per_child: GpusPerChildOption = None,
    data: DataOption = None,
) -> None:
    """Retrain the best architectures with fresh seeds on the same split.

    The best of many noisy trainings is partly luck. The means printed here are not, and can be quoted.
    """
    from netwright.cli.places import placement_with
    from netwright.cli.tables import print_results
    from netwright.searching.progress import make_progress
    from netwright.searching.run import read_config, run_confirmation

    config, placement = read_config(run)
    placement = placement_with(
        placement, config, workers=workers, data=data, executor=executor, address=address, gpus_per_child=gpus_per_child
    )
    with make_progress(live=None, verbose=True) as callback:
        results = run_confirmation(
            run, top=top, num_seeds=num_seeds, numbers=trial or (), placement=placement, callback=callback
        )
    console = Console()
    print_results(console, results, max(top or 0, len(results.confirmed)), run)
    report_at_end(console, results, run)


for _command in (report, draw, replay):
    app.command()(reporting(_command))


def main() -> None:
    """The entry point of the `netwright` command."""
    app(prog_name="netwright")
