"""`netwright search`."""

from pathlib import Path

from netwright.cli import options
from netwright.cli.app import command_in, print_note
from netwright.cli.help import SEARCH
from netwright.config import RunConfig, strategy_settings
from netwright.errors import ConfigError

PAPER: dict[str, tuple[int, dict[str, int]]] = {
    "ptb": (1, {"accumulate": 10}),
    "ptb-max-sin": (1, {"accumulate": 10}),
    "ptb-characters": (1, {"accumulate": 10}),
    "cifar10-slides": (8, {"servers": 10}),
}
"""Architectures per gradient and replica settings of the experiments that differ from CIFAR-10's, the defaults."""


@command_in(SEARCH)
def search(
    recipe: options.RecipeArgument,
    trials: options.TrialsOption = None,
    workers: options.WorkersOption = None,
    children_per_gpu: options.ChildrenPerGpuOption = None,
    executor: options.ExecutorOption = None,
    address: options.AddressOption = None,
    gpus_per_child: options.GpusPerChildOption = None,
    seed: options.SeedOption = 0,
    strategy: options.StrategyOption = None,
    out: options.OutOption = None,
    data: options.DataOption = None,
    image_size: options.ImageSizeOption = None,
    verify: options.VerifyOption = True,
    accept_data: options.AcceptDataOption = False,
    accept_device: options.AcceptDeviceOption = False,
    max_parameters: options.MaxParametersOption = None,
    max_flops: options.MaxFlopsOption = None,
    stop: options.StopOption = None,
    in_flight: options.InFlightOption = None,
    estimate: options.EstimateOption = False,
    tensorboard: options.TensorboardOption = False,
    replicas: options.ReplicasOption = None,
    batch: options.BatchOption = None,
    servers: options.ServersOption = None,
    accumulate: options.AccumulateOption = None,
    max_staleness: options.MaxStalenessOption = None,
    settings: options.SettingsOption = None,
    overwrite: options.OverwriteOption = False,
    accept_changes: options.AcceptChangesOption = False,
    top: options.TopOption = 10,
) -> None:
    """Search for architectures, or continue a search.

    Every finished trial is stored in the run's folder. The same command continues a run that stopped for any reason; a
    higher --trials extends it.

    Examples:
        netwright search digits
        netwright search digits --strategy random --trials 200
        netwright search images --data FOLDER
        netwright search cifar10-quick --set evaluate.epochs=5 -o runs/mine
        netwright search images --data FOLDER --stop 1:1/4 --stop 4:1/4

    `netwright data FOLDER` shows how the images of FOLDER are read.
    """
    from netwright.cli.reading import reading_shown
    from netwright.cli.running import epochs_and_share, placement_with, run_to_the_end
    from netwright.recipes import config_of
    from netwright.searching.placement import Placement
    from netwright.searching.run import continued
    from netwright.searching.same_code import previous_of
    from netwright.searching.store import exists

    data = data.absolute() if data else None
    with reading_shown(set(), left_out=False):
        config = config_of(recipe, data, image_size).changed(seed=seed)
    config = _configured(config, strategy, max_parameters=max_parameters, max_multiply_adds=max_flops)
    if stop:
        config = config.changed(stopping={"rungs": [epochs_and_share("--stop", each) for each in stop]})
    config = with_replicas(config, replicas, batch, servers=servers, accumulate=accumulate, max_staleness=max_staleness)
    config = config.with_settings(settings or [])
    if in_flight is not None:
        config = config.with_in_flight(in_flight)
    placement = placement_with(
        Placement(verify=verify), config, command=("search", recipe), workers=workers, data=data, executor=executor,
        address=address, children_per_gpu=children_per_gpu, gpus_per_child=gpus_per_child,
    )  # fmt: skip
    if estimate:
        from netwright.cli.estimate import print_estimates

        print_estimates(config if trials is None else config.changed(num_trials=trials), placement)
        return
    folder = out or Path("runs") / f"{recipe.rpartition(':')[2]}-{config.strategy.name}-seed{seed}"
    if not overwrite:
        config = continued(config, folder, num_trials=trials)
    elif trials is not None:
        config = config.changed(num_trials=trials)
    if overwrite and exists(folder):
        print_note(f"the earlier run in {folder} is renamed to {previous_of(folder)}")
    run_to_the_end(
        config,
        folder,
        placement,
        top=top,
        tensorboard=tensorboard,
        accept_data=accept_data,
        accept_device=accept_device,
        accept_changes=accept_changes,
        overwrite=overwrite,
    )


def _configured(config: RunConfig, strategy: str | None, **limits: int | None) -> RunConfig:
    """`config` after the options; `limits` are constraints, None for one that was not given."""
    if strategy is not None and strategy != config.strategy.name:
        config = config.with_strategy(strategy_settings(strategy))
    given = {name: limit for name, limit in limits.items() if limit is not None}
    return config.changed(constraints=config.constraints.model_copy(update=given))


def with_replicas(config: RunConfig, replicas: int | None, batch: int | None, **settings: int | None) -> RunConfig:
    """`config` after the options of replicas; None stands for an option that was not given."""
    given = {name: value for name, value in settings.items() if value is not None}
    if replicas is not None:
        usual_batch, usual = PAPER.get(config.recipe, (config.batch_size, {}))
        if config.replicas is None:
            # As in the paper: a replica waits for its children before it samples again.
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
