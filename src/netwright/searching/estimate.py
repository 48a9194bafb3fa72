"""What a search will cost, before it runs: a few mini-batches of a few of the children that it would draw.

Children are drawn by the recipe's own strategy as it starts, at places all over the run, so that a schedule of depths
counts. Some of them, from cheap to dear by their multiply-adds, are timed in the workers, as many at once as in the
search; a line through the times gives those of the others.
"""

import random
import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from netwright.architectures.costs import ImageShape
from netwright.config import ImageSettings, ReplicaSettings, RunConfig
from netwright.errors import ConfigError, RunError
from netwright.evaluation.factory import LOOP_SETTINGS, SPEED_SETTINGS
from netwright.evaluation.probe import Probe
from netwright.execution.attempts import run_all
from netwright.execution.local import LocalExecutor
from netwright.recipes.networks import cifar10
from netwright.searching.factory import make_constraints, make_strategy
from netwright.searching.run import Placement, default_workers
from netwright.seeds import derive_seed
from netwright.tasks.catalog import open_images, prepare_task
from netwright.tasks.images.data import split_images
from netwright.training.speed import Speed
from netwright.trials import Job, Proposal, Ticket

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]
NUM_DRAWN, NUM_PROBES, NUM_PAPER_PROBES = 256, 8, 4
CHEAPER, DEARER = 0.8, 1.35
"""By how much the networks that the controller comes to prefer may differ in cost from those that it starts with."""
PAPER_IMAGES, PAPER_SIZES = ImageShape(3, 32, 32, 10), (45_000, 5_000)


@dataclass(frozen=True)
class Estimate:
    """The expected cost of a search and of the confirmations at its end. All times in seconds."""

    recipe: str
    seconds: float
    low: float
    high: float
    workers: int
    device: str
    """What is counted in device-hours: "core" or "GPU"."""
    num_trained: float
    """Children trained in the search, without duplicates and rejected ones."""
    num_confirmations: int
    child_seconds: float
    """Of one child, while the other workers train others."""
    start_seconds: float
    share_duplicate: float
    share_rejected: float

    @property
    def device_hours(self) -> float:
        """Workers on the processor have a core each and share a GPU."""
        return self.seconds / 3600 * (self.workers if self.device == "core" else 1)


@dataclass(frozen=True)
class _Sample:
    """What the search would draw and train."""

    num_drawn: int
    architectures: Sequence[Any]
    """Those within the limits."""
    multiply_adds: Floats
    """Of each of these."""
    share_unique: float
    """Of these; 1 where duplicates are trained too."""
    controller_seconds: float
    """Of the whole run."""


def estimate_search(config: RunConfig, placement: Placement) -> Estimate:
    """The cost of the search that `config` describes on this machine, with its data.

    Of a Ray cluster it is the cost if all of its `placement.workers` were as fast as this machine's.
    """
    settings = _image_settings(config)
    begun = time.monotonic()
    folder = prepare_task(settings.task, placement.data, verify=placement.verify)
    data = open_images(settings.task, folder, verify=False)
    split = split_images(
        data, num_validation=settings.num_validation, num_train=settings.num_train, seed=settings.split_seed
    )
    opening = time.monotonic() - begun
    sizes = len(split.train_images), len(split.validation_images)
    # Workers open the data too.
    return _estimate(config, data.shape, sizes, placement, num_probes=NUM_PROBES, opening=2 * opening, seconds=1.0)


def estimate_paper(placement: Placement) -> Estimate:
    """The cost of the paper's first experiment on this machine; it needs no data, since random pixels cost the same."""
    config = cifar10().changed(lag=0, replicas=ReplicaSettings())
    return _estimate(
        config, PAPER_IMAGES, PAPER_SIZES, placement, num_probes=NUM_PAPER_PROBES, opening=0.0, seconds=0.0
    )


def _estimate(
    config: RunConfig,
    images: ImageShape,
    sizes: tuple[int, int],
    placement: Placement,
    *,
    num_probes: int,
    opening: float,
    seconds: float,
) -> Estimate:
    sample = _sample(config, images)
    settings = _image_settings(config)
    probe = Probe(
        images,
        *sizes,
        training=settings.model_dump(exclude=LOOP_SETTINGS | SPEED_SETTINGS),
        speed=Speed(**settings.model_dump(include=SPEED_SETTINGS)),
        seconds=seconds,
    )
    workers = placement.workers or default_workers(config)
    at_once = min(workers, default_workers(config)) if placement.executor == "ray" else workers
    measured, starting = _timed(probe, _probed(sample, num_probes, config.seed), at_once, config.seed)
    predicted, error = _line(sample.multiply_adds, measured)

    in_flight = config.most_in_flight
    num_kept = len(sample.architectures)
    num_trained = config.num_trials * num_kept / sample.num_drawn * sample.share_unique
    child, start = float(predicted.mean()), opening + starting
    # The last children of each phase leave workers idle for half a child.
    searching = child * (num_trained / min(workers, in_flight) + 0.5) + sample.controller_seconds
    confirm = config.confirm
    num_confirmations = round(min(confirm.top, num_trained)) * confirm.num_seeds if confirm.at_end else 0
    # The best are rarely the cheapest.
    best = float(np.sort(predicted)[-max(1, len(predicted) // 4) :].mean())
    confirming = best * (num_confirmations / min(workers, max(1, num_confirmations)) + 0.5 * confirm.at_end)
    doubt = min(0.5, 2 * error / child)
    return Estimate(
        recipe=config.recipe,
        seconds=start + searching + confirming,
        low=start + (searching + confirming) * (1 - doubt) * CHEAPER,
        high=start + (searching + confirming) * (1 + doubt) * DEARER,
        workers=workers,
        device="GPU" if probe.speed.torch_device.type == "cuda" else "core",
        num_trained=num_trained,
        num_confirmations=num_confirmations,
        child_seconds=child,
        start_seconds=start,
        share_duplicate=1 - sample.share_unique,
        share_rejected=1 - num_kept / sample.num_drawn,
    )


def _sample(config: RunConfig, images: ImageShape) -> _Sample:
    """Draw as the search would, and count the costs of what it would draw."""
    drawn, controller_seconds = _drawn(config)
    constraints = make_constraints(config, images)
    counted = [(each, constraints.count(each.architecture)) for each in drawn]
    kept = [(each, costs) for each, costs in counted if constraints.violation(costs) is None]
    if not kept:
        raise RunError(f"all of {len(drawn)} architectures that were drawn are above a limit: nothing would be trained")
    num_different = len({repr(each.architecture) for each, _ in kept})
    return _Sample(
        num_drawn=len(drawn),
        architectures=[each.architecture for each, _ in kept],
        multiply_adds=np.array([costs.get("multiply_adds", 1) for _, costs in kept], dtype=float),
        share_unique=num_different / len(kept) if config.reuse else 1.0,
        controller_seconds=controller_seconds,
    )


def _probed(sample: _Sample, num_probes: int, seed: int) -> list[Job]:
    """Jobs with the numbers of those to be timed: from cheap to dear, each standing for as many others."""
    by_cost = np.argsort(sample.multiply_adds, kind="stable")
    chosen = [int(by_cost[int((n + 0.5) * len(by_cost) / num_probes)]) for n in range(num_probes)]
    return [Job(n, sample.architectures[n], derive_seed(seed, "probe", n)) for n in dict.fromkeys(chosen)]


def _image_settings(config: RunConfig) -> ImageSettings:
    if not isinstance(config.evaluate, ImageSettings):
        raise ConfigError(
            "--estimate times the training of networks for images; it knows neither language models nor tables "
            "nor your functions"
        )
    return config.evaluate


def _drawn(config: RunConfig) -> tuple[list[Proposal], float]:
    """Batches from all over the run as the strategy draws them at its start, and what all its steps will take."""
    strategy = make_strategy(config)
    num_rounds = -(-config.num_trials // config.batch_size)
    num_drawn = min(num_rounds, max(1, NUM_DRAWN // config.batch_size))
    begun = time.monotonic()
    drawn: list[Proposal] = []
    for n in range(num_drawn):
        number = int((n + 0.5) * num_rounds / num_drawn)
        drawn += strategy.propose(Ticket(number, number * config.batch_size, config.batch_size))
    # Learning a batch costs about as much as drawing it.
    return drawn[: config.num_trials], 2 * (time.monotonic() - begun) / num_drawn * num_rounds


def _timed(probe: Probe, jobs: Sequence[Job], workers: int, seed: int) -> tuple[Mapping[int, float], float]:
    """Seconds of a child for each job's number, and those that pass until the workers begin."""
    jobs = random.Random(seed).sample(jobs, len(jobs))
    begun = time.monotonic()
    measured: dict[int, float] = {}
    starting = 0.0
    with closing(LocalExecutor(probe, workers=workers)) as executor:
        for outcome in run_all(executor, jobs):
            if outcome.measurement is None:
                raise RunError(f"a child could not be timed: {outcome.failure}")
            metrics = outcome.measurement.metrics
            if not measured:
                starting = time.monotonic() - begun - outcome.seconds + metrics["first_seconds"]
            measured[outcome.number] = metrics["child_seconds"]
    return measured, max(0.0, starting)


def _line(multiply_adds: Floats, measured: Mapping[int, float]) -> tuple[Floats, float]:
    """The seconds of every child by a straight line through the measured ones, and the standard error of their mean."""
    x = np.array([multiply_adds[number] for number in measured])
    y = np.array(list(measured.values()))
    scale = float(x.max())
    factors = np.linalg.lstsq(np.stack([np.ones_like(x), x / scale], axis=1), y)[0]
    residuals = y - (factors[0] + factors[1] * x / scale)
    predicted = np.maximum(factors[0] + factors[1] * multiply_adds / scale, y.min() / 2)
    return predicted, statistics.pstdev(residuals.tolist()) / max(1, len(y) - 2) ** 0.5
