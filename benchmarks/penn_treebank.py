"""Test perplexity of the small LSTM of Zaremba et al. 2014 and of the published cell at its size and settings.

    python benchmarks/penn_treebank.py --data FOLDER      # about an hour on two cores

Trains both on the Penn Treebank by `netwright train`, side by side with one thread each, one seed. The same command
goes on where it was stopped. docs/results.md has what came out.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from netwright.searching.provenance import hardware

WAYS = {"lstm-small": [], "nas-cell": ["--like", "lstm-small"]}


def train(name: str, data: Path, out: Path) -> "subprocess.Popen[bytes]":
    options = ["--task", "ptb", "--data", str(data), "--grid", "none", "--out", str(out / name)]
    command = [sys.executable, "-m", "netwright", "train", name, *WAYS[name], *options]
    return subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder of the official files")
    parser.add_argument("--out", type=Path, default=Path("models"), help="where the two models are kept")
    arguments = parser.parse_args()
    trainings = [train(name, arguments.data, arguments.out) for name in WAYS]
    exit_codes = [training.wait() for training in trainings]
    if any(exit_codes):
        sys.exit("a training did not come to its end; see above")
    print(f"hardware: {hardware()}\n{'model':12} {'units':>5} {'parameters':>11} {'test perplexity':>16}")
    for name in WAYS:
        model = json.loads((arguments.out / name / "model.json").read_text(encoding="utf-8"))
        metrics = model["metrics"]
        perplexity = metrics["test_perplexity"]
        print(f"{name:12} {model['hidden_size']:5} {metrics['num_parameters']:11,} {perplexity:16.2f}")


if __name__ == "__main__":
    main()
