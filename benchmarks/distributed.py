"""The paper's asynchronous scheme on a virtual clock: how busy 800 slots are, what staleness costs; the shards' speed.

python benchmarks/distributed.py busy                     # 800 slots, 12,800 children, a policy that costs nothing
python benchmarks/distributed.py shards                   # gradients per second through 1, 4, 20 shards; or --ray
python benchmarks/distributed.py learning --seeds 5       # replicas against batches of as many children; --workers 2
python benchmarks/distributed.py learning --seeds 1 --topologies 800x1     # how long one simulation takes
"""

import argparse
import itertools
import json
import math
import multiprocessing
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch
from scipy.stats import t
from synthetic import measured_quality, true_quality

from netwright.config import FunctionSettings, ReinforceSettings, ReplicaSettings, RunConfig
from netwright.controller.baseline import MovingAverageBaseline
from netwright.controller.parameters import Origin
from netwright.controller.policy import Controller, Weights
from netwright.controller.shards import LocalShards, ShardedParameters
from netwright.evaluation.factory import evaluation_of
from netwright.evaluation.function import UserFunction
from netwright.execution.on_ray import parameter_shards as on_ray
from netwright.execution.on_ray.parameter_shards import RayShards
from netwright.report.statistics import quantile
from netwright.searching.core import SearchCore
from netwright.searching.factory import make_core
from netwright.searching.provenance import hardware
from netwright.spaces.convolutional import convolutional
from netwright.testing.simulation import FixedPolicy, Simulation, simulate
from netwright.testing.virtual_clock import VirtualExecutor, log_normal
from netwright.trials import Outcome

SLOTS = 800
SAMPLES = 12_800
"""The paper's (section 4.1)."""
SIGMAS = (0.25, 0.5, 1.0)
WINDOW = 400
"""Samples over which a learning curve is averaged."""
GOAL = 0.65
"""A quality that is well above what random networks have."""
TOPOLOGIES = ("1x8", "8x8", "1x64", "100x8", "1x800", "800x1")
"""With one replica the batch is synchronous: 8 x 8 children in flight against one batch of 64."""
COLOURS = ("#2f66b0", "#d2691e", "#e0a458", "#2e8b57", "#9ac5a5", "#8a4fb0")

# How busy the slots are -----------------------------------------------------------------------------------------------


def constant(architecture: object) -> float:
    return 0.5


def timed(count: int, batch_size: int, lag: int, sigma: float, loss: float = 0.0) -> tuple[Simulation, float]:
    """A search by a policy that costs nothing, and the seconds that simulating it took."""
    begun = time.perf_counter()
    core = SearchCore(
        FixedPolicy(),
        evaluation_of(FunctionSettings(function=constant)).reward,
        num_trials=SAMPLES,
        seed=0,
        batch_size=batch_size,
        lag=lag,
        replicas=count,
        reuse=False,
    )
    executor = VirtualExecutor(UserFunction(constant), slots=SLOTS, seconds=log_normal(sigma, seed=0), loss=loss)
    return simulate(core, executor), time.perf_counter() - begun


def busy() -> None:
    """Children take one unit of time in the mean."""
    schemes = [
        ("800 replicas, one child each", 800, 1, 0),
        ("100 replicas, 8 children each (paper)", 100, 8, 0),
        ("100 replicas that sample again before their batch is complete (lag 1)", 100, 8, 1),
        ("one controller, m = 8, lag 99", 1, 8, 99),
        ("one controller, m = 400, lag 1", 1, 400, 1),
        ("one controller, m = 8, lag 199", 1, 8, 199),
    ]
    print(f"{SLOTS} slots, {SAMPLES:,} children of mean duration 1, log-normal\n")
    print("| scheme | sigma | busy before the drain | drain | in all | busy in all | staleness: median, 95% | took |")
    print("|---|---|---|---|---|---|---|---|")
    for name, count, batch_size, lag in schemes:
        for sigma in SIGMAS:
            show_busy(name, f"{sigma:g}", *timed(count, batch_size, lag, sigma))
    show_busy("800 replicas, one child each, 5% of the workers lost", "0.5", *timed(800, 1, 0, 0.5, loss=0.05))


def show_busy(name: str, sigma: str, result: Simulation, took: float) -> None:
    in_all = sum(seconds for _, seconds in result.work) / (SLOTS * result.seconds)
    print(
        f"| {name} | {sigma} | {result.busy:.1%} | {result.drain_seconds:.1f} | {result.seconds:.1f} | {in_all:.0%} | "
        f"{spread(result)} | {took:.0f} s |",
        flush=True,
    )


def spread(result: Simulation) -> str:
    """Median and 95% of the staleness."""
    return f"{quantile(result.staleness, 0.5):g}, {quantile(result.staleness, 0.95):g}"


# Gradients through shards ---------------------------------------------------------------------------------------------


def shards(repeats: int, ray: bool) -> None:
    """In this process, what cutting, Adam and joining cost; in one of a Ray cluster on this machine, Ray too.

    A fetch behind a push waits until all shards have taken it in, since all are to be at one version; what that costs
    tells the second fetch, which has nothing to wait for.
    """
    torch.set_num_threads(1)
    moved = Moved()
    print(
        "| units | parameters | shards | gradients per second | a push, ms | a fetch behind it, ms | another, ms | kB |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for hidden_size in (35, 112):
        controller = Controller(seed=0, hidden_size=hidden_size)
        for decision in convolutional(15).replay(random_actions()).decisions:
            controller.meet(decision)
        gradient = {name: 1e-3 * torch.randn_like(weight) for name, weight in controller.weights.items()}
        num_parameters = sum(value.numel() for value in gradient.values())
        for count in (1, 4, 20):
            kept = (RayShards if ray else LocalShards)(count, learning_rate=0.0006)
            parameters = ShardedParameters(kept, seed=0, init_range=0.08, baseline=MovingAverageBaseline())
            times = []
            for number in range(repeats):
                parameters.advantages([0.5], Origin(0, number, number))
                begun = time.perf_counter()
                parameters.push(gradient)
                pushed = time.perf_counter()
                moved.num_bytes = 0
                parameters.pull()
                snapshot = time.perf_counter()
                kept.fetch(parameters.version)
                times.append((pushed - begun, snapshot - pushed, time.perf_counter() - snapshot))
            push, pull, another = (1000 * statistics.median(each) for each in zip(*times[5:], strict=True))
            size = moved.num_bytes // 2 if ray else 4 * num_parameters
            print(
                f"| {hidden_size} | {num_parameters:,} | {count} | {1000 / (push + pull):.0f} | {push:.2f} | "
                f"{pull:.2f} | {another:.2f} | {size / 1000:.0f} |",
                flush=True,
            )
            if isinstance(kept, RayShards):
                kept.close()


class Moved:
    """Counts what this process receives from shards on Ray; a gradient is as large."""

    def __init__(self) -> None:
        self.num_bytes, self._unpack = 0, on_ray._unpacked
        on_ray._unpacked = self._count

    def _count(self, packed: bytes) -> list[Weights]:
        self.num_bytes += len(packed)
        return self._unpack(packed)


def random_actions() -> Sequence[object]:
    episode = convolutional(15).start()
    while episode.decision is not None:
        episode.act(() if hasattr(episode.decision, "of") else 0)
    return episode.actions


# What staleness costs -------------------------------------------------------------------------------------------------


class Timed(VirtualExecutor):
    """Knows how long chores took, which on a cluster workers do."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.chore_seconds = 0.0

    def wait(self) -> Sequence[Outcome]:
        """The same, with a look at the clock."""
        outcomes = super().wait()
        self.chore_seconds += sum(outcome.seconds for outcome in outcomes if outcome.of_remote_task)
        return outcomes


def learned(count: int, batch_size: int, seed: int, samples: int) -> dict[str, Any]:
    """A search on the made-up quality with as many slots as children; its curves over samples and virtual time."""
    config = RunConfig(
        space=convolutional(15),
        evaluate=FunctionSettings(function=measured_quality),
        strategy=ReinforceSettings(),
        num_trials=samples,
        seed=seed,
        batch_size=batch_size,
        lag=0,
        replicas=ReplicaSettings(count=count, servers=1),  # as many give the same bits
    )
    begun = time.perf_counter()
    core = make_core(config, None)
    executor = Timed(UserFunction(measured_quality), slots=count * batch_size, seconds=log_normal(0.5, seed=seed))
    result = simulate(core, executor)
    took = time.perf_counter() - begun
    quality = [true_quality(trial.proposal.architecture) for trial in core.trials[:samples]]
    ends = {number: moment for moment, number in result.ended}
    curve = []
    for first in range(0, samples - WINDOW + 1, WINDOW):
        numbers = range(first, first + WINDOW)
        moment = statistics.fmean(ends[number] for number in numbers)
        curve.append((first + WINDOW / 2, moment, statistics.fmean(quality[number] for number in numbers)))
    return {
        "topology": f"{count}x{batch_size}",
        "batch_size": batch_size,
        "seed": seed,
        "curve": curve,
        "final": statistics.fmean(quality[-2 * WINDOW :]),
        "mean": statistics.fmean(quality),
        "seconds": result.seconds,
        "staleness": spread(result),
        "histogram": sorted(Counter(map(int, result.staleness)).items()),
        "took": took,
        "of_workers": executor.chore_seconds,
    }


def learning(topologies: Sequence[str], seeds: int, samples: int, workers: int, out: Path) -> None:
    """Rows as they come, then means with intervals and the picture."""
    runs = []
    begun = [(*map(int, topology.split("x")), seed, samples) for seed in range(seeds) for topology in topologies]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, torch.set_num_threads, (1,)) as pool:
        for run in pool.map(learned, *zip(*begun, strict=True)):
            runs.append(run)
            ms_per_batch = 1000 * run["batch_size"] / samples
            print(
                f"seed {run['seed']}, {run['topology']}: quality of the last {2 * WINDOW} "
                f"{run['final']:.4f}, of all {run['mean']:.4f}; {run['seconds']:.0f} units of time; staleness "
                f"{run['staleness']}; "
                f"simulated in {run['took']:.0f} s; a batch takes {run['took'] * ms_per_batch:.0f} ms, "
                f"{run['of_workers'] * ms_per_batch:.1f} of them draws and gradients of several replicas",
                flush=True,
            )
    out.with_suffix(".json").write_text(json.dumps(runs))
    print(f"\nMeans over {seeds} seeds with 95% intervals; the time until {GOAL} is of the mean curve.\n")
    print("| replicas x children | quality of all samples | of the last 800 | time for all | time until it |")
    print("|---|---|---|---|---|")
    for topology in topologies:
        ours = [run for run in runs if run["topology"] == topology]
        cells = [interval([run[name] for run in ours]) for name in ("mean", "final")]
        times = f"{statistics.fmean(run['seconds'] for run in ours):.0f}"
        reached = next((f"{moment:.1f}" for _, moment, quality in mean_curve(ours) if quality >= GOAL), "never")
        print(f"| {topology} | {' | '.join(cells)} | {times} | {reached} |")
    print()
    for one, other in itertools.combinations(topologies, 2):
        paired = zip(*([run["mean"] for run in runs if run["topology"] == each] for each in (one, other)), strict=True)
        print(f"quality of all samples, {one} - {other}, seed by seed: {interval([a - b for a, b in paired])}")
    out.write_text(picture(topologies, runs))
    print(f"\n{out} and {out.with_suffix('.json')} written")


def mean_curve(runs: Sequence[dict[str, Any]]) -> list[tuple[float, ...]]:
    """(sample, moment, quality), each the mean over the runs."""
    return [
        tuple(map(statistics.fmean, zip(*each, strict=True)))
        for each in zip(*(run["curve"] for run in runs), strict=True)
    ]


def interval(values: list[float]) -> str:
    """Mean and 95% interval by Student's t."""
    mean, count = statistics.fmean(values), len(values)
    if count < 2:
        return f"{mean:.4f} (one seed)"
    half = t.ppf(0.975, count - 1) * statistics.stdev(values) / count**0.5
    return f"{mean:.4f} ({mean - half:.4f} to {mean + half:.4f}, {count} seeds)"


# The picture ----------------------------------------------------------------------------------------------------------

WIDTH, HEIGHT = 300, 210
"""Of a panel."""


def picture(topologies: Sequence[str], runs: Sequence[dict[str, Any]]) -> str:
    """Mean curves over samples and over virtual time, and how old gradients are; ages and times are logarithmic."""
    by_samples, by_time, ages = {}, {}, {}
    for topology in topologies:
        ours = [run for run in runs if run["topology"] == topology]
        points = mean_curve(ours)
        by_samples[topology] = [(sample, quality) for sample, _, quality in points]
        by_time[topology] = [(math.log10(moment), quality) for _, moment, quality in points]
        if not topology.startswith("1x"):
            ages[topology] = shares(ours)
    texts = ""
    for index, topology in enumerate(topologies):
        count, size = topology.split("x")
        name = f"synchronous, m = {size}" if count == "1" else f"{count} replicas, m = {size}"
        texts += f'<text x="{50 + 170 * index}" y="290" fill="{COLOURS[index]}">{name}</text>'
    panels = (
        panel(50, "true quality of what is drawn, over samples", "0 {:,.0f}", by_samples, topologies),
        panel(400, "over virtual time; a child takes 1 in the mean", "{:.0f} {:,.0f}", by_time, topologies, log=True),
        panel(750, "share of gradients so many updates old", "{:.0f} {:,.0f}", ages, topologies, log=True),
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1080 300" font-family="sans-serif" font-size="12">'
        f'<rect width="1080" height="300" fill="#ffffff"/>{"".join(panels)}{texts}</svg>\n'
    )


def shares(runs: Sequence[dict[str, Any]]) -> list[tuple[float, float]]:
    """(logarithm of the age, share) of gradients in bins of a tenth of a decade; what is not old at all counts as 1."""
    bins: Counter[int] = Counter()
    for run in runs:
        for staleness, number in run["histogram"]:
            bins[round(10 * math.log10(max(staleness, 1)))] += number
    return [(edge / 10, bins[edge] / bins.total()) for edge in range(min(bins), max(bins) + 1)]


def panel(
    left: int,
    title: str,
    ends: str,
    lines: dict[str, list[tuple[float, float]]],
    topologies: Sequence[str],
    log: bool = False,
) -> str:
    """Lines with their axes; `ends` says the first and the last value of x."""
    xs, ys = ([point[axis] for line in lines.values() for point in line] for axis in (0, 1))
    (first, last), (low, high) = (min(xs), max(xs)), (min(ys), max(ys))
    said = ends.format(*((10**first, 10**last) if log else (last,))).split(" ")
    drawn = f'<path d="M{left} 40v{HEIGHT}h{WIDTH}" fill="none" stroke="#98a4b3"/>'
    for topology, line in lines.items():
        points = " ".join(
            f"{left + WIDTH * (x - first) / (last - first):.1f},{40 + HEIGHT * (high - y) / (high - low):.1f}"
            for x, y in line
        )
        colour = COLOURS[topologies.index(topology)]
        drawn += f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
    words = [
        (left, 24, "start", title),
        (left - 6, 46, "end", f"{high:.2f}"), (left - 6, 44 + HEIGHT, "end", f"{low:.2f}"),
        (left, 58 + HEIGHT, "middle", said[0]), (left + WIDTH, 58 + HEIGHT, "end", said[1]),
    ]  # fmt: skip
    return drawn + "".join(f'<text x="{x}" y="{y}" text-anchor="{where}">{text}</text>' for x, y, where, text in words)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["busy", "shards", "learning"])
    parser.add_argument("--seeds", type=int, default=3, help="searches of each topology")
    parser.add_argument("--samples", type=int, default=SAMPLES, help="of each search")
    parser.add_argument("--topologies", nargs="+", default=list(TOPOLOGIES), help="replicas x children")
    parser.add_argument("--workers", type=int, default=1, help="searches simulated at once, each on one core")
    parser.add_argument("--repeats", type=int, default=200, help="gradients for each row of shards")
    parser.add_argument("--ray", action="store_true", help="shards in a process of a Ray cluster that is started here")
    parser.add_argument("--out", type=Path, default=Path("staleness.svg"), help="the picture; numbers beside it")
    options = parser.parse_args()
    print(f"hardware: {hardware()}\n")
    if options.part == "busy":
        busy()
    elif options.part == "shards":
        shards(options.repeats, options.ray)
    else:
        learning(options.topologies, options.seeds, options.samples, options.workers, options.out)


if __name__ == "__main__":
    main()
