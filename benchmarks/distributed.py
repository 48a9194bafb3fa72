"""The paper's asynchronous scheme on a virtual clock: how busy 800 slots are, what staleness costs; the shards' speed.

python benchmarks/distributed.py busy                     # 800 slots, 12,800 children, a policy that costs nothing
python benchmarks/distributed.py shards                   # gradients per second through 1, 4, 20 shards; or --ray
python benchmarks/distributed.py learning --seeds 3       # 1, 8, 100 replicas with 8 children each, 800 with one
python benchmarks/distributed.py learning --seeds 1 --topologies 800x1     # how long one simulation takes
"""

import argparse
import json
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch
from scipy.stats import t
from synthetic import measured_quality, true_quality

from netwright.config import FunctionSettings, ReinforceSettings, ReplicaSettings, RunConfig
from netwright.controller.baseline import MovingAverageBaseline
from netwright.controller.parameters import Origin
from netwright.controller.policy import Controller
from netwright.core import SearchCore
from netwright.distributed.on_ray import RayShards
from netwright.distributed.shards import LocalShards, ShardedParameters
from netwright.distributed.simulation import FixedPolicy, Simulation, simulate
from netwright.evaluations import evaluation_of
from netwright.execution.virtual import VirtualExecutor, log_normal
from netwright.loop import make_core
from netwright.report.statistics import quantile
from netwright.running import hardware
from netwright.spaces.convolutional import convolutional
from netwright.training.user_function import UserFunction

SLOTS = 800
SAMPLES = 12_800
"""The paper's (section 4.1)."""
SIGMAS = (0.25, 0.5, 1.0)
WINDOW = 400
"""Samples over which a learning curve is averaged."""
COLOURS = ("#2f66b0", "#d2691e", "#2e8b57", "#8a4fb0", "#66727f")

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
        ("100 replicas that draw again before their batch closes (lag 1)", 100, 8, 1),
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
    """In this process, what cutting, Adam and joining cost; in one of a Ray cluster on this machine, Ray too."""
    torch.set_num_threads(1)
    print("| units | parameters | shards | gradients per second | a push, ms | a pull, ms | bytes each way |")
    print("|---|---|---|---|---|---|---|")
    for hidden_size in (35, 112):
        controller = Controller(seed=0, hidden_size=hidden_size)
        for decision in convolutional(15).replay(random_actions()).decisions:
            controller.meet(decision)
        gradient = {name: 1e-3 * torch.randn_like(weight) for name, weight in controller.weights.items()}
        num_parameters = sum(value.numel() for value in gradient.values())
        for count in (1, 4, 20):
            kept = (RayShards if ray else LocalShards)(count, learning_rate=0.0006)
            parameters = ShardedParameters(kept, seed=0, init_range=0.08, baseline=MovingAverageBaseline())
            pushes, pulls = [], []
            for number in range(repeats):
                begun = time.perf_counter()
                parameters.judge([0.5], Origin(0, number, number))
                parameters.push(gradient)
                pushed = time.perf_counter()
                parameters.pull()
                pushes.append(pushed - begun)
                pulls.append(time.perf_counter() - pushed)
            push, pull = (1000 * statistics.median(each[5:]) for each in (pushes, pulls))
            print(
                f"| {hidden_size} | {num_parameters:,} | {count} | {1000 / (push + pull):.0f} | {push:.2f} | "
                f"{pull:.2f} | {4 * num_parameters:,} |",
                flush=True,
            )
            if isinstance(kept, RayShards):
                kept.close()


def random_actions() -> Sequence[object]:
    performance = convolutional(15).start()
    while performance.decision is not None:
        performance.act(() if hasattr(performance.decision, "of") else 0)
    return performance.actions


# What staleness costs -------------------------------------------------------------------------------------------------


def learned(count: int, batch_size: int, seed: int, samples: int) -> dict[str, object]:
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
    executor = VirtualExecutor(
        UserFunction(measured_quality), slots=count * batch_size, seconds=log_normal(0.5, seed=seed)
    )
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
        "seed": seed,
        "curve": curve,
        "final": statistics.fmean(quality[-2 * WINDOW :]),
        "mean": statistics.fmean(quality),
        "seconds": result.seconds,
        "staleness": spread(result),
        "histogram": sorted(Counter(map(int, result.staleness)).items()),
        "took": took,
    }


def learning(topologies: Sequence[str], seeds: int, samples: int, out: Path) -> None:
    """Rows as they come, then means with intervals and the picture."""
    runs = []
    for seed in range(seeds):
        for topology in topologies:
            count, batch_size = map(int, topology.split("x"))
            runs.append(run := learned(count, batch_size, seed, samples))
            print(
                f"seed {seed}, {count} replicas, {batch_size} children each: quality of the last {2 * WINDOW} "
                f"{run['final']:.4f}, of all {run['mean']:.4f}; {run['seconds']:.0f} units of time; staleness "
                f"{run['staleness']}; simulated in {run['took']:.0f} s",
                flush=True,
            )
    out.with_suffix(".json").write_text(json.dumps(runs))
    print("\n| replicas x children | quality of the last 800, 95% interval | time for all samples |\n|---|---|---|")
    for topology in topologies:
        ours = [run for run in runs if run["topology"] == topology]
        times = statistics.fmean(run["seconds"] for run in ours)
        print(f"| {topology} | {interval([run['final'] for run in ours])} | {times:.0f} |")
    out.write_text(picture(topologies, runs))
    print(f"\n{out} and {out.with_suffix('.json')} written")


def interval(values: list[float]) -> str:
    """Mean and 95% interval by Student's t."""
    mean, count = statistics.fmean(values), len(values)
    if count < 2:
        return f"{mean:.4f} (one seed)"
    half = t.ppf(0.975, count - 1) * statistics.stdev(values) / count**0.5
    return f"{mean:.4f} ({mean - half:.4f} to {mean + half:.4f}, {count} seeds)"


# The picture ----------------------------------------------------------------------------------------------------------


def picture(topologies: Sequence[str], runs: Sequence[dict[str, object]]) -> str:
    """Mean curves over samples, and over virtual time on a logarithmic axis."""
    curves = {}
    for topology in topologies:
        several = [run["curve"] for run in runs if run["topology"] == topology]
        together = (zip(*points, strict=True) for points in zip(*several, strict=True))
        curves[topology] = [tuple(map(statistics.fmean, each)) for each in together]
    values = [point[2] for curve in curves.values() for point in curve]
    low, high = min(values), max(values)
    moments = [torch.tensor(point[1]).log10().item() for curve in curves.values() for point in curve]
    samples = max(point[0] for curve in curves.values() for point in curve)

    def y(value: float) -> float:
        return 270 - 230 * (value - low) / (high - low)

    def lines(left: float, x: dict[str, list[float]]) -> str:
        drawn = f'<path d="M{left} 40V270H{left + 340}" fill="none" stroke="#98a4b3"/>'
        for colour, (topology, curve) in zip(COLOURS, curves.items(), strict=False):
            points = " ".join(f"{left + 340 * a:.1f},{y(b[2]):.1f}" for a, b in zip(x[topology], curve, strict=True))
            drawn += f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        return drawn

    by_samples = {name: [point[0] / samples for point in curve] for name, curve in curves.items()}
    first, last = min(moments), max(moments)
    by_time = {
        name: [(torch.tensor(point[1]).log10().item() - first) / (last - first) for point in curve]
        for name, curve in curves.items()
    }
    words = [
        (60, 24, "mean true quality of what is drawn, over samples"),
        (460, 24, "over virtual time, logarithmic; a child takes 1 in the mean"),
        (60, 288, "0"), (370, 288, f"{samples:,.0f}"), (460, 288, f"{10**first:.1f}"), (770, 288, f"{10**last:,.0f}"),
        (18, 44, f"{high:.2f}"), (18, 274, f"{low:.2f}"),
    ]  # fmt: skip
    texts = "".join(f'<text x="{x}" y="{y_}">{said}</text>' for x, y_, said in words)
    for index, (colour, topology) in enumerate(zip(COLOURS, topologies, strict=False)):
        count, size = topology.split("x")
        texts += f'<text x="{60 + 185 * index}" y="312" fill="{colour}">{count} replicas, {size} children each</text>'
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 830 322" font-family="sans-serif" font-size="12">'
        f'<rect width="830" height="322" fill="#ffffff"/>{lines(60, by_samples)}{lines(460, by_time)}{texts}</svg>\n'
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["busy", "shards", "learning"])
    parser.add_argument("--seeds", type=int, default=3, help="searches of each topology")
    parser.add_argument("--samples", type=int, default=SAMPLES, help="of each search")
    parser.add_argument("--topologies", nargs="+", default=["1x8", "8x8", "100x8", "800x1"], help="replicas x children")
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
        learning(options.topologies, options.seeds, options.samples, options.out)


if __name__ == "__main__":
    main()
