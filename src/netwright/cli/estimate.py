"""What `netwright search RECIPE --estimate` and `netwright train NAME --estimate` print."""

from collections.abc import Mapping

from netwright.architectures.families import Architecture
from netwright.config import RunConfig
from netwright.config.final_training import FinalTrainingSettings
from netwright.errors import command
from netwright.final_training.factory import final_training_of
from netwright.final_training.grid import candidates_of
from netwright.recipes.networks import cifar10
from netwright.report.numbers import duration
from netwright.searching.estimate import Estimate, estimate_paper, estimate_search
from netwright.searching.placement import Placement
from netwright.searching.provenance import hardware
from netwright.terminal import Terminal

COMPARED_MINUTES = 20
"""Networks are often compared after a training of so many minutes."""


def print_estimates(config: RunConfig, placement: Placement) -> None:
    """Estimate and print the cost of the search on this machine; the paper's own needs no data for that."""
    console, progress = Terminal(soft_wrap=True), Terminal(stderr=True)
    is_papers = config == cifar10().changed(seed=config.seed)
    with progress.status("timing a few mini-batches of a few networks"):
        search = estimate_paper(placement) if is_papers else estimate_search(config, placement)
    console.print(described_paper(search) if is_papers else described(search), highlight=False, markup=False)
    if not is_papers:
        again = command("search", "cifar10", "--estimate")
        console.print(f"the paper's own search: {again}", style="dim", highlight=False, markup=False)
    if placement.on_cluster:
        note = f"timed here: as if all {search.workers} workers of the cluster (--workers) were like this machine's"
        console.print(note, highlight=False, markup=False)
    console.print(f"hardware: {hardware()}", style="dim", highlight=False, markup=False)


def print_training_estimate(
    found: Mapping[str, Architecture], config: RunConfig, final: FinalTrainingSettings, placement: Placement
) -> None:
    """Time a few mini-batches of each architecture, and print how long its final training would take here."""
    training = final_training_of(config, final, found, placement)
    candidates = candidates_of(found, training.grid())
    console, progress = Terminal(soft_wrap=True), Terminal(stderr=True)
    for origin in found:
        first = next(candidate for candidate in candidates if candidate.origin == origin)
        with progress.status(f"timing a few mini-batches of {origin}"):
            seconds = training.epoch_seconds(first)
        epochs = first.settings["epochs"]
        fitting = int(COMPARED_MINUTES * 60 / seconds)
        console.print(
            f"{origin} on {training.dataset.name}: {duration(seconds)} an epoch here, about "
            f"{duration(seconds * epochs)} for its {epochs:,} epochs"
            + (f"; {COMPARED_MINUTES} minutes are --epochs {fitting}" if fitting else ""),
            highlight=False,
            markup=False,
        )
    if len(candidates) > 1:
        console.print(
            f"before it, a grid of {len(candidates)} such trainings on the search's split; --grid none leaves it out",
            highlight=False,
            markup=False,
        )
    console.print(f"hardware: {hardware()}", style="dim", highlight=False, markup=False)


def described(estimate: Estimate) -> str:
    """The estimate of one search in a few lines."""
    left_out = "".join(
        f", {share:.0%} {what}"
        for share, what in ((estimate.share_duplicate, "duplicates"), (estimate.share_rejected, "rejected"))
        if share
    )
    stopped = f", {estimate.share_epochs:.0%} of their epochs" if estimate.share_epochs < 1 else ""
    retrained = f", {estimate.num_confirmations} retrainings of the best" if estimate.num_confirmations else ""
    return (
        f"{estimate.recipe}: about {duration(estimate.seconds)}, likely {duration(estimate.low)} to "
        f"{duration(estimate.high)}; {device_hours(estimate)}\n"
        f"  {estimate.num_trained:,.0f} networks of {duration(estimate.child_seconds)} on {estimate.workers} "
        f"workers{left_out}{stopped}{retrained}, {duration(estimate.start_seconds)} to start\n"
        "  measured on networks that the untrained controller samples; the range allows for the policy shifting to "
        "cheaper or larger networks"
    )


def described_paper(estimate: Estimate) -> str:
    """The estimate of the paper's setting in one line."""
    return (
        f"The paper's setting ({estimate.num_trained:,.0f} networks of 50 epochs on CIFAR-10): about "
        f"{duration(estimate.seconds)} here; {device_hours(estimate)}"
    )


def device_hours(estimate: Estimate) -> str:
    """The hours with the name of the device, in two digits below 10."""
    hours = estimate.device_hours
    return f"{hours:,.0f} {estimate.device}-hours" if hours >= 10 else f"{hours:.2g} {estimate.device}-hours"
