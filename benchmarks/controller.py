"""How fast the controller samples and learns, and whether it beats random search on a reward without training.

python benchmarks/controller.py                      # the paper's 12,800 architectures, m = 8, 15 layers
python benchmarks/controller.py --seeds 5 --trials 3000
"""

import argparse
import statistics
import time

from scipy.stats import t
from synthetic import measured_quality, true_quality

from netwright.config import FunctionSettings, RandomSettings, ReinforceSettings, RunConfig
from netwright.evaluation.function import UserFunction
from netwright.execution.in_process import InProcessExecutor
from netwright.searching.factory import make_core, make_strategy
from netwright.searching.loop import drive
from netwright.searching.provenance import hardware
from netwright.searching.store import Store
from netwright.spaces.convolutional import convolutional
from netwright.trials import Ticket, Trial, TrialState

BEST = 15
"""The paper compares the mean of the best 15 unique models (section 4.2)."""


def config(strategy: RandomSettings | ReinforceSettings, seed: int, trials: int) -> RunConfig:
    return RunConfig(
        space=convolutional(15),
        evaluate=FunctionSettings(function=measured_quality),
        strategy=strategy,
        num_trials=trials,
        seed=seed,
    )


def seconds_to_sample_and_learn(trials: int) -> tuple[float, float]:
    """Seconds on the clock and of the processor, which tell whether the machine was shared; no children, no disk."""
    strategy = make_strategy(config(ReinforceSettings(), 0, trials))
    begun, begun_processor = time.perf_counter(), time.process_time()
    for number in range(trials // 8):
        ticket = Ticket(number, number * 8, 8)
        proposals = strategy.propose(ticket)
        strategy.observe(
            ticket,
            [
                Trial(ticket.first + i, proposal, TrialState.DONE, measured_quality(proposal.architecture))
                for i, proposal in enumerate(proposals)
            ],
        )
    return time.perf_counter() - begun, time.process_time() - begun_processor


def search(settings: RunConfig) -> tuple[float, float]:
    """True quality of the best 15 by measurement, and the mean over the last 400 samples, of a whole search."""
    core = make_core(settings, store := Store.in_memory({}))
    drive(core, InProcessExecutor(UserFunction(measured_quality)), store)
    trials = core.trials[: settings.num_trials]
    unique = {trial.fingerprint: trial for trial in trials}.values()
    best = sorted(unique, key=lambda trial: trial.reward or 0.0, reverse=True)[:BEST]
    return (
        statistics.fmean(true_quality(trial.proposal.architecture) for trial in best),
        statistics.fmean(true_quality(trial.proposal.architecture) for trial in trials[-400:]),
    )


def interval(differences: list[float]) -> str:
    """Mean and 95% interval by Student's t."""
    mean, count = statistics.fmean(differences), len(differences)
    half = t.ppf(0.975, count - 1) * statistics.stdev(differences) / count**0.5
    return f"{mean:+.4f} (95% interval {mean - half:+.4f} to {mean + half:+.4f}, {count} seeds)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=12_800, help="architectures to time")
    parser.add_argument("--trials", type=int, default=2400, help="trials of each search of the comparison")
    parser.add_argument("--seeds", type=int, default=5, help="searches of each kind")
    options = parser.parse_args()
    print(f"hardware: {hardware()}")

    seconds, processor = seconds_to_sample_and_learn(options.samples)
    print(
        f"sampled and learned from {options.samples:,} architectures of 15 layers, m = 8: {seconds:.1f} s "
        f"({processor:.1f} s of the processor; at most 60 asked)"
    )
    if options.seeds < 2:
        return

    best, last = [], []
    for seed in range(options.seeds):
        reinforce = search(config(ReinforceSettings(), seed, options.trials))
        chance = search(config(RandomSettings(), seed, options.trials))
        best.append(reinforce[0] - chance[0])
        last.append(reinforce[1] - chance[1])
        print(
            f"seed {seed}: best {BEST}: REINFORCE {reinforce[0]:.4f} random {chance[0]:.4f}; "
            f"last 400: REINFORCE {reinforce[1]:.4f} random {chance[1]:.4f}",
            flush=True,
        )
    print(f"REINFORCE - random, true quality of the best {BEST} of {options.trials:,}: {interval(best)}")
    print(f"REINFORCE - random, mean quality of the last 400: {interval(last)}")


if __name__ == "__main__":
    main()
