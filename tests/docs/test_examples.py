"""The examples are short, explain themselves and do in small what docs/examples.md says."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = ["random_labels.py", "learned_optimiser.py"]


def run(folder: Path, program: str, *options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "examples" / program, *map(str, options)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def output_of(folder: Path, program: str, *options: object) -> str:
    ended = run(folder, program, *options)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    return ended.stdout


def lines_of_picture(path: Path) -> list[int]:
    """The number of points of each line."""
    return [len(line.get("points").split()) for line in ET.parse(path).iter("{http://www.w3.org/2000/svg}polyline")]


@pytest.mark.parametrize("program", PROGRAMS)
def test_an_example_is_short_and_explains_its_options(tmp_path, program):
    assert len((ROOT / "examples" / program).read_text().splitlines()) < 120
    assert "--seed" in output_of(tmp_path, program, "--help")
    assert program in (ROOT / "docs" / "examples.md").read_text()


def test_random_labels_are_fitted_and_not_generalised(tmp_path):
    options = [
        "--images",
        100,
        "--validation",
        0.1,
        "--epochs",
        60,
        "--width",
        32,
        "--shares",
        0,
        1,
        "--picture",
        "picture.svg",
    ]
    output = output_of(tmp_path, "random_labels.py", *options)
    (true_share, *true), (random_share, *random) = (
        [float(number) for number in row] for row in re.findall(r"(\d+)%\s+([\d.]+)%\s+([\d.]+)%", output)
    )
    assert (true_share, random_share) == (0, 100)
    assert true[0] == random[0] == 100  # training
    assert true[1] > 75  # validation
    assert random[1] < 25
    assert lines_of_picture(tmp_path / "picture.svg") == [60] * 4


def test_random_labels_of_a_users_images(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    images = (rng.integers(0, 60, (60, 12, 10, 3)) + 90 * labels[:, None, None, None]).astype(np.uint8)
    np.savez(tmp_path / "mine.npz", images=images, labels=labels)
    options = ["--data", "mine.npz", "--images", 30, "--epochs", 2, "--width", 8, "--shares", 1]
    outputs = [output_of(tmp_path, "random_labels.py", *options) for _ in range(2)]
    assert outputs[0] == outputs[1]
    assert "30 training images" in outputs[0]
    assert "chance: 33.3%" in outputs[0]


def test_random_labels_without_the_data(tmp_path):
    ended = run(tmp_path, "random_labels.py", "--data", "nowhere")
    assert ended.returncode == 2
    assert "error: " in ended.stderr
    assert "nowhere" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_learned_optimiser_ends_ahead_of_tuned_sgd(tmp_path):
    options = ["--epochs", 40, "--steps", 40, "--picture", "picture.svg"]
    output = output_of(tmp_path, "learned_optimiser.py", *options)
    finals = {row.split()[0].rstrip(","): float(row.split()[-1]) for row in output.splitlines()[1:4]}
    assert set(finals) == {"SGD", "Adam", "learned"}
    assert finals["learned"] < finals["SGD"]
    assert lines_of_picture(tmp_path / "picture.svg") == [41] * 3
