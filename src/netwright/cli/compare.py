"""`netwright compare`."""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from netwright.cli import options
from netwright.cli.app import command_in, interruption_explained
from netwright.cli.help import COMPARE
from netwright.cli.hints import opening, print_next
from netwright.terminal import Terminal

if TYPE_CHECKING:
    from netwright.compare.comparison import Comparison
    from netwright.compare.plan import Plan
    from netwright.searching.placement import Placement


@command_in(COMPARE)
def compare(
    recipe: options.RecipeArgument,
    strategies: options.StrategiesOption,
    num_seeds: options.NumSeedsOption = 5,
    trials: options.TrialsBudgetOption = None,
    budget: options.SecondsBudgetOption = None,
    epochs: options.EpochsBudgetOption = None,
    repeats: options.RepeatsOption = "charged",
    max_proposals: options.MaxProposalsOption = None,
    stop: options.StopOption = None,
    confirm: options.LadderOption = False,
    workers: options.WorkersOption = None,
    children_per_gpu: options.ChildrenPerGpuOption = None,
    folder: options.ComparisonOption = None,
    data: options.DataOption = None,
    verify: options.VerifyOption = True,
    settings: options.ComparisonSettingsOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Compare strategies on one recipe with equal budgets and several seeds; print means with intervals.

    Every run is stored; the same command continues a comparison that stopped. Seeds and strategies can be added to the
    same --out later; all other settings must stay the same.

    Examples:
        netwright compare digits --strategies random,reinforce --trials 96
        netwright compare digits-table --trials 80 --num-seeds 20 \\
            --strategies random,evolution,reinforce:learning_rate=0.01
        netwright compare digits --strategies random,thompson --epochs 300 \\
            --stop 1:1/4 --confirm
    """
    from netwright.cli.running import epochs_and_share
    from netwright.compare.page import write_page
    from netwright.compare.plan import Repeats, continued_plan, default_folder, make_plan
    from netwright.recipes import config_of
    from netwright.searching.placement import Placement, chosen_workers

    data = data.absolute() if data else None
    config = config_of(recipe, data)
    if stop:
        config = config.changed(stopping={"rungs": [epochs_and_share("--stop", each) for each in stop]})
    plan = make_plan(
        config,
        strategies,
        num_seeds=num_seeds,
        trials=trials,
        seconds=budget,
        epochs=epochs,
        confirm=confirm,
        repeats=Repeats(repeats),
        max_proposals=max_proposals,
        settings=settings or [],
    )
    folder = folder or default_folder(recipe, strategies)
    workers = chosen_workers(plan.config, workers, children_per_gpu)
    compared = _executed(continued_plan(plan, folder), folder, Placement(workers, data, verify))
    for_people = compared(for_people=True)
    page = write_page(for_people, folder)
    if as_json:
        print(json.dumps(compared(for_people=False).to_json(), allow_nan=False))
    else:
        _print(for_people, page)


def _executed(plan: "Plan", folder: Path, placement: "Placement") -> "partial[Comparison]":
    """Do the runs that are missing in `folder`, with a bar, and return what compares all."""
    from netwright.cli.stages import Stages
    from netwright.compare.comparison import Comparison
    from netwright.compare.plan import shown_num_seeds
    from netwright.compare.runs import execute

    unit, kept = plan.budget.unit, "run" if plan.runs_are_jobs else "trial"
    with (
        interruption_explained(lambda: f"Every finished {kept} is kept; go on by the same command"),
        Stages() as stages,
    ):
        records, opened = execute(
            plan, folder, placement, lambda spent, total: stages(unit, round(spent), max(1, round(total)))
        )
    return partial(Comparison.of, plan, records, opened, shown_num_seeds(folder))


def _print(comparison: "Comparison", page: Path) -> None:
    from netwright.cli.tables import print_table
    from netwright.compare import tables

    console = Terminal()
    print_table(console, *tables.strategies(comparison))
    if len(comparison.summaries) > 1:
        console.print()
        print_table(console, *tables.pairs(comparison))
    for note in tables.notes(comparison):
        console.print(note, style="dim", highlight=False, soft_wrap=True, markup=False)
    console.print(f"Page: {page}", highlight=False, soft_wrap=True, markup=False)
    print_next(opening(page))
