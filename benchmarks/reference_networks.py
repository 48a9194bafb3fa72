"""Reference networks and found ones on CIFAR-10 (JPEG), each for the same processor time of one core.

    python benchmarks/reference_networks.py --data FOLDER                   # hours; run it again to go on
    python benchmarks/reference_networks.py --data FOLDER --run runs/cifar10-quick --seeds 3

Compares resnet-20, densenet-22-12, and the paper's 15-layer network with a quarter of its filters as found, as a chain
and fully connected; with --run also the best network of that run. Each has the settings that were published for it; the
number of epochs, which the learning rates follow, is what fits into --minutes of processor time by its first
mini-batches. Networks are trained on 45,000 images, measured on the other 5,000 after every epoch, and tested once at
the end.

Finished trainings are in the JSON file and unfinished ones in --work, from which the same command continues. The curves
of seed 0 are drawn to docs/pictures/reference-networks.svg.
"""

import argparse
import json
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from checkout import ROOT, commit
from line_picture import write_picture

from netwright.architectures.convolutional import ConvNet
from netwright.architectures.families import Architecture
from netwright.architectures.named import ReferenceNetwork
from netwright.architectures.published import nas_cnn_15
from netwright.children.building import build_with_weights, num_parameters
from netwright.config import ImageSettings
from netwright.evaluation.image_worker import ImageChild
from netwright.evaluation.images import ImageEvaluation
from netwright.final_training.pipeline import found_in
from netwright.recipes.reference_networks import settings_on
from netwright.searching.provenance import provenance
from netwright.tasks.catalog import open_images, prepare_task
from netwright.training.checkpoints import Checkpoint
from netwright.training.images import measure_accuracy, train_classifier

TASK = ImageSettings(last_epochs=1)
RESULTS = Path(__file__).parent / "results" / "reference_networks.json"
PICTURE = ROOT / "docs" / "pictures" / "reference-networks.svg"
NUM_TIMED = 20
"""Mini-batches of the estimate."""


def thin(network: ConvNet) -> ConvNet:
    """Return the network with a quarter of its filters."""
    return ConvNet(tuple(replace(layer, num_filters=layer.num_filters // 4) for layer in network.layers))


def connected(network: ConvNet, inputs: Callable[[int], tuple[int, ...]]) -> ConvNet:
    """Return the network whose layer n reads the layers `inputs(n)`; none is the image."""
    layers = enumerate(network.layers)
    return ConvNet(tuple(replace(layer, inputs=inputs(number)) for number, layer in layers))


def compared(run: Path | None) -> dict[str, tuple[Architecture, ImageSettings]]:
    """Return the networks with their settings by name."""
    found = thin(nas_cnn_15())
    networks: dict[str, tuple[Architecture, ImageSettings]] = {
        name: (ReferenceNetwork(name), settings_on(name, TASK)) for name in ("resnet-20", "densenet-22-12")
    }
    networks |= {
        "15 layers / 4, as found": (found, TASK),
        "15 layers / 4, chain": (connected(found, lambda number: (number - 1,) if number else ()), TASK),
        "15 layers / 4, fully connected": (connected(found, lambda number: tuple(range(number))), TASK),
    }
    if run is not None:
        ((_, best),) = found_in(run, 1).items()
        networks["best of cifar10-quick"] = best, TASK
    return networks


def epoch_seconds(child: ImageChild, network: Architecture) -> float:
    """Return the processor time of an epoch, from the first mini-batches."""
    batch_size, split = child.training["batch_size"], child.split
    few = replace(
        split,
        train_images=split.train_images[: NUM_TIMED * batch_size],
        train_labels=split.train_labels[: NUM_TIMED * batch_size],
        validation_images=split.validation_images[:500],
        validation_labels=split.validation_labels[:500],
    )
    module = build_with_weights(network, 10, 3, (32, 32), seed=0)
    seconds = []
    for _ in range(2):  # in the first one a process chooses how to compute layers of each shape
        begun = time.process_time()
        train_classifier(module, few, seed=0, speed=child.speed, **{**child.training, "epochs": 1})
        seconds.append(time.process_time() - begun)
    return seconds[-1] * len(split.train_images) / len(few.train_images)


def trained(
    network: Architecture, settings: ImageSettings, folder: Path, work: Path, *, seed: int, minutes: float
) -> dict[str, object]:
    """Train one network for `minutes` of processor time; `work` keeps what is unfinished."""
    work.mkdir(parents=True, exist_ok=True)
    child = ImageEvaluation(settings).evaluate(folder)
    curve_file = work / "curve.json"
    curve = json.loads(curve_file.read_text()) if curve_file.exists() else {"seconds": [], "accuracies": []}
    if "epochs" not in curve:
        curve["epochs"] = max(2, math.floor(minutes * 60 / epoch_seconds(child, network)))
    before = curve["seconds"][-1] if curve["seconds"] else 0.0
    begun = time.process_time()

    def keep(epoch: int, accuracy: float | None) -> None:
        # A checkpoint is written before; an epoch is noted once, also if the process ended between the two.
        curve["seconds"][epoch:] = [before + time.process_time() - begun]
        curve["accuracies"][epoch:] = [accuracy]
        curve_file.write_text(json.dumps(curve))

    module = build_with_weights(network, 10, 3, (32, 32), seed=seed)
    training = {**child.training, "epochs": curve["epochs"]}
    checkpoint = Checkpoint(work / "checkpoint.safetensors")
    train_classifier(
        module, child.split, seed=seed, speed=child.speed, checkpoint=checkpoint, on_epoch=keep, **training
    )
    data = open_images("cifar10", folder, verify=False)
    accuracy = measure_accuracy(
        module, data.test_images, data.test_labels, upsample=settings.upsample, speed=child.speed
    )
    return {**curve, "test_accuracy": accuracy, "num_parameters": num_parameters(module)}


def draw(trainings: dict[str, dict]) -> None:
    curves = {
        key.removesuffix(", seed 0"): list(zip(result["seconds"], result["accuracies"], strict=True))
        for key, result in trainings.items()
        if key.endswith(", seed 0")
    }
    title = "CIFAR-10 (JPEG): validation accuracy, each network for the same processor time"
    write_picture(PICTURE, title, "seconds of one core", "seed 0", curves)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the folder with the files of CIFAR-10 (JPEG)")
    parser.add_argument("--no-verify-data", dest="verify", action="store_false", help="needed for CIFAR-10 (JPEG)")
    parser.add_argument("--run", type=Path, help="a run of cifar10-quick, whose best network is compared too")
    parser.add_argument("--minutes", type=float, default=20.0, help="processor time of each training")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("runs/reference-networks"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    folder = prepare_task("cifar10", options.data, verify=options.verify)
    document = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"trainings": {}}
    document |= {
        "minutes": options.minutes,
        "data": "CIFAR-10 (JPEG)",
        "threads": 1,
        **provenance(),
        "commit": commit(),
    }
    for seed in range(options.seeds):
        for name, (network, settings) in compared(options.run).items():
            key = f"{name}, seed {seed}"
            if key not in document["trainings"]:
                print(key, flush=True)
                work = options.work / key.replace(" ", "-").replace("/", "by").replace(",", "")
                result = trained(network, settings, folder, work, seed=seed, minutes=options.minutes)
                document["trainings"][key] = result
                RESULTS.write_text(json.dumps(document, indent=1) + "\n")
            result = document["trainings"][key]
            print(f"{key}: {result['epochs']} epochs, test accuracy {result['test_accuracy']:.4f}", flush=True)
    draw(document["trainings"])


if __name__ == "__main__":
    main()
