"""The estimate's arithmetic against sums made otherwise, and the command that prints it."""

import statistics

import numpy as np
import pytest
import torch

from netwright.architectures.costs import ImageShape, costs_of
from netwright.cli import estimate as estimates
from netwright.config import ConstraintSettings
from netwright.errors import RunError
from netwright.evaluation.images import ImageEvaluation
from netwright.evaluation.probe import Probe
from netwright.recipes.networks import cifar10, digits
from netwright.searching import estimate as estimating
from netwright.searching.factory import make_strategy
from netwright.searching.placement import Placement
from netwright.searching.rungs import expected_epochs
from netwright.trials import Job, Ticket

DIGITS = ImageShape(1, 8, 8, 10)
SECONDS_EACH = 2e-6
"""Of a made-up machine: a child takes 0.1 s and so much for each multiply-add of one image."""


@pytest.fixture
def made_up_machine(monkeypatch):
    """Times are a function of multiply-adds; starting takes 3 s and the controller no time."""

    def timed(probe, jobs, workers, seed):
        measured = {job.number: 0.1 + SECONDS_EACH * multiply_adds(job.architecture, probe.images) for job in jobs}
        return measured, 3.0

    monkeypatch.setattr(estimating, "_timed", timed)
    drawn = estimating._sampled
    monkeypatch.setattr(estimating, "_sampled", lambda config: (drawn(config)[0], 0.0))


def multiply_adds(architecture, images=DIGITS):
    costs = costs_of(architecture, images)
    assert costs is not None
    return costs.multiply_adds


def whole_search(config):
    """Every child that the strategy as it starts draws for a search."""
    strategy, size = make_strategy(config), config.batch_size
    rounds = range(config.num_trials // size)
    return [p.architecture for r in rounds for p in strategy.propose(Ticket(r, r * size, size))]


def estimated(config, workers=2):
    probe = ImageEvaluation(config.evaluate).probe(DIGITS, 997, 500, seconds=1.0)
    return estimating._estimate(config, probe, Placement(workers), num_probes=8, opening=1.0)


def test_the_time_is_that_of_all_children_shared_by_the_workers(made_up_machine):
    children = sorted(0.1 + SECONDS_EACH * multiply_adds(child) for child in whole_search(digits()))
    for workers in (1, 2, 16, 64):
        estimate = estimated(digits(), workers)
        parallel = min(workers, 16)  # no more are in flight with batches of 8 and lag 1
        mean, dear = statistics.fmean(children), statistics.fmean(children[72:])
        searching = (96 / parallel + 0.5) * mean
        confirming = (15 / min(workers, 15) + 0.5) * dear
        assert estimate.child_seconds == pytest.approx(mean)
        assert estimate.seconds == pytest.approx(1 + 3 + searching + confirming)
        assert estimate.low < estimate.seconds < estimate.high
        assert estimate.device_hours == pytest.approx(estimate.seconds * workers / 3600)
        assert (estimate.num_trained, estimate.num_confirmations) == (96, 15)


@pytest.mark.parametrize(
    ("gpus", "placement", "used"),
    [
        (1, Placement(4), 1),
        (8, Placement(None), 8),
        (8, Placement(3), 3),
        (8, Placement(16), 8),
        (1, Placement(6, executor="ray", gpus_per_child=0.5), 3),
        (1, Placement(6, executor="ray"), 6),
    ],
)
def test_all_gpus_count(made_up_machine, monkeypatch, gpus, placement, used):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    config = digits().with_settings(["evaluate.device=cuda", "evaluate.precision=float32"])
    probe = ImageEvaluation(config.evaluate).probe(DIGITS, 997, 500, seconds=1.0)
    estimate = estimating._estimate(config, probe, placement, num_probes=8, opening=1.0)
    assert estimate.device == "GPU"
    assert estimate.device_hours == pytest.approx(estimate.seconds / 3600 * used)


def test_rejected_children_cost_nothing(made_up_machine):
    limit = 50_000
    kept = [c for c in whole_search(digits()) if multiply_adds(c) <= limit]
    estimate = estimated(digits().changed(constraints=ConstraintSettings(max_multiply_adds=limit, max_redraws=0)))
    assert 0 < len(kept) < 96
    assert estimate.num_trained == len(kept)
    assert estimate.share_rejected == pytest.approx(1 - len(kept) / 96)
    assert estimate.child_seconds == pytest.approx(
        statistics.fmean(0.1 + SECONDS_EACH * multiply_adds(c) for c in kept)
    )
    with pytest.raises(RunError, match="all of 96 architectures that were sampled are above a limit"):
        estimated(digits().changed(constraints=ConstraintSettings(max_multiply_adds=1)))


def test_redrawn_samples_cost_the_time_of_the_strategy_alone(made_up_machine, monkeypatch):
    limits = {n: ConstraintSettings(max_multiply_adds=50_000, max_redraws=n) for n in (0, 1, 200)}
    share = estimated(digits().changed(constraints=limits[0])).share_rejected
    expected = {0: 96 * (1 - share), 1: 96 * (1 - share**2), 200: 96}
    for n, constraints in limits.items():
        assert estimated(digits().changed(constraints=constraints)).num_trained == pytest.approx(expected[n])
    free = estimated(digits().changed(constraints=limits[200])).seconds
    sampled = estimating._sampled
    monkeypatch.setattr(estimating, "_sampled", lambda config: (sampled(config)[0], 0.25))
    costly = estimated(digits().changed(constraints=limits[200])).seconds
    assert costly - free == pytest.approx(0.25 * 96 / (1 - share))


def test_duplicates_are_trained_once(made_up_machine):
    small = digits().with_settings(["space.num_layers=1", "space.filter_sizes=[1,3]", "space.num_filters=[4]"])
    assert estimated(small).num_trained == 4
    assert estimated(small.changed(reuse=False)).num_trained == 96


def test_the_schedule_of_depths_counts():
    drawn, _ = estimating._sampled(cifar10())
    depths = [len(proposal.architecture.layers) for proposal in drawn]
    assert len(drawn) == 256
    assert {depth: depths.count(depth) for depth in sorted(set(depths))} == dict.fromkeys(range(6, 22, 2), 32)


def test_a_line_goes_through_the_measured_children():
    x = np.array([1.0, 2.0, 5.0, 9.0]) * 1e6
    predicted, error = estimating._line(x, {0: 2.0, 3: 18.0, 2: 10.0})
    assert predicted.tolist() == pytest.approx([2.0, 4.0, 10.0, 18.0])
    assert error == pytest.approx(0.0, abs=1e-9)
    assert estimating._line(x, {0: 2.0, 1: 4.5, 2: 9.0, 3: 18.5})[1] > 0.05


def test_a_child_takes_its_epochs_of_mini_batches_and_measuring(monkeypatch):
    training = {"epochs": 7, "batch_size": 32, "upsample": None}
    network = whole_search(digits().changed(num_trials=8))[0]
    monkeypatch.setattr(Probe, "_steps", lambda self, network, num_steps, seed: 0.25 * num_steps)
    monkeypatch.setattr(Probe, "_evaluation", lambda self, network, num_images, seed: 0.001)
    metrics = Probe(DIGITS, 960, 500, training)(Job(0, network, 0)).metrics
    assert metrics["child_seconds"] == pytest.approx(7 * (30 * 0.25 + 0.5))
    assert metrics["first_seconds"] == 0.0


def test_what_a_training_does_once_counts_once_for_a_child(monkeypatch):
    """On a GPU a training records its step; here that takes 0.1 s, and the very first mini-batch of a process 1 s."""
    training = {"epochs": 7, "batch_size": 32, "upsample": None}
    network = whole_search(digits().changed(num_trials=8))[0]
    calls = iter([1.0] + [0.0] * 9)
    monkeypatch.setattr(Probe, "_steps", lambda self, network, num_steps, seed: next(calls) + 0.1 + 0.01 * num_steps)
    monkeypatch.setattr(Probe, "_evaluation", lambda self, network, num_images, seed: 0.001)
    metrics = Probe(DIGITS, 960, 500, training)(Job(0, network, 0)).metrics
    assert metrics["child_seconds"] == pytest.approx(0.1 + 7 * (30 * 0.01 + 0.5))
    assert metrics["first_seconds"] == pytest.approx(1.0)


def test_the_command_prints_the_estimate_and_searches_nothing(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed = cli("search", "digits", "--estimate", "--trials", 8, "--workers", 2, "--set", "evaluate.epochs=2")
    assert printed.exit_code == 0, printed.stderr
    assert printed.stdout.startswith("digits: about ")
    assert "core-hours" in printed.stdout
    assert "8 networks of" in printed.stdout
    assert "netwright search cifar10 --estimate" in printed.stdout
    monkeypatch.setattr(estimates, "estimate_paper", lambda placement: estimating.estimate_search(tiny(), placement))
    assert "The paper's setting (4 networks" in cli("search", "cifar10", "--estimate").stdout
    assert list(tmp_path.iterdir()) == []


def tiny():
    return digits().changed(num_trials=4, batch_size=2)


def test_a_function_of_the_users_own_is_not_estimated(cli, recipe_file):
    refused = cli("search", f"{recipe_file}:config", "--estimate")
    assert refused.exit_code == 2
    assert "--estimate times the training of networks for images" in refused.stderr


def test_the_paper_s_epochs_with_two_rungs():
    assert expected_epochs([(3, 1 / 4), (12, 1 / 4)], 50) == 3 + 9 / 4 + 38 / 16
    assert expected_epochs([], 50) == 50
    assert expected_epochs([(10, 1.0)], 50) == 50


def test_stopping_saves_the_epochs_of_all_but_the_first_children(made_up_machine):
    whole = estimated(digits())
    config = digits().changed(stopping={"rungs": [(1, 1 / 4)]})
    epochs, trained = config.evaluate.epochs, whole.num_trained
    stopped = estimated(config)
    share = (16 * epochs + (trained - 16) * (1 + (epochs - 1) / 4)) / (trained * epochs)
    assert stopped.share_epochs == pytest.approx(share)
    saved = (1 - share) * whole.child_seconds * trained / 2
    assert whole.seconds - stopped.seconds == pytest.approx(saved)
    assert f"{share:.0%} of their epochs" in estimates.described(stopped)
    assert "epochs" not in estimates.described(whole)
