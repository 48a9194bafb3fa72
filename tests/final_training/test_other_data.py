"""`nw.evaluate` and `netwright test`: the same measures on other images, and the count of the tests."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn import metrics
from torch.utils.data import Dataset

import netwright as nw
from netwright.architectures.recurrent import Lstm
from netwright.errors import ConfigError, DataError
from netwright.final_training.other_data import as_read
from netwright.models.language import TrainedLanguageModel
from netwright.models.trained import TrainedNetwork
from oracles.language_models_to_try import write_language_model
from oracles.pictures import written


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A network for 13 x 11 coloured pictures of the classes a, b, c and d."""
    return written(tmp_path / "model")


def pictures(folder: Path, names: str = "abcd", size: tuple[int, int] = (13, 11), seed: int = 0) -> Path:
    """A folder of classes with 3, 4, 5, ... pictures of noise."""
    generator = np.random.default_rng(seed)
    for number, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for index in range(number + 3):
            pixels = generator.integers(0, 256, (*size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{index}.png")
    return folder


def test_other_images_have_the_measures_of_scikit_learn(tmp_path: Path, model: Path) -> None:
    folder = pictures(tmp_path / "new")
    found = nw.evaluate(model, folder)
    network = nw.load(model)
    assert isinstance(network, TrainedNetwork)
    files = sorted(folder.rglob("*.png"))
    named = [predicted[0][0] for predicted in network.predict(files)]
    true = [file.parent.name for file in files]
    assert (found["part"], found["num_test_images"], found["notes"]) == ("all", 18, [])
    assert found["test_accuracy"] == metrics.accuracy_score(true, named)
    assert found["test_balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(true, named))
    assert found["test_macro_f1"] == pytest.approx(metrics.f1_score(true, named, average="macro"))
    assert found["confusion_matrix"] == metrics.confusion_matrix(true, named, labels=list("abcd")).tolist()
    assert (found["largest_class"], found["largest_class_share"]) == ("d", 6 / 18)
    assert "do not quote it" in found["note"], "a network of random weights"


def test_tests_are_counted_for_each_set_of_images(tmp_path: Path, model: Path) -> None:
    first, second = pictures(tmp_path / "first"), pictures(tmp_path / "second", seed=1)
    before = json.loads((model / "model.json").read_text())
    counts = [nw.evaluate(model, folder)["num_tests"] for folder in (first, second, first, first)]
    assert counts == [1, 1, 2, 3]
    after = json.loads((model / "model.json").read_text())
    assert sorted(each["count"] for each in after.pop("tests").values()) == [1, 3]
    assert after == before
    assert nw.evaluate(nw.load(model), first)["num_tests"] is None  # type: ignore[arg-type]


def test_the_test_of_the_training_counts(tmp_path: Path, model: Path) -> None:
    folder = pictures(tmp_path / "new")
    nw.evaluate(model, folder)
    description = json.loads((model / "model.json").read_text())
    (checksum,) = description.pop("tests")
    (model / "model.json").write_text(json.dumps({**description, "test_sha256": checksum}))
    assert nw.evaluate(model, folder)["num_tests"] == 2


@pytest.mark.parametrize(
    ("names", "told"),
    [("abce", "the network has no class 'e'; the data has no class 'd'"), ("abc", "the data has no class 'd'")],
)
def test_other_classes_are_refused(tmp_path: Path, model: Path, names: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        nw.evaluate(model, pictures(tmp_path / "new", names))
    assert "tests" not in json.loads((model / "model.json").read_text()), "a test that did not take place"


def test_the_order_of_the_classes_does_not_matter(tmp_path: Path, model: Path) -> None:
    expected = nw.evaluate(model, pictures(tmp_path / "new"))
    description = json.loads((model / "model.json").read_text())
    (model / "model.json").write_text(json.dumps({**description, "class_names": list("dcba")}))
    renamed = {**dict(zip("abcd", "dcba", strict=True))}
    for name in "abcd":
        (tmp_path / "new" / name).rename(tmp_path / f"new-{name}")
    for name in "abcd":
        (tmp_path / f"new-{name}").rename(tmp_path / "new" / renamed[name])
    assert nw.evaluate(model, tmp_path / "new")["test_accuracy"] == expected["test_accuracy"]


def test_files_of_another_size_are_read_as_predict_reads_them(tmp_path: Path, model: Path) -> None:
    folder = pictures(tmp_path / "new", size=(26, 22))
    found, network = nw.evaluate(model, folder), nw.load(model)
    assert isinstance(network, TrainedNetwork)
    files = sorted(folder.rglob("*.png"))
    named = [predicted[0][0] for predicted in network.predict(files)]
    true = [file.parent.name for file in files]
    assert found["confusion_matrix"] == metrics.confusion_matrix(true, named, labels=list("abcd")).tolist()


def test_arrays_of_another_size_are_resized_nearly_as_files_are(tmp_path: Path, model: Path) -> None:
    file = pictures(tmp_path / "new", size=(26, 22)) / "a" / "0.png"
    image = torch.from_numpy(np.asarray(Image.open(file)).copy()).permute(2, 0, 1)[None]
    found, network = nw.evaluate(model, (image, torch.tensor([0]))), nw.load(model)
    assert found["notes"] == ["images of 26 x 22 were resized to 13 x 11"]
    assert isinstance(network, TrainedNetwork)
    difference = as_read(network, image)[0][0].int() - network.read_image(file).int()
    assert difference.abs().max() <= 1


class OfFiles(Dataset):  # type: ignore[type-arg]
    """The pictures of a folder of classes, as torchvision's ImageFolder has them."""

    def __init__(self, folder: Path) -> None:
        self.files, self.classes = sorted(folder.rglob("*.png")), list("abcd")

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Image.Image, int]:
        file = self.files[index]
        return Image.open(file), self.classes.index(file.parent.name)


def test_a_dataset_is_tested_as_its_files_are(tmp_path: Path, model: Path) -> None:
    folder = pictures(tmp_path / "new", size=(26, 22))
    of_files, of_dataset = nw.evaluate(model, folder), nw.evaluate(model, OfFiles(folder))
    assert of_dataset["confusion_matrix"] == of_files["confusion_matrix"]
    assert of_dataset["part"] == "all"


def test_a_language_model_is_tested_on_a_text(cli, tmp_path: Path) -> None:
    write_language_model(tmp_path / "words", Lstm(), described={"unit": "word"})
    text = tmp_path / "novel.txt"
    text.write_text("the newt sat\nthe zebra sat still\n")
    found, again = (nw.evaluate(tmp_path / "words", text) for _ in range(2))
    tokens = ["the", "newt", "sat", "<eos>", "the", "<unk>", "sat", "still", "<eos>"]
    model = nw.load(tmp_path / "words")
    assert isinstance(model, TrainedLanguageModel)
    nats = float(model.nats(tokens).mean())
    assert found["test_perplexity"] == pytest.approx(math.exp(nats), rel=1e-5)
    assert found["test_bits_per_word"] == pytest.approx(nats / math.log(2), rel=1e-5)
    assert (found["num_test_tokens"], found["unknown_share"]) == (9, pytest.approx(1 / 9))
    assert (found["num_tests"], again["num_tests"]) == (1, 2)
    printed = cli("test", tmp_path / "words", "--data", text).stdout
    assert printed == (
        f"perplexity {found['test_perplexity']:.2f}, {found['test_bits_per_word']:.3f} bits per word, on novel.txt "
        "(9 words, 11.1% of them unknown; tested 3 times)\n"
    )
    for options, told in (((), "add --data FILE.txt"), (("--data", text, "--part", "all"), "--part is for networks")):
        refused = cli("test", tmp_path / "words", *options)
        assert (refused.exit_code, told in refused.stderr) == (2, True)
    assert "tested 4 times" in cli("test", tmp_path / "words", "--data", text).stdout, "refused tests are not counted"


def test_arrays(model: Path) -> None:
    images = torch.randint(0, 256, (40, 3, 13, 11), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    network = nw.load(model)
    assert isinstance(network, TrainedNetwork)
    labels = network(images).argmax(dim=1)
    assert nw.evaluate(network, (images, labels))["test_accuracy"] == 1.0
    grey = nw.evaluate(network, (images[:, :1], labels))
    assert grey["notes"] == ["grey images were read as colour"]
    for wrong in ((images.float(), labels), (images, labels[1:]), (images, labels + 4), (images[0], labels)):
        with pytest.raises(DataError, match=r"expected|must be"):
            nw.evaluate(network, wrong)


def test_the_command(cli, tmp_path: Path, model: Path) -> None:
    folder = pictures(tmp_path / "new")
    found = cli("test", model, "--data", folder)
    assert found.exit_code == 0, found.stderr
    assert "18 images, tested once); always naming 'd', the largest class: 0.3333" in found.stdout
    assert "note: the accuracy is no better than always naming 'd' (0.3333), so do not quote it" in found.stdout
    assert "tested 2 times" in cli("test", model, "--data", folder).stdout
    assert json.loads(cli("test", model, "--data", folder, "--json").stdout)["num_tests"] == 3
    part = json.loads(cli("test", model, "--data", folder, "--json", "--part", "test").stdout)
    assert (part["part"], part["num_tests"], part["num_test_images"]) == ("test", 1, 4)
    refused = cli("test", model)
    assert refused.exit_code == 2
    assert "--data PATH" in refused.stderr


def test_a_folder_that_cannot_be_written_is_tested_uncounted(tmp_path: Path, model: Path) -> None:
    (model / "run.lock").symlink_to(tmp_path / "elsewhere")
    found = nw.evaluate(model, pictures(tmp_path / "new"))
    assert found["num_tests"] is None
    assert found["notes"][0].startswith("the test is not counted: ")


def test_data_of_another_kind_is_refused(tmp_path: Path, model: Path) -> None:
    write_language_model(tmp_path / "words", Lstm(), described={"unit": "word"})
    with pytest.raises(DataError, match="it is a folder, not a regular file; expected a text file"):
        nw.evaluate(tmp_path / "words", pictures(tmp_path / "new"))
    with pytest.raises(ConfigError, match=r"a language model is tested on a text file, and none is named"):
        nw.evaluate(nw.load(tmp_path / "words"), (torch.zeros(1), torch.zeros(1)))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="got a tuple of ndarray, ndarray; expected two tensors"):
        nw.evaluate(model, (np.zeros(1), np.zeros(1)))
