"""Pictures of CIFAR-10 (JPEG) in every layout that is read: from the search to the prediction, on the command line."""

import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import netwright as nw
from netwright.tasks.images.user_images import load_images
from oracles.refusals import Cli

PICTURES = Path(__file__).parents[1] / "fixtures" / "cifar10-jpeg"
"""The first 12 training pictures of three classes, as files that went through JPEG."""
FILES = sorted(PICTURES.rglob("*.jpg"))
QUICK = ("--trials", 2, "--workers", 1, "--set", "batch_size=2", "--set", "evaluate.epochs=1")


def part_of(number: int) -> str:
    """Every fourth picture is for validation or for the test, in turns."""
    return ("train", "train", "train", ("val", "test")[number // 4 % 2])[number % 4]


def class_folders(root: Path) -> Path:
    shutil.copytree(PICTURES, root)
    return root


def parts(root: Path) -> Path:
    for number, file in enumerate(FILES):
        copied(file, root / part_of(number) / file.parent.name / file.name)
    return root


def nested(root: Path) -> Path:
    groups = {"cat": "animals", "horse": "animals", "ship": "vehicles"}
    for file in FILES:
        copied(file, root / groups[file.parent.name] / file.parent.name / file.name)
    return root


def kaggle(root: Path, separator: str = ",", suffix: str = ".csv") -> Path:
    rows = [f"{file.stem}{separator}{file.parent.name}" for file in FILES]
    for file in FILES:
        copied(file, root / "images" / file.name)
    (root / f"labels{suffix}").write_text("\n".join([f"id{separator}label", *rows]) + "\n")
    return root


def tabs(root: Path) -> Path:
    return kaggle(root, "\t", ".tsv") / "labels.tsv"


def metadata(root: Path) -> Path:
    for number, file in enumerate(FILES):
        copied(file, root / part_of(number) / file.name)
    for part in ("train", "val", "test"):
        names = sorted(path.name for path in (root / part).iterdir())
        labels = {file.name: file.parent.name for file in FILES}
        (root / part / "metadata.jsonl").write_text(
            "".join(json.dumps({"file_name": name, "label": labels[name]}) + "\n" for name in names)
        )
    return root


def metadata_table(root: Path) -> Path:
    for file in FILES:
        copied(file, root / file.name)
    rows = [f"{file.name},{file.parent.name}" for file in FILES]
    (root / "metadata.csv").write_text("\n".join(["file_name,label", *rows]) + "\n")
    return root


def parquet(root: Path) -> Path:
    import pyarrow
    from pyarrow import parquet

    root.mkdir()
    images = [{"bytes": file.read_bytes(), "path": file.name} for file in FILES]
    table = pyarrow.table({"image": images, "label": [file.parent.name for file in FILES]})
    parquet.write_table(table, root / "train-00000-of-00001.parquet")
    return root


class Dataset:
    """What torchvision's ImageFolder is used for."""

    classes = ("cat", "horse", "ship")

    def __len__(self) -> int:
        return len(FILES)

    def __getitem__(self, index: int) -> tuple[Image.Image, int]:
        return Image.open(FILES[index]), self.classes.index(FILES[index].parent.name)


def from_python(root: Path) -> Path:
    path = root.with_suffix(".npz")
    nw.save_images(Dataset(), path)
    return path


def copied(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, target)


LAYOUTS = [class_folders, parts, nested, kaggle, tabs, metadata, metadata_table, parquet, from_python]


def skip_without(layout: Callable[[Path], Path]) -> None:
    if layout is parquet and importlib.util.find_spec("pyarrow") is None:
        pytest.skip("pyarrow is not installed")


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_every_layout_has_the_same_pictures_and_classes(tmp_path: Path, layout: Callable[[Path], Path]) -> None:
    skip_without(layout)
    expected, found = load_images(PICTURES), load_images(layout(tmp_path / "own"))
    assert [name.rpartition("/")[2] for name in found.class_names] == ["cat", "horse", "ship"]

    def labelled(data):
        for images, labels in ((data.train_images, data.train_labels), (data.test_images, data.test_labels)):
            yield from ((image.numpy().tobytes(), label) for image, label in zip(images, labels.tolist(), strict=True))

    assert sorted(labelled(found)) == sorted(labelled(expected))


@pytest.mark.parametrize(
    "layout",
    [layout if layout is kaggle else pytest.param(layout, marks=pytest.mark.slow) for layout in LAYOUTS],
    ids=lambda layout: layout.__name__,
)
def test_from_search_to_predict(cli: Cli, tmp_path: Path, layout: Callable[[Path], Path]) -> None:
    skip_without(layout)
    data, run = layout(tmp_path / "own"), tmp_path / "run"
    commands: list[tuple[object, ...]] = [
        ("data", data, "-o", tmp_path / "data.html"),
        ("search", "images", "--data", data, "-o", run, *QUICK, "--set", "confirm.at_end=false"),
        ("train", run, "--grid", "none", "--epochs", 1),
        ("test", run / "model", "--data", data),
        ("predict", run / "model", PICTURES, "--json"),
        ("export", run / "model", "--to", "code", "-o", tmp_path / "network.py"),
        ("report", run),
    ]
    printed = {}
    for command in commands:
        result = cli(*command)
        assert result.exit_code == 0, result.stderr
        printed[command[0]] = result.stdout
    predicted = json.loads(printed["predict"])
    network = nw.load(run / "model")
    assert len(predicted) == len(FILES)
    assert {answer["class"] for each in predicted for answer in each["predictions"]} <= set(network.class_names)
    accuracy = json.loads((run / "model" / "model.json").read_text())["metrics"]["test_accuracy"]
    assert f"test accuracy {accuracy:.4f}" in printed["train"]
    assert (run / "report.html").exists()
    assert (run / "model" / "model.html").exists()
