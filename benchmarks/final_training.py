"""Is a finished network at least as good on test images as its architecture under the search's settings?

    python benchmarks/final_training.py [RUN]      # about 6 minutes on two cores, after `netwright search digits`

Trains the best architecture of the run with several seeds in three ways and tests each: with the search's settings on
the search's training images; with the search's settings on all images but the test set's; and as `netwright train`
does, grid included. The differences are paired by seed. Measuring a method looks at the test set many times, which is
why no network comes out of this.
"""

import argparse
import math
import statistics
import tempfile
from pathlib import Path

from netwright.architectures.convolutional import ConvNet
from netwright.children.building import build, initialise
from netwright.cli.stages import Stages
from netwright.config import FinalSettings
from netwright.final_training.images import FinalImages
from netwright.final_training.pipeline import finish, found_in
from netwright.searching.placement import Placement, default_workers
from netwright.searching.provenance import hardware
from netwright.searching.results import described
from netwright.searching.run import read_config
from netwright.seeds import derive_seed
from netwright.tasks.images.data import ImageSplit, everything_but_test
from netwright.training.images import train_classifier

STUDENT_T = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 8: 2.365, 10: 2.262}
"""By the number of seeds: Student's t for a two-sided interval of 95%."""


def searched(network: ConvNet, final: FinalImages, split: ImageSplit, seed: int) -> float:
    """Test accuracy of the architecture under the search's settings."""
    module = build(network, split.num_classes, split.train_images.shape[1])
    initialise(module, seed)
    train_classifier(module, split, seed=seed, speed=final.child.speed, **final.child.training)
    accuracy: float = final.tested(module)["test_accuracy"]
    return accuracy


def interval(values: list[float]) -> str:
    half = STUDENT_T[len(values)] * statistics.stdev(values) / math.sqrt(len(values))
    mean = statistics.fmean(values)
    return f"{mean:+.4f} (95% interval {mean - half:+.4f} to {mean + half:+.4f}, n={len(values)})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?", default=Path("runs/digits-reinforce-seed0"))
    parser.add_argument("--seeds", type=int, default=5, choices=sorted(STUDENT_T))
    parser.add_argument("--epochs", type=int, help="of the final training; default as netwright train")
    parser.add_argument("--workers", type=int)
    options = parser.parse_args()
    config, placement = read_config(options.run)
    placement = Placement(options.workers or default_workers(config), placement.data, placement.verify)
    ((origin, network),) = found_in(options.run, 1).items()
    images = FinalImages.open(config.evaluate, FinalSettings(), placement)
    data, child = images.data, images.child
    print(f"hardware: {hardware()}\ndata: {data.name}, {len(data.test_images)} test images")
    print(f"architecture: {origin}: {described(network)}")

    accuracies: dict[str, list[float]] = {"search": [], "all images": [], "train": []}
    for seed in range(options.seeds):
        drawn = derive_seed(seed, "benchmark")
        accuracies["search"].append(searched(network, images, child.split, drawn))
        accuracies["all images"].append(searched(network, images, everything_but_test(data), drawn))
        with tempfile.TemporaryDirectory() as scratch, Stages() as stages:
            final = FinalSettings(seed=seed, epochs=options.epochs)
            model = finish({origin: network}, config, final, Path(scratch) / "model", placement, stages)
        accuracies["train"].append(model["metrics"]["test_accuracy"])
        chosen = {name: model["settings"][name] for name in ("learning_rate", "weight_decay", "epsilon", "decay_at")}
        row = "  ".join(f"{way} {values[-1]:.4f}" for way, values in accuracies.items())
        print(f"seed {seed}: {row}   {chosen}", flush=True)
    for way, values in accuracies.items():
        print(f"{way:11} {statistics.fmean(values):.4f} ± {statistics.stdev(values):.4f}")
    for way in ("search", "all images"):
        gained = [final - before for final, before in zip(accuracies["train"], accuracies[way], strict=True)]
        print(f"train - {way}: {interval(gained)}")


if __name__ == "__main__":
    main()
