"""`netwright recipes` and `netwright doctor`: what there is to search, and what there is to search with."""

from rich.console import Console
from rich.markup import escape

from netwright.cli.app import app, reporting
from netwright.cli.options import AddressOption, DataOption


@app.command()
@reporting
def recipes() -> None:
    """List every recipe: what it searches and what it costs."""
    from netwright.cli.tables import print_table
    from netwright.recipes import RECIPES
    from netwright.spaces.exploring import size_of

    rows = []
    for name, recipe in RECIPES.items():
        what, _, cost = (recipe.__doc__ or "").partition("\n")
        config = recipe()
        last = config.space.at(config.num_trials - 1)
        rows.append([name, f"{config.num_trials:,}", str(size_of(last)), what.strip(), cost.strip()])
    print_table(Console(), ["recipe", "trials", "architectures", "what it searches", "what it costs"], rows)


@app.command()
@reporting
def doctor(data: DataOption = None, address: AddressOption = None) -> None:
    """Say what a bug report needs: versions, devices, threads, bfloat16, data found, write access.

    With --address what a Ray cluster is made of, and which versions differ there.
    """
    from netwright.cli.doctor import cluster_findings, findings

    console = Console(soft_wrap=True)
    for subject, finding in findings(data) if address is None else cluster_findings(address):
        console.print(f"[bold]{subject:14}[/] {escape(finding)}", highlight=False)
