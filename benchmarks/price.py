"""What the paper's three searches on CIFAR-10 cost at least on one GPU, by arithmetic.

    python benchmarks/price.py

The multiply-adds of a child are means over architectures that are sampled uniformly at random along the search, with
its schedule of depths. Training an image costs three times its forward pass, and a multiply-add is two operations.
Nothing is measured: the floor is that of a card at its peak, which no training reaches, and a controller that prefers
larger networks than random search makes it dearer.
"""

import argparse
import random
import statistics
from fractions import Fraction

from netwright.architectures.costs import ImageShape, costs_of
from netwright.config import RunConfig
from netwright.recipes.networks import cifar10, cifar10_pooling, cifar10_strides
from netwright.searching.rungs import expected_epochs
from netwright.spaces.exploring import sample

SHAPE, NUM_TRAIN, NUM_VALIDATION = ImageShape(3, 32, 32, 10), 45_000, 5_000
RUNGS = ((3, 0.25), (12, 0.25))


def exaflops(config: RunConfig, epochs: float, *, num_sampled: int) -> float:
    """Return the operations of a search whose children are trained for `epochs` on average, in 1e18."""
    rng = random.Random(0)
    numbers = (config.num_trials * n // num_sampled for n in range(num_sampled))
    sampled = (costs_of(sample(config.space.at(number), rng).architecture, SHAPE) for number in numbers)
    multiply_adds = statistics.fmean(costs.multiply_adds for costs in sampled if costs is not None)
    images = 3 * NUM_TRAIN + NUM_VALIDATION  # in forward passes
    return 2 * multiply_adds * images * epochs * config.num_trials / 1e18


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peak", type=float, default=989.0, help="of the card in TFLOP/s; an H100's in bfloat16")
    parser.add_argument("--sampled", type=int, default=2000, help="architectures of each search")
    arguments = parser.parse_args()
    written = ", ".join(f"{epochs}:{Fraction(share)}" for epochs, share in RUNGS)
    print("| search | epochs of a child | EFLOP | days |\n|---|---|---|---|")
    for recipe in (cifar10, cifar10_strides, cifar10_pooling):
        config = recipe()
        whole = config.evaluate.epochs
        for epochs, rungs in ((whole, "all"), (expected_epochs(RUNGS, whole), f"rungs {written}")):
            total = exaflops(config, epochs, num_sampled=arguments.sampled)
            days = total * 1e6 / arguments.peak / 86_400
            print(f"| `{config.recipe}` | {epochs:.3g} ({rungs}) | {total:.3g} | {days:.2g} |")


if __name__ == "__main__":
    main()
