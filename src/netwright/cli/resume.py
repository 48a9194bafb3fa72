"""`netwright resume`."""

from netwright.cli import options
from netwright.cli.app import command_in
from netwright.cli.help import SEARCH


@command_in(SEARCH)
def resume(
    run: options.RunArgument,
    trials: options.TrialsOption = None,
    workers: options.WorkersOption = None,
    children_per_gpu: options.ChildrenPerGpuOption = None,
    executor: options.ExecutorOption = None,
    address: options.AddressOption = None,
    gpus_per_child: options.GpusPerChildOption = None,
    data: options.DataOption = None,
    accept_data: options.AcceptDataOption = False,
    accept_device: options.AcceptDeviceOption = False,
    tensorboard: options.TensorboardOption = False,
    accept_changes: options.AcceptChangesOption = False,
    trust_code: options.TrustCodeOption = False,
    top: options.TopOption = 10,
) -> None:
    """Continue a run with the settings that it was started with.

    Examples:
        netwright resume runs/digits-reinforce-seed0
        netwright resume runs/digits-reinforce-seed0 --trials 400
    """
    from netwright.cli.running import placement_with, run_to_the_end
    from netwright.searching.run import read_config

    config, placement = read_config(run, trust_code=trust_code)
    if trials is not None:
        config = config.changed(num_trials=trials)
    placement = placement_with(
        placement,
        config,
        command=("resume", run),
        workers=workers,
        children_per_gpu=children_per_gpu,
        data=data,
        executor=executor,
        address=address,
        gpus_per_child=gpus_per_child,
    )
    run_to_the_end(
        config,
        run,
        placement,
        top=top,
        tensorboard=tensorboard,
        accept_data=accept_data,
        accept_device=accept_device,
        accept_changes=accept_changes,
    )
