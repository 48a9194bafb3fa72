"""The page of a trained network: its figures, names that are no markup, and what it needs of model.json."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from netwright.errors import DataError
from netwright.report.model_page import write_model_page
from netwright.tasks import catalog
from oracles.numbered_images import numbered, run

EVIL = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was chosen in a grid."""
    with pytest.MonkeyPatch.context() as patch:
        task = catalog.Task(find=lambda path, verify: path, load=lambda path, verify: numbered())
        patch.setitem(catalog.TASKS, "numbered", task)
        folder = tmp_path_factory.mktemp("models") / "model"
        run(folder)
    return folder


def renamed(trained: Path, folder: Path, name: str) -> Path:
    """A copy whose first class has another name."""
    folder.mkdir()
    for file in ("model.json", "worst_errors.json"):
        content = (trained / file).read_text().replace('"a"', json.dumps(name))
        (folder / file).write_text(content)
    return folder


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_has_the_figures_of_model_json(trained: Path) -> None:
    target = write_model_page(trained)
    assert target == trained / "model.html"
    page = target.read_text()
    metrics = json.loads((trained / "model.json").read_text())["metrics"]
    assert metrics["temperature"] > 0, "fitted in the grid"
    errors = json.loads((trained / "worst_errors.json").read_text())
    assert len(errors) == sum(sum(row) for row in metrics["confusion_matrix"]) - sum(
        metrics["confusion_matrix"][index][index] for index in range(3)
    )
    assert [each["loss"] for each in errors] == sorted((each["loss"] for each in errors), reverse=True)
    tags = Tags(page).found
    images = [attributes["src"] or "" for tag, attributes in tags if tag == "img"]
    assert len(images) == len(errors)
    assert all(image.startswith("data:image/png;base64,iVBOR") for image in images)
    for figure in ("test_accuracy", "largest_class_share", "test_balanced_accuracy", "test_macro_f1"):
        assert f"<b>{metrics[figure]:.1%}</b>" in page
    assert "prefers-color-scheme: dark" in page
    assert len(page) < 200_000, "no library for charts"


def test_names_are_text(trained: Path, tmp_path: Path) -> None:
    target = write_model_page(renamed(trained, tmp_path / "evil", EVIL))
    assert target is not None
    tags = Tags(target.read_text()).found
    assert not any("onerror" in attributes or attributes.get("src") == "x" for _, attributes in tags)
    assert "&lt;script&gt;window.hacked" in target.read_text()


def test_models_without_the_figures_have_no_page(tmp_path: Path) -> None:
    older = Path(__file__).parents[1] / "fixtures" / "older" / "image_model"
    (tmp_path / "model.json").write_text((older / "model.json").read_text())
    assert write_model_page(tmp_path) is None
    assert not (tmp_path / "model.html").exists()


@pytest.mark.parametrize("damaged", ["[]", '{"metrics": {"confusion_matrix": 1}}', "{"])
def test_a_damaged_model_json_is_named(tmp_path: Path, damaged: str) -> None:
    (tmp_path / "model.json").write_text(damaged)
    if damaged == "[]":
        assert write_model_page(tmp_path) is None
        return
    with pytest.raises(DataError, match=r"model\.json cannot be"):
        write_model_page(tmp_path)
