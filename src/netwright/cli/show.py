"""`netwright show`."""

import json

from netwright.cli import options
from netwright.cli.app import command_in
from netwright.cli.help import LOOK
from netwright.terminal import Terminal


@command_in(LOOK)
def show(run: options.RunArgument, top: options.TopOption = 10, as_json: options.JsonOption = False) -> None:
    """Show the best architectures of a run, even while it is running.

    Examples:
        netwright show runs/digits-reinforce-seed0 --top 3
        netwright show runs/digits-reinforce-seed0 --json > run.json
    """
    from netwright.cli.hints import after_run, print_next
    from netwright.cli.tables import print_results
    from netwright.searching.results import Results
    from netwright.searching.store import Store
    from netwright.searching.trained_model import trained_in

    with Store.read(run) as store:
        results = Results.of(store)
    if as_json:
        print(json.dumps(results.to_json()))
    else:
        print_results(Terminal(), results, top)
        if model := trained_in(run):
            for line in (f"trained and tested: {model.folder}, {model.origin}", *model.lines):
                Terminal().print(line, highlight=False, markup=False, soft_wrap=True)
        print_next(*after_run(results, run))
