"""`netwright replay`."""

from netwright.cli import options
from netwright.cli.app import command_in
from netwright.cli.help import MAINTAIN
from netwright.cli.hints import print_next
from netwright.errors import command


@command_in(MAINTAIN)
def replay(run: options.RunArgument, trust_code: options.TrustCodeOption = False) -> None:
    """Repeat a run's sampling and learning without training any child, and compare the result bit for bit.

    Every batch is sampled and learned in the stored order; trials, updates and parameters must equal the stored ones.

    Examples:
        netwright replay runs/digits-reinforce-seed0
    """
    from netwright.searching.replay import replay as replayed
    from netwright.searching.run import read_config
    from netwright.searching.store import Store

    config, _ = read_config(run, trust_code=trust_code)
    with Store.read(run) as store:
        found = replayed(config, store)
    parameters = f"{config.strategy.name} keeps no parameters."
    if found.num_numbers:
        parameters = f"{found.num_numbers:,} numbers of the strategy's state equal bit for bit.\nsha256 {found.digest}"
    print(
        f"The replay equals the run: {found.num_drawn:,} architectures sampled, {found.num_updates:,} batches learned, "
        f"{parameters}"
    )
    print_next(command("show", run))
