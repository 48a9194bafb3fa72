"""When a search is worth its time on your own pictures: beside fixed networks and a linear model, for equal time.

    python benchmarks/own_pictures.py --data FOLDER                   # about 4 hours of one core; run it again to go on
    python benchmarks/own_pictures.py --data FOLDER --only unequal    # about half an hour

Two data sets are made from CIFAR-10 (JPEG), whose files are in FOLDER, as folders of picture files:

equal     5 classes of 300 training pictures of 24, 32, 40 or 48 pixels a side, one in ten of them grey, one file
          damaged; 200 test pictures of each class
unequal   the same with 600, 200, 60, 20 and 8 training pictures

equal: a search for half of the time and the training of its best network for the other half; resnet-20, and the network
of examples/small_cnn.py, for the whole time; a logistic regression on the pixels, whose strength of regularisation is
chosen by cross-validation, until it has converged. unequal: small_cnn for a quarter of the time, with and without class
weights.

Every network is trained by the command that a user types and tested once. The results are in results/own_pictures.json.
"""

import argparse
import json
import math
import shlex
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from checkout import ROOT, commit
from PIL import Image
from scipy.stats import t
from sklearn.linear_model import LogisticRegressionCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from netwright.models.folder import read_description
from netwright.searching.provenance import provenance
from netwright.searching.results import wilson_interval
from netwright.tasks.catalog import open_images
from netwright.tasks.images.user_images import load_images

RESULTS = Path(__file__).parent / "results" / "own_pictures.json"
CLASSES = {0: "airplane", 1: "automobile", 3: "cat", 7: "horse", 8: "ship"}
NUM_TRAIN = {"equal": (300,) * 5, "unequal": (600, 200, 60, 20, 8)}
NUM_TEST = 200
SIDES = (24, 32, 40, 48)
SHARE_GREY = 0.1
SMALL_CNN = f"{ROOT / 'examples' / 'small_cnn.py'}:small_cnn"
NAMES = {"small_cnn": SMALL_CNN, "resnet-20": "resnet-20"}


def write_pictures(source: Path, folder: Path, num_train: tuple[int, ...]) -> None:
    """Write the pictures of a data set as JPEG files, the same ones every time."""
    if folder.exists():
        return
    generator, cifar10 = np.random.default_rng(0), open_images("cifar10", source, verify=False)
    unfinished = folder.with_suffix(".unfinished")
    for part, images, labels, counts in (
        ("train", cifar10.train_images, cifar10.train_labels, num_train),
        ("test", cifar10.test_images, cifar10.test_labels, (NUM_TEST,) * len(CLASSES)),
    ):
        for (label, name), count in zip(CLASSES.items(), counts, strict=True):
            (unfinished / part / name).mkdir(parents=True, exist_ok=True)
            for number in generator.permutation(np.flatnonzero(labels.numpy() == label))[:count]:
                side = int(generator.choice(SIDES))
                picture = Image.fromarray(images[number].permute(1, 2, 0).numpy()).resize((side, side))
                picture = picture.convert("L") if generator.random() < SHARE_GREY else picture
                picture.save(unfinished / part / name / f"{number:05}.jpg", quality=92)
    damaged = next((unfinished / "train" / "cat").iterdir())
    damaged.write_bytes(damaged.read_bytes()[:100])
    unfinished.rename(folder)


def netwright(*words: object, seconds: float | None = None) -> None:
    """Run a command; after `seconds` it is ended by SIGTERM, which keeps every finished trial as Ctrl-C does."""
    command = [sys.executable, "-m", "netwright", *map(str, words)]
    print(shlex.join(command[2:]), flush=True)
    running = subprocess.Popen(command)
    try:
        code = running.wait(seconds)
    except subprocess.TimeoutExpired:
        running.terminate()
        code = running.wait()
    if code not in (0, 128 + signal.SIGTERM):
        raise SystemExit(f"the command failed with exit code {code}")


def of_model(model: Path) -> dict[str, object]:
    """Return the measures of a trained network."""
    description = read_description(model)
    metrics = description["metrics"]
    names = ("test_accuracy", "test_interval", "test_balanced_accuracy", "num_parameters")
    recalls = {each["name"]: each["recall"] for each in metrics["per_class"]}
    return {
        **{name: metrics[name] for name in names},
        "recalls": recalls,
        "largest_class_share": metrics["largest_class_share"],
        "epochs": description["settings"]["epochs"],
        "data": description["data"],
    }


def searched(data: Path, work: Path, seed: int, minutes: float) -> dict[str, object]:
    run = work / "run"
    options = ("--data", data, "--workers", 1, "--seed", seed, "--trials", 1000, "--overwrite", "-o", run)
    netwright("search", "images", *options, seconds=minutes / 2 * 60)
    netwright("train", run, "--minutes", minutes / 2, "--seed", seed, "--workers", 1)
    shown = [sys.executable, "-m", "netwright", "show", str(run), "--json"]
    trials = json.loads(subprocess.run(shown, check=True, capture_output=True, text=True).stdout)["trials"]
    return {**of_model(run / "model"), "num_trained": sum(trial["state"] == "done" for trial in trials)}


def fixed(name: str, *options: object) -> Callable[[Path, Path, int, float], dict[str, object]]:
    def train(data: Path, work: Path, seed: int, minutes: float) -> dict[str, object]:
        of_images = ("--task", "images", "--data", data, "--seed", seed, "--workers", 1)
        netwright("train", NAMES[name], *of_images, "--minutes", minutes, *options, "-o", work / "model")
        return of_model(work / "model")

    return train


def linear(data: Path, _work: Path, seed: int, _minutes: float) -> dict[str, object]:
    images = load_images(data)
    train, test = (part.flatten(1).numpy() / 255 for part in (images.train_images, images.test_images))
    model = make_pipeline(
        StandardScaler(),
        LogisticRegressionCV(Cs=[1e-5, 1e-4, 1e-3, 1e-2, 1e-1], cv=5, max_iter=2000, random_state=seed, n_jobs=1),
    )
    labels = images.test_labels.numpy()
    right = model.fit(train, images.train_labels.numpy()).predict(test) == labels
    recalls = {name: float(right[labels == number].mean()) for number, name in enumerate(images.class_names)}
    return {
        "test_accuracy": float(right.mean()),
        "test_interval": list(wilson_interval(float(right.mean()), len(right))),
        "test_balanced_accuracy": statistics.mean(recalls.values()),
        "num_parameters": (train.shape[1] + 1) * len(recalls),
        "recalls": recalls,
        "data": images.name,
    }


BALANCED = ("--set", "evaluate.class_weights=balanced")
COMPARED = {
    "equal": {
        "search": (searched, 1.0),
        "resnet-20": (fixed("resnet-20"), 1.0),
        "small_cnn": (fixed("small_cnn"), 1.0),
        "logistic regression": (linear, 1.0),
    },
    "unequal": {
        "small_cnn": (fixed("small_cnn"), 0.25),
        "small_cnn, class weights": (fixed("small_cnn", *BALANCED), 0.25),
    },
}
"""By data set and name: how it is trained, and the share of --minutes."""


def print_means(results: dict[str, dict]) -> None:
    """Print the mean accuracy over the seeds of each method with its 95% interval, Student's t."""
    for which, methods in COMPARED.items():
        for name in methods:
            rows = [row for key, row in results.items() if key.startswith(f"{which}: {name}, seed ")]
            if not rows:
                continue
            values = [row["test_accuracy"] for row in rows]
            half = (
                t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values)) if values[1:] else 0
            )
            recalls = {each: statistics.mean(row["recalls"][each] for row in rows) for each in rows[0]["recalls"]}
            print(
                f"{which}: {name}: {statistics.mean(values):.4f}"
                + (f" ± {half:.4f}" if half else "")
                + f" ({len(values)} seeds); recall "
                + ", ".join(f"{each} {recall:.2f}" for each, recall in recalls.items())
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder with the files of CIFAR-10 (JPEG)")
    parser.add_argument("--only", choices=COMPARED, help="one of the two data sets")
    parser.add_argument("--minutes", type=float, default=20.0, help="of each method on one core")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path("runs/own-pictures"))
    options = parser.parse_args()
    document = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"results": {}}
    document |= {"source": "CIFAR-10 (JPEG)", "minutes": options.minutes, **provenance(), "commit": commit()}
    for seed in range(options.seeds):
        for which in [options.only] if options.only else COMPARED:
            data = options.work / which
            write_pictures(options.data, data, NUM_TRAIN[which])
            for name, (train, share) in COMPARED[which].items():
                key = f"{which}: {name}, seed {seed}"
                if key in document["results"]:
                    continue
                print(key, flush=True)
                work = options.work / f"{which}-{name.replace(', ', '-').replace(' ', '-')}-seed{seed}"
                work.mkdir(parents=True, exist_ok=True)
                begun = time.monotonic()
                found = train(data, work, seed, options.minutes * share)
                document["results"][key] = {**found, "seconds": time.monotonic() - begun}
                RESULTS.write_text(json.dumps(document, indent=1) + "\n")
    print_means(document["results"])


if __name__ == "__main__":
    main()
