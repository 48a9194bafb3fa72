"""A folder of PNGs made from the digits goes through the command line: search, show, confirm, resume."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from netwright.tasks.images.digits import load_digits

QUICK = ("--trials", 4, "--set", "batch_size=2", "--set", "evaluate.epochs=1", "--set", "confirm.at_end=false")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """300 digits as PNGs, one of them damaged and one of another size."""
    data = load_digits()
    root = tmp_path / "my digits"
    for number, (image, label) in enumerate(zip(data.train_images[:300], data.train_labels[:300], strict=True)):
        (root / f"digit {label}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[0].numpy()).save(root / f"digit {label}" / f"{number}.png")
    (root / "digit 3" / "broken.png").write_bytes(b"\x89PNG")
    Image.new("L", (10, 12)).save(root / "digit 4" / "large.png")
    return root


def test_a_folder_is_searched_shown_confirmed_and_resumed(cli, tmp_path: Path, folder: Path) -> None:
    run = tmp_path / "run"
    searched = cli("search", "images", "--data", folder, "--out", run, "--workers", 2, *QUICK)
    assert searched.exit_code == 0, searched.stderr
    for text in (searched.stderr, searched.stdout):
        assert "data: 1 file that cannot be read left out, the first: digit 3/broken.png" in text
        assert "data: 1 of 301 images had other sizes than the most frequent one, 8 x 8" in text
    assert searched.stderr.count("cannot be read left out") == 1
    assert "images on my digits (" in searched.stdout
    report = (run / "report.html").read_text()
    assert report.count('<img src="data:image/png;base64,') == 10 * 8
    assert "1 file that cannot be read left out, the first: digit 3/broken.png" in report

    document = json.loads(cli("show", run, "--json").stdout)
    assert document["state"] == "finished"
    assert document["data"].startswith("my digits (")
    assert len(document["data_notes"]) == 3
    assert all(trial["reward"] > 0 for trial in document["trials"])
    settings = document["config"]["evaluate"]
    assert (settings["upsample"], settings["flips"], settings["num_validation"]) == (10, False, 0.2)

    confirmed = cli("confirm", run, "--top", 1, "--num-seeds", 2, "--workers", 1)
    assert "(n=2)" in confirmed.stdout
    resumed = cli("resume", run, "--trials", 6)
    assert "6 of 6 trials measured" in resumed.stdout
    again = cli("search", "images", "--data", folder, "--out", run, *QUICK[2:])
    assert "This run was finished already" in again.stdout


def test_a_run_goes_on_only_with_the_data_that_it_began_with(cli, tmp_path: Path, folder: Path) -> None:
    run = tmp_path / "run"
    assert cli("search", "images", "--data", folder, "--out", run, "--workers", 1, *QUICK).exit_code == 0
    (folder / "digit 7" / "added.png").write_bytes(next((folder / "digit 7").iterdir()).read_bytes())
    for command in (("resume", run, "--trials", 6), ("confirm", run)):
        refused = cli(*command)
        assert refused.exit_code == 2
        assert "was searched on my digits (" in refused.stderr
    other = tmp_path / "other.npz"
    np.savez(
        other, images=np.random.RandomState(0).randint(0, 256, (60, 8, 8), dtype=np.uint8), labels=np.arange(60) % 3
    )
    trained = cli("train", run, "--data", other, "--grid", "none", "--epochs", 1)
    assert (trained.exit_code, trained.stdout) == (2, "")
    assert "was searched on my digits (" in trained.stderr
    assert "now the data is other.npz (" in trained.stderr
    assert not (run / "model").exists()
    assert not (run / "model.unfinished").exists()


def test_arrays_in_colour_are_searched(cli, tmp_path: Path) -> None:
    images = np.random.RandomState(0).randint(0, 256, (90, 20, 16, 3), dtype=np.uint8)
    np.savez(tmp_path / "own.npz", images=images, labels=np.arange(90) % 3)
    searched = cli(
        "search", "images", "--data", tmp_path / "own.npz", "--out", tmp_path / "run", "--workers", 2, *QUICK
    )
    assert searched.exit_code == 0, searched.stderr
    document = json.loads(cli("show", tmp_path / "run", "--json").stdout)
    assert document["config"]["evaluate"]["upsample"] == 25
    assert document["config"]["evaluate"]["flips"]
    assert all(trial["state"] == "done" for trial in document["trials"])


def test_missing_data_is_one_clear_line(cli, tmp_path: Path) -> None:
    refused = cli("search", "images", "--out", tmp_path / "run")
    assert refused.exit_code == 2
    assert refused.stderr.startswith(
        "Error: the task `images` needs --data PATH; expected a folder with one sub-folder"
    )
    assert not (tmp_path / "run").exists()
