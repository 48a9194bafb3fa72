"""What netwright's children and cells take on this machine's GPU, beside other ways of computing them.

    PYTHONPATH=src python benchmarks/gpu.py                      # about 5 minutes on an H200
    PYTHONPATH=src python benchmarks/gpu.py --data FILE          # the published network on CIFAR-10
    PYTHONPATH=src python benchmarks/gpu.py --tiny --out FILE    # every section at toy sizes, on a CPU too

It needs torch 2.11 or newer, numpy, cloudpickle, safetensors and pillow, and triton for the fast cells; netwright need
not be installed. Sections run in the order of their worth until the minutes are over. Each measurement is one line of
JSON on the screen; the file, which is written anew after each section, holds all of them. A section that fails leaves a
measurement with its error, and the next one begins.

FILE is an .npz of JPEG images: train_jpeg (uint8, all files one after the other), train_offsets (int64, where each
begins, and the end), train_labels, and the same for test.
"""

import argparse
import io
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Timer
from typing import Any, Literal
from unittest.mock import patch

# cuBLAS reads this once, when it starts; with it the same seed gives the same bits.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

import numpy as np
import torch
from checkout import ROOT, commit
from torch import Tensor, nn

from netwright.architectures.convolutional import ConvNet
from netwright.architectures.costs import ImageShape, costs_of
from netwright.architectures.published import max_cell, nas_cell, nas_cnn_15
from netwright.children.building import build, initialise
from netwright.nn import TreeLayer, triton_steps
from netwright.nn.gpu_lstm import GpuLSTMLayer
from netwright.spaces.convolutional import convolutional
from netwright.spaces.exploring import sample
from netwright.tasks.images.data import ImageSplit
from netwright.training import images as training_images
from netwright.training.images import train_classifier
from netwright.training.speed import Speed
from netwright.trials import never

SHAPE = ImageShape(3, 32, 32, 10)
RESULTS = ROOT / "benchmarks" / "results"
STEPS, SEQUENCES = 35, 20
"""Of the recurrent layers: the windows of the published language models."""
Measurement = dict[str, Any]
Section = Callable[["Bench"], Iterator[Measurement]]


@dataclass(frozen=True)
class Bench:
    """What all sections need to know."""

    device: torch.device
    tiny: bool
    deadline: float
    data: Path | None

    def left(self) -> float:
        """Return the seconds until the end."""
        return self.deadline - time.perf_counter()

    def synchronize(self) -> None:
        """Wait for the GPU."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def seconds(self, run: Callable[[], object], repeats: int) -> float:
        """Return the mean seconds of a call; another one before does not count."""
        run()
        self.synchronize()
        begun = time.perf_counter()
        for _ in range(repeats):
            run()
        self.synchronize()
        return (time.perf_counter() - begun) / repeats

    def median_seconds(self, run: Callable[[], object], repeats: int) -> float:
        """Return the median of five values of `seconds`."""
        return sorted(self.seconds(run, repeats) for _ in range(5))[2]

    def mebibytes(self) -> int:
        """Return the most memory of the GPU that tensors had since the last call."""
        if self.device.type != "cuda":
            return 0
        most = torch.cuda.max_memory_allocated() >> 20
        torch.cuda.reset_peak_memory_stats()
        return most


# Children -------------------------------------------------------------------------------------------------------------


def random_images(count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator)
    return images, torch.randint(10, (count,), generator=generator)


def initialised(net: ConvNet, seed: int = 0) -> nn.Module:
    network = build(net)
    initialise(network, seed)
    return network


def multiply_adds(net: ConvNet) -> int:
    costs = costs_of(net, SHAPE)
    assert costs is not None
    return costs.multiply_adds


def sampled_children(bench: Bench) -> list[tuple[int, ConvNet]]:
    """Return depths and networks of the paper's space, the same ones in every run."""
    rng = random.Random(0)
    if bench.tiny:
        spaces = [(depth, convolutional(depth, num_filters=(4, 6), filter_sizes=(1, 3))) for depth in (2, 3)]
    else:
        spaces = [(depth, convolutional(depth)) for depth in (6, 6, 6, 10, 10, 10, 15, 15)]
    return [(depth, sample(space, rng).architecture) for depth, space in spaces]


def padded_to_8(net: ConvNet) -> ConvNet:
    """Return the network with numbers of filters rounded up to multiples of 8, for which GPUs have matrix units."""
    return ConvNet(tuple(replace(layer, num_filters=-(-layer.num_filters // 8) * 8) for layer in net.layers))


@dataclass(frozen=True)
class Training:
    """What is chosen of a training; the rest is as in a search."""

    batch_size: int
    epochs: int
    seed: int = 0
    learning_rate: float = 0.1
    schedule: Literal["constant", "step", "cosine"] = "step"
    weight_decay: float = 1e-4
    upsample: int = 40


def unmeasured(images: Tensor, labels: Tensor) -> ImageSplit:
    """Return a split without validation images."""
    return ImageSplit(images, labels, images[:0], labels[:0], 10)


def trained(
    network: nn.Module,
    split: ImageSplit,
    training: Training,
    speed: Speed,
    *,
    recorded: bool,
    is_over: Callable[[Measurement], bool] = never,
) -> dict[str, list[float]]:
    """Train by the recorded step, or by the loop that computes whatever cannot be recorded; return the history."""
    with patch.object(training_images, "can_record", lambda *arguments: recorded):
        return train_classifier(
            network, split, momentum=0.9, flips=True, speed=speed, is_over=is_over, **asdict(training)
        )


def speed_of(bench: Bench, *, bfloat16: bool = True) -> Speed:
    device = "cuda" if bench.device.type == "cuda" else "cpu"
    return Speed(device=device, precision="bfloat16" if bfloat16 else "float32")


def images_per_second(bench: Bench, net: ConvNet, batch: int, steps: int, *, recorded: bool) -> tuple[float, float]:
    """Return the rate of one training in its later epochs, and the seconds that its first one took longer."""
    network, split = initialised(net), unmeasured(*random_images(steps * batch))
    run = partial(trained, network, split, speed=speed_of(bench), recorded=recorded)
    one, four = (bench.seconds(partial(run, Training(batch, epochs=epochs)), 1) for epochs in (1, 4))
    epoch = max(1e-9, (four - one) / 3)
    return steps * batch / epoch, max(0.0, one - epoch)


# Sections -------------------------------------------------------------------------------------------------------------


def environment(bench: Bench) -> Iterator[Measurement]:
    """Versions, and the speed of a large product and of a copy: what nothing else can exceed."""
    found: Measurement = {"torch": torch.__version__, "python": sys.version.split()[0], "cpus": os.cpu_count()}
    if bench.device.type == "cuda":
        card = torch.cuda.get_device_properties(0)
        found |= {"name": card.name, "sms": card.multi_processor_count, "cudnn": torch.backends.cudnn.version()}
        found |= {"mib": card.total_memory >> 20, "tf32": torch.backends.cuda.matmul.allow_tf32}
    yield found | {"bf16_tflops": round(product_tflops(bench), 2)}
    source = torch.randn(1 << (16 if bench.tiny else 28), device=bench.device)
    target = torch.empty_like(source)
    yield {"copy_tb_s": round(8 * len(source) / bench.seconds(partial(target.copy_, source), 10) / 1e12, 3)}


def product_tflops(bench: Bench) -> float:
    size = 128 if bench.tiny else 8192
    a, b = (torch.randn(size, size, device=bench.device).bfloat16() for _ in range(2))
    return 2 * size**3 / bench.seconds(partial(torch.mm, a, b), 10) / 1e12


def relative_difference(ours: list[Tensor], right: list[Tensor]) -> float:
    pairs = [(a.detach(), b.detach()) for a, b in zip(ours, right, strict=True)]
    return max(float((a - b).norm() / b.norm().clamp_min(1e-9)) for a, b in pairs)


def equality(bench: Bench) -> Iterator[Measurement]:
    """Whether the fast ways compute what the plain ones do."""
    net = sample(convolutional(3, num_filters=(8, 12), filter_sizes=(1, 3)), random.Random(1)).architecture
    split = unmeasured(*random_images(68))
    training = Training(batch_size=16, epochs=2, seed=3)
    for bfloat16 in (False, True):
        speed = speed_of(bench, bfloat16=bfloat16)
        networks = [initialised(net) for _ in range(4)]
        ways = (False, False, True, True)
        histories = [
            trained(network, split, training, speed, recorded=way) for network, way in zip(networks, ways, strict=True)
        ]
        weights = [[*network.parameters()] for network in networks]
        yield {
            "what": "the recorded step and the loop",
            "bfloat16": bfloat16,
            "relative_difference": relative_difference(weights[2], weights[0]),
            "losses": histories[0]["training_losses"],
            "recorded_losses": histories[2]["training_losses"],
            "loop_repeats_bit_for_bit": all(map(torch.equal, weights[0], weights[1])),
            "recorded_repeats_bit_for_bit": all(map(torch.equal, weights[2], weights[3])),
        }
    for name, cell in {"NAS cell": nas_cell(), "cell with max": max_cell()}.items():
        layer = TreeLayer(cell, 8, 8).to(bench.device)
        for weight in layer.parameters():
            nn.init.uniform_(weight, -1, 1)
        x, mask = torch.randn(4, 3, 8, device=bench.device), torch.ones(3, 8, device=bench.device)
        results = []
        for ways in (nullcontext, plain_function):
            with ways():
                outputs, (_, c) = layer(x, layer.initial_state(x), mask)
            results.append([outputs, *torch.autograd.grad(outputs.square().sum() + c.sum(), [*layer.parameters()])])
        difference = relative_difference(*results)
        fused = triton_steps.can_run(x)
        yield {"what": f"{name}: kernels and plain function", "by_kernels": fused, "relative_difference": difference}


@contextmanager
def plain_function() -> Iterator[None]:
    """Cells are computed without the generated kernels."""
    with patch.object(triton_steps, "can_run", lambda h: False):
        yield


def children(bench: Bench) -> Iterator[Measurement]:
    """Images per second by a search's loop, recorded as a graph, and with padded filters."""
    steps, batches = (2, (8,)) if bench.tiny else (24, (128, 512))
    ceiling = product_tflops(bench)
    depths_seen = set()
    for depth, net in sampled_children(bench):
        for batch in batches[:1] if depth in depths_seen else batches:  # large batches for one child of each depth
            for way, child in {"loop": net, "graph": net, "graph, filters padded to 8": padded_to_8(net)}.items():
                bench.mebibytes()
                rate, once = images_per_second(bench, child, batch, steps, recorded=way != "loop")
                tflops = rate * 6 * multiply_adds(net) / 1e12  # of the network as sampled: filters that pad are no work
                yield {
                    "depth": depth,
                    "million_multiply_adds": round(multiply_adds(net) / 1e6, 1),
                    "batch": batch,
                    "way": way,
                    "images_per_second": round(rate),
                    "tflops": round(tflops, 3),
                    "share_of_product": round(tflops / ceiling, 4),
                    "seconds_once": round(once, 3),
                    "mib": bench.mebibytes(),
                }
        depths_seen.add(depth)


def repeatability(bench: Bench) -> Iterator[Measurement]:
    """Whether the same seed gives the same bits twice, and what deterministic algorithms cost."""
    _, net = sampled_children(bench)[len(sampled_children(bench)) // 2]
    batch, steps = (8, 2) if bench.tiny else (128, 24)
    split = unmeasured(*random_images(4 * batch))
    for deterministic in (False, True):
        with cudnn_deterministic(deterministic):
            networks = [initialised(net) for _ in range(2)]
            for network in networks:
                trained(network, split, Training(batch, epochs=2), speed_of(bench), recorded=True)
            rate, _ = images_per_second(bench, net, batch, steps, recorded=True)
            same = all(map(torch.equal, *([*network.parameters()] for network in networks)))
            yield {"deterministic": deterministic, "same_bits_twice": same, "images_per_second": round(rate)}


@contextmanager
def cudnn_deterministic(chosen: bool) -> Iterator[None]:
    before, torch.backends.cudnn.deterministic = torch.backends.cudnn.deterministic, chosen
    try:
        yield
    finally:
        torch.backends.cudnn.deterministic = before


def recurrent_layers(bench: Bench) -> Iterator[Measurement]:
    """Milliseconds of one layer over a window, forward and backward: netwright's layers beside torch's LSTM."""
    for units in (8,) if bench.tiny else (650, 1500):
        of_cell = -(-round(units / 2**0.5) // 8) * 8  # as many weights as the LSTM
        for way, run in ways_over_a_window(bench, units, of_cell).items():
            for recorded in (False, True) if bench.device.type == "cuda" else (False,):
                took = bench.median_seconds(as_graph(run) if recorded else run, 1 if bench.tiny else 10)
                yield {
                    "units": of_cell if way.startswith("NAS") else units,
                    "way": way,
                    "graph": recorded,
                    "milliseconds": round(1000 * took, 3),
                }


def ways_over_a_window(bench: Bench, units: int, of_cell: int) -> dict[str, Callable[[], None]]:
    steps = 3 if bench.tiny else STEPS
    lstm, masked_lstm = nn.LSTM(units, units).to(bench.device), GpuLSTMLayer(units, units).to(bench.device)
    cell = TreeLayer(nas_cell(), of_cell, of_cell).to(bench.device)
    x, x_cell = (torch.randn(steps, SEQUENCES, n, device=bench.device, requires_grad=True) for n in (units, of_cell))
    mask, mask_cell = (torch.ones(SEQUENCES, n, device=bench.device) for n in (units, of_cell))
    in_bfloat16 = partial(torch.autocast, bench.device.type, torch.bfloat16)
    return {
        "nn.LSTM": both_directions(lstm, x),
        "nn.LSTM, autocast": both_directions(lstm, x, setting=in_bfloat16),
        "LSTM with a mask": both_directions(masked_lstm, x, mask),
        "LSTM with a mask, plain loop": both_directions(masked_lstm, x, mask, setting=plain_function),
        "NAS cell": both_directions(cell, x_cell),
        "NAS cell with a mask": both_directions(cell, x_cell, mask_cell),
        "NAS cell, autocast": both_directions(cell, x_cell, setting=in_bfloat16),
        "NAS cell, plain function": both_directions(cell, x_cell, setting=plain_function),
    }


def both_directions(
    layer: nn.Module,
    x: Tensor,
    mask: Tensor | None = None,
    *,
    setting: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Callable[[], None]:
    """Return what computes the layer and all gradients of the sum of its outputs."""

    def run() -> None:
        layer.zero_grad()
        x.grad = None
        with setting():
            outputs, _ = layer(x) if isinstance(layer, nn.LSTM) else layer(x, layer.initial_state(x), mask)
        outputs.float().sum().backward()

    return run


def as_graph(run: Callable[[], object]) -> Callable[[], object]:
    """Record `run`, which reads and writes memory of the GPU alone; return what replays it."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay


def published(bench: Bench) -> Iterator[Measurement]:
    """The published network of 15 layers, recorded: seconds of an epoch, and its accuracy after a short training."""
    count, tested = (128, 64) if bench.tiny else (45_000, 5_000)
    if bench.data is None:
        (images, labels), (test_images, test_labels) = random_images(count), random_images(tested, seed=1)
    else:
        images, labels = jpeg_images(bench.data, "train", count)
        test_images, test_labels = jpeg_images(bench.data, "test", tested)
    net = sampled_children(bench)[0][1] if bench.tiny else nas_cnn_15()
    batch, steps = (32, 2) if bench.tiny else (256, 24)
    rate, once = images_per_second(bench, net, batch, steps, recorded=True)
    epochs = 1 if bench.tiny else max(1, min(30, int(min(40.0, bench.left() / 2) * rate / len(images))))
    yield {
        "million_multiply_adds": round(multiply_adds(net) / 1e6, 1),
        "batch": batch,
        "images_per_second": round(rate),
        "tflops": round(rate * 6 * multiply_adds(net) / 1e12, 3),
        "seconds_once": round(once, 3),
        "data": "random pixels" if bench.data is None else "CIFAR-10, JPEG",
    }
    training = Training(batch, epochs, learning_rate=0.2, schedule="cosine", weight_decay=5e-4)
    split = ImageSplit(images, labels, test_images, test_labels, 10)
    begun = time.perf_counter()
    history = trained(initialised(net), split, training, speed_of(bench), recorded=True)
    took = time.perf_counter() - begun
    yield {"epochs": epochs, "seconds": round(took, 1), "test_accuracies": history["validation_accuracies"]}


def jpeg_images(path: Path, part: str, most: int) -> tuple[Tensor, Tensor]:
    """Decode at most so many images of a part of the file, in the order of the file."""
    from PIL import Image

    with np.load(path, allow_pickle=False) as file:
        offsets, encoded, labels = (file[f"{part}_{name}"] for name in ("offsets", "jpeg", "labels"))
    count = min(most, len(labels))
    files = (io.BytesIO(encoded[offsets[n] : offsets[n + 1]].tobytes()) for n in range(count))
    decoded = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    images = torch.from_numpy(np.stack(decoded)).permute(0, 3, 1, 2).contiguous()
    return images, torch.from_numpy(labels[:count].astype("int64"))


def processes(bench: Bench) -> Iterator[Measurement]:
    """Images per second of several children that share the GPU, in processes of their own as in a search."""
    counts, limit = ((1, 2), 0.2) if bench.tiny else ((1, 2, 4, 8), 2.5)
    command = [sys.executable, __file__, "--worker", *(["--tiny"] if bench.tiny else [])]
    start = partial(subprocess.Popen, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    workers: list[subprocess.Popen[str]] = [start() for _ in range(counts[-1])]
    watch = Timer(max(60.0, bench.left()), lambda: [worker.kill() for worker in workers])
    watch.start()
    try:
        for worker in workers:
            assert answer_of(worker) == "ready"
        for way in ("loop", "graph"):
            for count in counts:
                for worker in workers[:count]:
                    print(way, limit, file=worker.stdin, flush=True)
                rates = [float(answer_of(worker)) for worker in workers[:count]]
                yield {"way": way, "processes": count, "images_per_second_together": round(sum(rates))}
    finally:
        watch.cancel()
        for worker in workers:
            worker.kill()
            worker.communicate()


def answer_of(worker: subprocess.Popen[str]) -> str:
    assert worker.stdout is not None
    return worker.stdout.readline().strip()


def work(bench: Bench) -> None:
    """Train one child of 10 layers for each line "loop SECONDS" or "graph SECONDS", and print images per second."""
    depth, batch, steps = (3, 8, 2) if bench.tiny else (10, 128, 8)
    net = next(net for of_depth, net in sampled_children(bench) if of_depth == depth)
    split = unmeasured(*random_images(batch * steps, seed=os.getpid()))
    print("ready", flush=True)
    for line in sys.stdin:
        way, limit = line.split()
        ends: list[float] = []
        trained(
            initialised(net),
            split,
            Training(batch, epochs=1_000_000),
            speed_of(bench),
            recorded=way == "graph",
            is_over=partial(over_after, float(limit), ends),
        )
        print((len(ends) - 1) * len(split.train_images) / (ends[-1] - ends[0]), flush=True)


def over_after(seconds: float, ends: list[float], history: Measurement) -> bool:
    """Note the end of an epoch; the training is over so many seconds after the first one, which records the step."""
    ends.append(time.perf_counter())
    return len(ends) > 1 and ends[-1] - ends[0] > seconds


SECTIONS: dict[str, Section] = {
    section.__name__: section
    for section in (environment, equality, children, repeatability, recurrent_layers, processes, published)
}
"""In the order of their worth."""


def run_sections(bench: Bench, names: list[str], out: Path) -> None:
    begun, measurements = time.perf_counter(), []
    card = torch.cuda.get_device_name(0) if bench.device.type == "cuda" else "none; a CPU"
    for name in names:
        if bench.left() < 0:
            break
        for measurement in guarded(SECTIONS[name](bench)):
            measurements.append({"section": name, "t": round(time.perf_counter() - begun, 1), **measurement})
            print(json.dumps(measurements[-1]), flush=True)
            if bench.left() < 0:
                break
        document = {
            "what": "netwright's children and cells on one card, beside other ways of computing them; one run, without "
            "intervals; one object per measurement, in the order of measuring",
            "card": card,
            "created": datetime.now(UTC).date().isoformat(),
            "torch": torch.__version__,
            "commit": present_commit(),
            "script": "benchmarks/gpu.py" + (" --tiny" if bench.tiny else ""),
            "seconds": round(time.perf_counter() - begun, 1),
        }
        lines = ",\n  ".join(json.dumps(each) for each in measurements)
        header = json.dumps(document, indent=1).removesuffix("\n}")
        out.write_text(f'{header},\n "measurements": [\n  {lines}\n ]\n}}\n', encoding="utf-8")


def guarded(measured: Iterator[Measurement]) -> Iterator[Measurement]:
    """Yield what a section measures, and in the place of an exception a measurement that names it."""
    try:
        yield from measured
    except Exception as error:  # a section without memory for its tensors must not end the others
        yield {"error": f"{type(error).__name__}: {str(error)[:300]}"}


def present_commit() -> str | None:
    try:
        return commit()
    except (OSError, ValueError):  # a copy of the source without git
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=6.0)
    parser.add_argument("--tiny", action="store_true", help="toy sizes, to test this program")
    parser.add_argument("--data", type=Path, help="images for the published network; without it they are random pixels")
    parser.add_argument("--out", type=Path, help="default benchmarks/results/gpu-CARD-DATE.json")
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    bench = Bench(device, options.tiny, time.perf_counter() + 60 * options.minutes, options.data)
    if options.worker:
        return work(bench)
    card = torch.cuda.get_device_name(0).split()[-1].lower() if device.type == "cuda" else "none"
    out = options.out or RESULTS / f"gpu-{card}-{datetime.now(UTC).date().isoformat()}.json"
    return run_sections(bench, options.sections, out)


if __name__ == "__main__":
    main()
