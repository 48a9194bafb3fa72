"""Images per second of a small child: netwright's defaults beside a default PyTorch loop, in the same run.

    python benchmarks/children.py

The child has 6 layers of 36 filters 3x3 with two max-pools (after layers 2 and 4), batch 128, 32x32 images. The two
ways take turns, so that a machine whose speed drifts slows both; ratios are taken within a turn. Netwright's way uses
one thread in each of two workers at once, the default loop both cores.
"""

import argparse
import multiprocessing
import os
import statistics
import time
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier

import torch
from torch import nn
from torch.nn import functional

from netwright.architectures.convolutional import ConvLayer, ConvNet
from netwright.children.building import build, initialise
from netwright.execution.process import keep_freed_memory
from netwright.searching.provenance import hardware
from netwright.tasks.images.data import ImageSplit
from netwright.training.images import train_classifier
from netwright.training.speed import Speed, has_fast_bfloat16

BATCH = 128
CHILD = ConvNet(
    tuple(
        ConvLayer(
            filter_height=3,
            filter_width=3,
            num_filters=36,
            inputs=(index - 1,) if index else (),
            pool=2 if index in (1, 3) else 1,
        )
        for index in range(6)
    )
)


def random_split(images: int) -> ImageSplit:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (images, 3, 32, 32), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, 10, (images,), generator=generator)
    return ImageSplit(pixels, labels, pixels[:1], labels[:1], 10)


def netwright_seconds(split: ImageSplit) -> float:
    """One epoch as a child is trained in a search, augmentation included."""
    network = build(CHILD)
    initialise(network, 0)
    begun = time.perf_counter()
    train_classifier(
        network,
        split,
        seed=0,
        epochs=1,
        batch_size=BATCH,
        learning_rate=0.1,
        schedule="step",
        momentum=0.9,
        weight_decay=1e-4,
        upsample=40,
        flips=True,
        speed=Speed(),
    )
    return time.perf_counter() - begun


def plain_network() -> nn.Module:
    parts: list[nn.Module] = []
    channels = 3
    for layer in CHILD.layers:
        parts += [nn.Conv2d(channels, layer.num_filters, 3, padding=1, bias=False), nn.BatchNorm2d(layer.num_filters)]
        parts += [nn.ReLU(), *([nn.MaxPool2d(layer.pool)] if layer.pool > 1 else [])]
        channels = layer.num_filters
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


def default_seconds(split: ImageSplit) -> float:
    """The same network as one writes it first, in the loop that one writes first, without augmentation.

    float32, contiguous, default threads; convolution, batch normalisation, ReLU and pooling as modules in a row.
    """
    network = plain_network()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4, nesterov=True)
    images = split.train_images.float() / 255
    begun = time.perf_counter()
    for picked in torch.randperm(len(images)).split(BATCH):
        loss = functional.cross_entropy(network(images[picked]), split.train_labels[picked])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return time.perf_counter() - begun


def worker(images: int, barrier: Barrier, results: "Queue[float]") -> None:
    """A worker of a search: one thread."""
    torch.set_num_threads(1)
    keep_freed_memory()
    split = random_split(images)
    netwright_seconds(random_split(2 * BATCH))  # warm up
    while True:
        barrier.wait(timeout=60)
        results.put(netwright_seconds(split))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2560, help="per measurement and worker")
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    workers = len(os.sched_getaffinity(0))
    fast = has_fast_bfloat16(torch.device("cpu"))
    print(f"hardware: {hardware()}, bfloat16 {'yes' if fast else 'no'}, {workers} cores")

    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(workers + 1), context.Queue()
    processes = [
        context.Process(target=worker, args=(options.images, barrier, results), daemon=True) for _ in range(workers)
    ]
    for process in processes:
        process.start()
    split = random_split(options.images)
    default_seconds(random_split(2 * BATCH))  # warm up
    barrier.wait(timeout=60)  # a turn that does not count: from here on nobody starts or warms up
    for _ in range(workers):
        results.get()
    ratios = []
    for turn in range(options.turns):
        default = options.images / default_seconds(split)
        barrier.wait(timeout=60)
        ours = sum(options.images / results.get() for _ in range(workers))
        ratios.append(ours / default)
        print(
            f"turn {turn}: netwright {ours:,.0f} images/s on {workers} workers, default loop {default:,.0f}: "
            f"{ratios[-1]:.2f} x",
            flush=True,
        )
    print(f"median {statistics.median(ratios):.2f} x (2.5 x asked where the processor has bfloat16)")


if __name__ == "__main__":
    main()
