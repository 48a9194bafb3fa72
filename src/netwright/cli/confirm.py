"""`netwright confirm`."""

from netwright.cli import options
from netwright.cli.app import command_in, interruption_explained
from netwright.cli.help import SEARCH


@command_in(SEARCH)
def confirm(
    run: options.RunArgument,
    top: options.ConfirmTopOption = None,
    num_seeds: options.RetrainingsOption = None,
    epochs: options.ConfirmEpochsOption = None,
    first: options.FirstOption = None,
    trial: options.ConfirmTrialOption = None,
    workers: options.WorkersOption = None,
    children_per_gpu: options.ChildrenPerGpuOption = None,
    executor: options.ExecutorOption = None,
    address: options.AddressOption = None,
    gpus_per_child: options.GpusPerChildOption = None,
    data: options.DataOption = None,
    accept_data: options.AcceptDataOption = False,
    accept_device: options.AcceptDeviceOption = False,
    trust_code: options.TrustCodeOption = False,
) -> None:
    """Retrain the best architectures with fresh seeds on the same split.

    The score of the best of many noisy trainings is optimistic. The means over fresh seeds that this command prints are
    not, and can be quoted. Networks that were searched with few epochs are ranked better with more: --epochs, after a
    first choice by --first.

    Examples:
        netwright confirm runs/digits-reinforce-seed0 --top 3 --num-seeds 5
        netwright confirm runs/digits-reinforce-seed0 --trial 12
        netwright confirm runs/digits-reinforce-seed0 --first 12:1/10 --epochs 50
    """
    from netwright.cli.hints import after_run, print_next
    from netwright.cli.running import epochs_and_share, placement_with, print_end
    from netwright.searching.progress import make_progress
    from netwright.searching.run import read_config, run_confirmation

    config, placement = read_config(run, trust_code=trust_code)
    placement = placement_with(
        placement,
        config,
        command=("confirm", run),
        workers=workers,
        children_per_gpu=children_per_gpu,
        data=data,
        executor=executor,
        address=address,
        gpus_per_child=gpus_per_child,
    )
    steps = [epochs_and_share("--first", each) for each in first or ()]
    kept = "Every finished trial is kept; go on by the same command"
    with interruption_explained(lambda: kept), make_progress(live=None, verbose=True) as callback:
        results = run_confirmation(
            run, numbers=trial or (), placement=placement, callback=callback, accept_data=accept_data,
            accept_device=accept_device, top=top,
            num_seeds=num_seeds, epochs=epochs, first=steps or None,
        )  # fmt: skip
    print_end(results, max(top or 0, len(results.confirmed)), run)
    print_next(*after_run(results, run))
