"""The cost of a search before it runs, from a few mini-batches of a few of the children that it would train.

Children are sampled by the recipe's own strategy in its initial state, at numbers from the whole run, so that a
schedule of depths counts. Some of them, from cheap to expensive by their multiply-adds, are timed in the workers, as
many at once as in the search; a straight line through the measured times gives the times of the others.
"""

import random
import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from netwright.architectures.costs import ImageShape
from netwright.config import ImageSettings, ReplicaSettings, RunConfig
from netwright.errors import RunError
from netwright.evaluation.factory import evaluation_of
from netwright.evaluation.images import ImageEvaluation
from netwright.evaluation.probe import Probe
from netwright.execution.attempts import run_all
from netwright.execution.local import LocalExecutor
from netwright.recipes.networks import cifar10
from netwright.searching.confirmation import ladder
from netwright.searching.factory import make_constraints, make_strategy
from netwright.searching.placement import Placement, default_workers, num_gpus, uses_gpu
from netwright.searching.rungs import expected_epochs
from netwright.seeds import derive_seed
from netwright.trials import Job, Proposal, Ticket

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
NUM_SAMPLED, NUM_PROBES, NUM_PAPER_PROBES = 256, 8, 4
CHEAPER, DEARER = 0.8, 1.35
"""Factors between the costs of networks that the controller may prefer later and of those that it starts with."""
PAPER_DATA = ImageShape(3, 32, 32, 10), 45_000, 5_000
"""The shape of CIFAR-10's images, and the numbers of those that a child is trained and measured on."""


@dataclass(frozen=True)
class Estimate:
    """The expected cost of a search and of the confirmations at its end; all times in seconds."""

    recipe: str
    seconds: float
    low: float
    high: float
    workers: int
    device: str
    """What is counted in device-hours: "core" or "GPU"."""
    num_devices: float
    """The cores or GPUs that the workers use together."""
    num_trained: float
    """Children trained in the search, without duplicates and rejected ones."""
    share_epochs: float
    """Of all epochs of these children, those that are trained until they are stopped; 1 without rungs."""
    num_confirmations: int
    child_seconds: float
    """The time of one child while the other workers train others."""
    start_seconds: float
    share_duplicate: float
    share_rejected: float
    """Of the samples."""

    @property
    def device_hours(self) -> float:
        """The cost of the devices."""
        return self.seconds / 3600 * self.num_devices


@dataclass(frozen=True)
class _Sample:
    """The architectures that the search would propose and train."""

    num_sampled: int
    architectures: Sequence[object]
    """Those within the limits."""
    multiply_adds: Floats
    """Of each of these."""
    share_unique: float
    """Of these; 1 where duplicates are trained too."""
    sampling_seconds: float
    """The time in which the strategy samples one architecture and learns from it."""


def estimate_search(config: RunConfig, placement: Placement) -> Estimate:
    """Estimate the cost of the search that `config` describes on this machine, with its data.

    For a Ray cluster it is the cost if all of its `placement.workers` were as fast as this machine's.

    Raises:
        ConfigError: The time of this kind of child cannot be estimated.
        RunError: A child could not be timed, or all sampled architectures are above a limit.
    """
    begun = time.monotonic()
    probe = evaluation_of(config.evaluate).open_probe(placement.data, verify=placement.verify, seconds=1.0)
    # The probe reads the data twice, as the main process and a worker do.
    return _estimate(config, probe, placement, num_probes=NUM_PROBES, opening=time.monotonic() - begun)


def estimate_paper(placement: Placement) -> Estimate:
    """Estimate the cost of the paper's first experiment on this machine; random pixels stand for the data."""
    config = cifar10().changed(lag=0, replicas=ReplicaSettings())
    probe = ImageEvaluation(ImageSettings()).probe(*PAPER_DATA, seconds=0.0)
    return _estimate(config, probe, placement, num_probes=NUM_PAPER_PROBES, opening=0.0)


def _estimate(config: RunConfig, probe: Probe, placement: Placement, *, num_probes: int, opening: float) -> Estimate:
    sample = _sample(config, probe.images)
    workers = placement.workers or default_workers(config)
    at_once = min(workers, default_workers(config)) if placement.on_cluster else workers
    measured, starting = _timed(probe, _probed(sample, num_probes, config.seed), at_once, config)
    predicted, error = _line(sample.multiply_adds, measured)

    in_flight = config.most_in_flight
    share_rejected = 1 - len(sample.architectures) / sample.num_sampled
    # Of each trial: the first sample, and for each redraw one more if all samples before it are above a limit.
    samples_each = (1 - share_rejected ** (1 + config.constraints.max_redraws)) / (1 - share_rejected)
    num_samples = config.num_trials * samples_each
    num_trained = num_samples * len(sample.architectures) / sample.num_sampled * sample.share_unique
    child, start = float(predicted.mean()), opening + starting
    share_epochs = _share_epochs(config, num_trained)
    # The last children of each phase leave workers idle for half a child.
    searching = child * (num_trained * share_epochs / min(workers, in_flight) + 0.5)
    searching += sample.sampling_seconds * num_samples
    confirm = config.confirm
    epochs = getattr(config.evaluate, "epochs", 1)
    steps = ladder(confirm, round(num_trained), epochs) if confirm.at_end else []
    # The best are rarely the cheapest.
    best = float(np.sort(predicted)[-max(1, len(predicted) // 4) :].mean())
    confirming = sum(
        best * (step.epochs or epochs) / epochs * (step.num_trainings / min(workers, max(1, step.num_trainings)) + 0.5)
        for step in steps
    )
    doubt = min(0.5, 2 * error / child)
    return Estimate(
        recipe=config.recipe,
        seconds=start + searching + confirming,
        low=start + (searching + confirming) * (1 - doubt) * CHEAPER,
        high=start + (searching + confirming) * (1 + doubt) * DEARER,
        workers=workers,
        device="GPU" if uses_gpu(config) else "core",
        num_devices=_num_devices(config, placement, workers),
        num_trained=num_trained,
        share_epochs=share_epochs,
        num_confirmations=sum(step.num_trainings for step in steps),
        child_seconds=child,
        start_seconds=start,
        share_duplicate=1 - sample.share_unique,
        share_rejected=share_rejected,
    )


def _num_devices(config: RunConfig, placement: Placement, workers: int) -> float:
    """Return how many devices the workers use: a core each, or GPUs, which workers of one machine may share."""
    if not uses_gpu(config):
        return workers
    if placement.on_cluster:
        return workers * (1.0 if placement.gpus_per_child is None else placement.gpus_per_child)
    return min(workers, num_gpus(config))


def _share_epochs(config: RunConfig, num_trained: float) -> float:
    """Return which share of the epochs of `num_trained` children is trained, some of which are stopped early."""
    rungs, epochs = config.stopping.rungs, getattr(config.evaluate, "epochs", 1)
    in_full = min(
        num_trained, max(config.most_in_flight, config.stopping.min_reached)
    )  # those before the first thresholds
    return (in_full + (num_trained - in_full) * expected_epochs(rungs, epochs) / epochs) / num_trained


def _sample(config: RunConfig, images: ImageShape) -> _Sample:
    """Sample architectures as the search would, and count their costs."""
    sampled, sampling_seconds = _sampled(config)
    constraints = make_constraints(config, images)
    counted = [(each, constraints.count(each.architecture)) for each in sampled]
    kept = [(each, costs) for each, costs in counted if constraints.violation(costs) is None]
    if not kept:
        raise RunError(
            f"all of {len(sampled)} architectures that were sampled are above a limit, so that none can be timed"
        )
    num_different = len({repr(each.architecture) for each, _ in kept})
    return _Sample(
        num_sampled=len(sampled),
        architectures=[each.architecture for each, _ in kept],
        multiply_adds=np.array([costs.get("multiply_adds", 1) for _, costs in kept], dtype=float),
        share_unique=num_different / len(kept) if config.reuse else 1.0,
        sampling_seconds=sampling_seconds,
    )


def _probed(sample: _Sample, num_probes: int, seed: int) -> list[Job]:
    """Return jobs for the architectures to time: from cheap to expensive, each representing as many others."""
    by_cost = np.argsort(sample.multiply_adds, kind="stable")
    chosen = [int(by_cost[int((n + 0.5) * len(by_cost) / num_probes)]) for n in range(num_probes)]
    return [Job(n, sample.architectures[n], derive_seed(seed, "probe", n)) for n in dict.fromkeys(chosen)]


def _sampled(config: RunConfig) -> tuple[list[Proposal], float]:
    """Sample batches from the whole run with the initial strategy; return them and the seconds of its step for one."""
    strategy = make_strategy(config)
    num_rounds = -(-config.num_trials // config.batch_size)
    num_sampled = min(num_rounds, max(1, NUM_SAMPLED // config.batch_size))
    begun = time.monotonic()
    sampled: list[Proposal] = []
    for n in range(num_sampled):
        number = int((n + 0.5) * num_rounds / num_sampled)
        sampled += strategy.propose(Ticket(number, number * config.batch_size, config.batch_size))
    # Learning a batch costs about as much as sampling it.
    return sampled[: config.num_trials], 2 * (time.monotonic() - begun) / len(sampled)


def _timed(probe: Probe, jobs: Sequence[Job], workers: int, config: RunConfig) -> tuple[Mapping[int, float], float]:
    """Measure the seconds of a child for each job's number, and those until the workers start."""
    jobs = random.Random(config.seed).sample(jobs, len(jobs))
    begun = time.monotonic()
    measured: dict[int, float] = {}
    starting = 0.0
    with closing(LocalExecutor(probe, workers=workers, num_gpus=num_gpus(config))) as executor:
        for outcome in run_all(executor, jobs):
            if outcome.measurement is None:
                raise RunError(f"a child could not be timed: {outcome.failure}")
            metrics = outcome.measurement.metrics
            if not measured:
                starting = time.monotonic() - begun - outcome.seconds + metrics["first_seconds"]
            measured[outcome.number] = metrics["child_seconds"]
    return measured, max(0.0, starting)


def _line(multiply_adds: Floats, measured: Mapping[int, float]) -> tuple[Floats, float]:
    """Fit a straight line; return the seconds of every child, and the standard error of their mean."""
    x = np.array([multiply_adds[number] for number in measured])
    y = np.array(list(measured.values()))
    scale = float(x.max())
    factors = np.linalg.lstsq(np.stack([np.ones_like(x), x / scale], axis=1), y)[0]
    residuals = y - (factors[0] + factors[1] * x / scale)
    predicted = np.maximum(factors[0] + factors[1] * multiply_adds / scale, y.min() / 2)
    return predicted, statistics.pstdev(residuals.tolist()) / max(1, len(y) - 2) ** 0.5
