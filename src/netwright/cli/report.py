"""`netwright report`."""

from netwright.cli import options
from netwright.cli.app import command_in, print_note
from netwright.cli.help import LOOK
from netwright.cli.hints import opening, print_next
from netwright.terminal import Terminal


@command_in(LOOK)
def report(
    run: options.RunArgument, out: options.ReportOption = None, trust_code: options.TrustCodeOption = False
) -> None:
    """Write a run's report as one HTML file that opens anywhere, even while the search is running.

    It opens with the result in one sentence and shows accuracies, the trained and tested network, your own images,
    drawings of the best networks, the controller's preferences, all trials, failures and settings.
    Only the preferences need the code of a space of your own, and a report without it lacks them.

    Examples:
        netwright report runs/digits-reinforce-seed0
        netwright report runs/digits-reinforce-seed0 -o digits.html
    """
    from netwright.report.page import write_report

    written = write_report(run, out, trust_code=trust_code, on_note=print_note)
    Terminal(soft_wrap=True).print(f"Report: {written}", highlight=False, markup=False)
    print_next(opening(written))
