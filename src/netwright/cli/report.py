"""`netwright report`."""

from netwright.cli import options
from netwright.cli.app import app, reporting
from netwright.terminal import Terminal


@app.command()
@reporting
def report(run: options.RunArgument, out: options.ReportOption = None) -> None:
    """Write a run's report as one HTML file that opens anywhere, even while the search is running.

    It shows the rewards, the controller's preferences, drawings of the best networks, all trials, failures, settings.

    Examples:
        netwright report runs/digits-reinforce-seed0
        netwright report runs/digits-reinforce-seed0 -o digits.html
    """
    from netwright.report.page import write_report

    Terminal(soft_wrap=True).print(f"Report: {write_report(run, out)}", highlight=False, markup=False)
