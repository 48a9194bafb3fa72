"""The paper's asynchronous scheme on the command line: its options of `netwright search`, and `netwright replay`."""

from typing import Annotated, Any

import typer

from netwright.cli.options import RunArgument
from netwright.errors import ConfigError

PANEL = "Replicas of the controller"

ReplicasOption = Annotated[
    int | None,
    typer.Option(
        "--replicas",
        min=1,
        metavar="K",
        rich_help_panel=PANEL,
        help="So many controllers that share their parameters, as the paper's 100. [dim]Default: one controller[/]",
    ),
]
BatchOption = Annotated[
    int | None,
    typer.Option("--batch", min=1, metavar="M", rich_help_panel=PANEL, help="Architectures for each gradient."),
]
ServersOption = Annotated[
    int | None,
    typer.Option(
        "--servers", min=1, metavar="S", rich_help_panel=PANEL, help="Shards of the parameters. [dim]Default: 20[/]"
    ),
]
AccumulateOption = Annotated[
    int | None,
    typer.Option(
        "--accumulate",
        min=1,
        metavar="N",
        rich_help_panel=PANEL,
        help="Gradients for each update. [dim]Default: 1, for ptb 10[/]",
    ),
]
MaxStalenessOption = Annotated[
    int | None,
    typer.Option(
        "--max-staleness",
        min=0,
        metavar="D",
        rich_help_panel=PANEL,
        help="Drop a gradient that is more than so many updates old. [dim]Default: none is dropped[/]",
    ),
]


PAPER: dict[str, tuple[int, dict[str, int]]] = {
    "ptb": (1, {"accumulate": 10}),
    "ptb-max-sin": (1, {"accumulate": 10}),
    "cifar10-slides": (8, {"servers": 10}),
}
"""Architectures for each gradient, and settings, where an experiment's differ from the defaults: those of CIFAR-10."""


def with_replicas(config: Any, replicas: int | None, batch: int | None, **settings: int | None) -> Any:
    """`config` after the options of replicas; those that were not given are None."""
    given = {name: value for name, value in settings.items() if value is not None}
    if replicas is not None:
        usual_batch, usual = PAPER.get(config.recipe, (config.batch_size, {}))
        if config.replicas is None:
            # As in the paper: a replica waits for its children before it draws again.
            config = config.changed(lag=0, batch_size=usual_batch)
            given = {**usual, **given}
        given["count"] = replicas
    elif given and config.replicas is None:
        option = f"--{next(iter(given)).replace('_', '-')}"
        raise ConfigError(f"{option} is a setting of replicas, and there are none; give --replicas K as well")
    if batch is not None:
        config = config.changed(batch_size=batch)
    if not given:
        return config
    return config.changed(replicas={**(config.replicas.to_json() if config.replicas else {}), **given})


def replay(run: RunArgument) -> None:
    """Go through a run again, without training, and check that it gives the same parameters bit for bit.

    Every batch is drawn and learned in the stored order. What comes out is compared with every stored trial and update,
    and with the stored parameters.
    """
    from netwright.searching.replay import replay as replayed
    from netwright.searching.run import read_config
    from netwright.searching.store import Store

    config, _ = read_config(run)
    with Store.read(run) as store:
        found = replayed(config, store)
    parameters = f"{config.strategy.name} keeps no parameters."
    if found.num_numbers:
        parameters = f"{found.num_numbers:,} numbers of the strategy's state equal bit for bit.\nsha256 {found.digest}"
    print(
        f"The replay equals the run: {found.num_drawn:,} architectures drawn, {found.num_updates:,} batches learned, "
        f"{parameters}"
    )
