"""`netwright recipes`."""

from netwright.cli.app import command_in
from netwright.cli.help import FIND
from netwright.terminal import Terminal


@command_in(FIND)
def recipes() -> None:
    """List every recipe with what it searches and what it costs.

    Examples:
        netwright recipes
    """
    from netwright.cli.tables import print_table
    from netwright.recipes import RECIPES
    from netwright.spaces.exploring import size_of

    rows = []
    for name, recipe in RECIPES.items():
        what, _, cost = (recipe.__doc__ or "").partition("\n")
        config = recipe()
        last = config.space.at(config.num_trials - 1)
        rows.append([name, f"{config.num_trials:,}", str(size_of(last)), what.strip(), cost.strip()])
    print_table(Terminal(), ["recipe", "trials", "architectures", "what it searches", "what it costs"], rows)
