"""`netwright compare`: strategies side by side."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from netwright.cli.app import app, reporting
from netwright.cli.options import DataOption, RepeatsName, VerifyOption, WorkersOption

if TYPE_CHECKING:
    from netwright.compare.comparison import Comparison


@app.command()
@reporting
def compare(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE", help="A name from `netwright recipes`, or FILE.py:FUNCTION.", show_default=False
        ),
    ],
    strategies: Annotated[
        str,
        typer.Option(
            "--strategies",
            metavar="A,B,...",
            help="Who is compared; with settings as reinforce:learning_rate=0.01:hidden_size=50.",
            show_default=False,
        ),
    ],
    num_seeds: Annotated[int, typer.Option("--num-seeds", min=1, help="Runs of every strategy.")] = 5,
    trials: Annotated[int | None, typer.Option("--trials", min=1, help="The budget of every run, in trials.")] = None,
    budget: Annotated[
        float | None,
        typer.Option("--budget", metavar="SECONDS", help="Or in seconds: a table's, or those that children took."),
    ] = None,
    repeats: Annotated[
        RepeatsName,
        typer.Option(
            "--repeats", help="charged: a repeated architecture costs its seconds again and counts as a trial."
        ),
    ] = RepeatsName.charged,
    max_proposals: Annotated[
        int | None,
        typer.Option(
            "--max-proposals",
            min=1,
            help="Where seconds are the budget or repeats are free, a run ends after so many. [dim]Default: 1000, or "
            "10 x --trials where that is more[/]",
        ),
    ] = None,
    workers: WorkersOption = None,
    folder: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The comparison's folder. [dim]Default: comparisons/RECIPE-A-B-...[/]"),
    ] = None,
    data: DataOption = None,
    verify: VerifyOption = True,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, for all strategies alike. Repeatable."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All numbers as one JSON document.")] = False,
) -> None:
    """Compare strategies: the same recipe, equal budgets, several seeds, means with intervals.

    Every run is kept; the same command goes on where it stopped. More seeds and further strategies can be added to the
    same --out later, everything else has to stay.

        netwright compare digits --strategies random,reinforce --num-seeds 3 --trials 96
        netwright compare FILE.py:FUNCTION --strategies random,reinforce:learning_rate=0.01 --num-seeds 100 --trials 200
    """
    from netwright.cli.stages import Stages
    from netwright.compare.comparison import Comparison
    from netwright.compare.page import write_page
    from netwright.compare.plan import Repeats, default_folder, make_plan
    from netwright.compare.runs import execute
    from netwright.recipes import config_of
    from netwright.searching.placement import Placement

    data = data.resolve() if data else None
    plan = make_plan(
        config_of(recipe, data),
        strategies,
        num_seeds=num_seeds,
        trials=trials,
        seconds=budget,
        repeats=Repeats(repeats),
        max_proposals=max_proposals,
        settings=settings or [],
    )
    folder = folder or default_folder(recipe, strategies)
    unit = plan.budget.unit
    try:
        with Stages() as stages:
            records, opened = execute(
                plan,
                folder,
                Placement(workers, data, verify),
                lambda spent, total: stages(unit, round(spent), max(1, round(total))),
            )
    except KeyboardInterrupt as interruption:
        kept = "run" if plan.runs_are_jobs else "trial"
        raise type(interruption)(f"Every finished {kept} is kept; go on by the same command") from None
    comparison = Comparison.of(plan, records, opened)
    page = write_page(comparison, folder)
    if as_json:
        print(json.dumps(comparison.to_json(), allow_nan=False))
        return
    _print(comparison, page)


def _print(comparison: "Comparison", page: Path) -> None:
    from netwright.cli.tables import print_table
    from netwright.compare import tables

    console = Console()
    print_table(console, *tables.strategies(comparison))
    if len(comparison.summaries) > 1:
        console.print()
        print_table(console, *tables.pairs(comparison))
    for note in tables.notes(comparison):
        console.print(note, style="dim", highlight=False, soft_wrap=True, markup=False)
    console.print(f"Page: {page}", highlight=False, soft_wrap=True, markup=False)
