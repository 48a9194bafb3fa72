"""`netwright data`, and what a search says about a user's images before it begins."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from netwright.cli.app import app
from netwright.config import RunConfig
from netwright.searching.store import Store

CLASSES = ("<script>alert(1)</script>", "=cmd|' /C calc'!A0", "dog")


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A table of labels beside images of several sizes, with class names that want to be markup or formulas."""
    root = tmp_path / "photographs"
    (root / "images").mkdir(parents=True)
    rows, rng = ["id,label"], np.random.default_rng(0)
    for number in range(24):
        pixels = rng.integers(0, 256, (10 + number % 3, 9, 3), np.uint8)
        Image.fromarray(pixels).save(root / "images" / f"{number}.jpg")
        rows.append(f"{number},{CLASSES[min(2, number // 6)]}")
    (root / "images" / "broken.jpg").write_bytes(b"no image")
    (root / "labels.csv").write_text("\n".join([*rows, "broken,dog"]))
    return root


def run(*arguments: object) -> str:
    ended = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert ended.exit_code == 0, ended.output
    return ended.output


def test_data_prints_what_was_understood_and_writes_a_page(photographs: Path, tmp_path: Path) -> None:
    output = run("data", photographs, "-o", tmp_path / "pages" / "own.html")
    assert "24 images in 3 classes, read as images with labels in labels.csv (id, label)" in output
    assert "original sizes: 10 x 9 (smallest), 11 x 9 (median), 12 x 9 (largest)" in output
    assert "always answering with the largest class is right for 50.0%" in output
    assert "1 file that cannot be read left out, the first: images/broken.jpg" in output
    assert f"netwright search images --data {photographs}" in output
    page = (tmp_path / "pages" / "own.html").read_text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert page.count('<img src="data:image/png;base64,') == 5 + 5 + 10
    assert len(page) < 200_000
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")


def test_data_as_json_and_without_a_page(photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(app, ["data", str(photographs), "--json", "--no-page", "--image-size", "8"])
    document = json.loads(ended.stdout)
    assert {each["name"]: (each["train"], each["test"]) for each in document["classes"]} == {
        CLASSES[0]: (5, 1), CLASSES[1]: (5, 1), CLASSES[2]: (10, 2),
    }  # fmt: skip
    assert (document["prepared"], document["num_train"], document["largest_share"]) == ([8, 7], 20, 0.5)
    assert not (tmp_path / "data.html").exists()


def test_nothing_is_written_where_the_data_is_refused(photographs: Path, tmp_path: Path) -> None:
    (photographs / "labels.csv").write_text("id,label\n../../x,a\n0,b\n1,a")
    ended = CliRunner().invoke(app, ["data", str(photographs), "-o", str(tmp_path / "new" / "page.html")])
    assert ended.exit_code == 2
    assert "which is outside the folder" in " ".join(ended.output.split())
    assert not (tmp_path / "new").exists()


def test_a_search_says_first_what_it_understood_and_keeps_the_size(photographs: Path, tmp_path: Path) -> None:
    search = ["search", "images", "--data", photographs, "--image-size", 8, "--trials", 2, "--workers", 1, "-o",
              tmp_path / "run", "--set", "evaluate.epochs=1", "--set", "confirm.at_end=false"]  # fmt: skip
    output = run(*search)
    first = output.splitlines()[0]
    assert first.startswith("data: photographs (")
    assert "24 images in 3 classes (dog 12, <script>alert(1)</script> 6" in first
    with Store.read(tmp_path / "run") as store:
        config = RunConfig.from_json(store.document("config"))
    assert config.to_json()["evaluate"]["image_size"] == 8
    assert "finished, 2 of 2 trials measured" in run(*search)


@pytest.mark.parametrize(
    "command", [["search", "digits"], ["train", "resnet-20", "--task", "digits"], ["train", "resnet-20", "--task", "x"]]
)
def test_a_size_is_for_own_images_alone(command: list[str], tmp_path: Path) -> None:
    ended = CliRunner().invoke(app, [*command, "--image-size", "32", "-o", str(tmp_path / "out")])
    assert ended.exit_code == 2
    assert "--image-size is for the recipe images" in " ".join(ended.output.split()) or "unknown task" in ended.output
    assert not (tmp_path / "out").exists()
