"""`netwright predict` on many JPEG files: its speed beside that of decoding alone, and its memory.

python benchmarks/predict_speed.py --model RUN/model --data FOLDER

The files are made from the test images of CIFAR-10 (JPEG) in FOLDER, enlarged to 640 x 480 with noise of the size of a
camera's, so that they take as long to decode as small photographs. For each thousand files, both ways are timed one
after the other in one process, and the median of the ratios counts. The memory is the largest of the command's process.
The results are in results/predict_speed.json.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from checkout import commit
from PIL import Image

import netwright as nw
from netwright.models.prediction import pixels_of, predictions
from netwright.models.trained import TrainedNetwork
from netwright.searching.provenance import provenance
from netwright.tasks.catalog import open_images

RESULTS = Path(__file__).parent / "results" / "predict_speed.json"
SIZE = (640, 480)
NOISE = 4.0
CHUNK = 1_000


def write_files(source: Path, folder: Path, num_files: int) -> list[Path]:
    """Write the JPEG files that are not there yet."""
    files = [folder / f"{number:05}.jpg" for number in range(num_files)]
    if files[-1].exists():
        return files
    folder.mkdir(parents=True, exist_ok=True)
    images, generator = open_images("cifar10", source, verify=False).test_images, np.random.default_rng(0)
    for number, file in enumerate(files):
        picture = Image.fromarray(images[number % len(images)].permute(1, 2, 0).numpy()).resize(SIZE)
        pixels = np.asarray(picture) + generator.normal(scale=NOISE, size=(SIZE[1], SIZE[0], 3))
        Image.fromarray(pixels.round().clip(0, 255).astype(np.uint8)).save(file, quality=90)
    return files


def decoded(network: TrainedNetwork, files: list[Path]) -> float:
    """Return the seconds to decode files in as many threads as `predict` has."""
    begun = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(lambda file: pixels_of(network, file), files):
            pass
    return time.perf_counter() - begun


def predicted(network: TrainedNetwork, files: list[Path]) -> float:
    begun = time.perf_counter()
    assert sum(not found.error for found in predictions(network, files, top=1)) == len(files)
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="the folder of a network for coloured images")
    parser.add_argument("--data", type=Path, required=True, help="the folder with the files of CIFAR-10 (JPEG)")
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--work", type=Path, default=Path("runs/predict-speed"))
    options = parser.parse_args()
    files = write_files(options.data, options.work, options.files)
    network = nw.load(options.model)
    assert isinstance(network, TrainedNetwork)
    torch.set_num_threads(1)
    chunks = [files[first : first + CHUNK] for first in range(0, len(files), CHUNK)]
    predicted(network, files[:128])  # the first call chooses how to compute
    times = [(decoded(network, chunk), predicted(network, chunk)) for chunk in chunks]

    begun = time.perf_counter()
    command = [sys.executable, "-m", "netwright", "predict", str(options.model), str(options.work), "--csv"]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    seconds = time.perf_counter() - begun
    assert printed.count("\n") == len(files) + 1
    document = {
        "files": len(files),
        "mean_bytes": statistics.mean(file.stat().st_size for file in files),
        "input_shape": network.input_shape,
        "num_parameters": network.description["metrics"]["num_parameters"],
        "decoded_per_second": statistics.median(len(chunk) / of[0] for chunk, of in zip(chunks, times, strict=True)),
        "predicted_per_second": statistics.median(len(chunk) / of[1] for chunk, of in zip(chunks, times, strict=True)),
        "ratio": statistics.median(decoding / predicting for decoding, predicting in times),
        "ratios": [decoding / predicting for decoding, predicting in times],
        "command_seconds": seconds,
        "largest_memory_bytes": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024,
        "cores": len(os.sched_getaffinity(0)),
        **provenance(),
        "commit": commit(),
    }
    RESULTS.write_text(json.dumps(document, indent=1) + "\n")
    print(
        f"{document['predicted_per_second']:,.0f} files a second, {document['decoded_per_second']:,.0f} decoded alone: "
        f"{document['ratio']:.0%}; the command took {seconds:.0f} s and "
        f"{document['largest_memory_bytes'] / 1e6:,.0f} MB"
    )


if __name__ == "__main__":
    main()
