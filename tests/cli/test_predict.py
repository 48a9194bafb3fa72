"""`netwright predict`: its three forms of output, what it reads of a folder, and files that it cannot read."""

import csv
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from oracles.pictures import photograph, written


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return written(tmp_path / "model")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures, one of them in a folder of its own, and a file of another kind."""
    folder = tmp_path / "photographs"
    (folder / "more").mkdir(parents=True)
    photograph(folder / "b.png", 0)
    photograph(folder / "a.JPG", 1)
    photograph(folder / "more" / "c.bmp", 2)
    (folder / "labels.csv").write_text("a,b")
    return folder


def test_a_folder_in_lines(cli, model: Path, folder: Path) -> None:
    found = cli("predict", model, folder, "--top", 2)
    assert found.exit_code == 0, found.stderr
    lines = found.stdout.splitlines()
    assert [line.split(": ")[0] for line in lines] == [str(folder / name) for name in ("a.JPG", "b.png", "more/c.bmp")]
    assert all(line.count("(0.") == 2 for line in lines)


def test_csv_and_json_agree(cli, model: Path, folder: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(cli("predict", model, folder, "--csv", "--top", 4).stdout)))
    documents = json.loads(cli("predict", model, folder, "--json", "--top", 4).stdout)
    expected = [
        (document["file"], rank, each["class"], f"{each['probability']:.6f}")
        for document in documents
        for rank, each in enumerate(document["predictions"], 1)
    ]
    assert [(row["file"], int(row["rank"]), row["class"], row["probability"]) for row in rows] == expected
    assert len(rows) == 12
    for document in documents:
        assert sum(each["probability"] for each in document["predictions"]) == pytest.approx(1)


def test_unreadable_files_are_reported_and_left_out(cli, model: Path, folder: Path) -> None:
    (folder / "broken.png").write_bytes(b"\x89PNG")
    found = cli("predict", model, folder, folder / "labels.csv", folder / "missing.png", "--csv")
    assert found.exit_code == 1
    assert len(found.stdout.splitlines()) == 4
    for name in ("broken.png", "labels.csv", "missing.png"):
        assert f"left out: the image {folder / name} cannot be read" in found.stderr
    assert "3 of 6 files could not be read" in found.stderr
    documents = json.loads(cli("predict", model, folder / "broken.png", "--json").stdout)
    assert "cannot be read" in documents[0]["error"]


def test_bad_input(cli, model: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    empty = cli("predict", model, tmp_path / "empty")
    assert empty.exit_code == 2
    assert "has no file with the suffix of an image format" in empty.stderr
    both = cli("predict", model, tmp_path, "--csv", "--json")
    assert both.exit_code == 2
    Image.new("L", (3, 3)).save(tmp_path / "a\x1bb.png")
    for options in ((), ("--csv",)):
        assert "a\\x1bb.png" in cli("predict", model, tmp_path / "a\x1bb.png", *options).stdout
