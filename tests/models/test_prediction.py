"""Class names of pictures: in every form in which they are given, and the same as the logits say."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import netwright as nw
from netwright.errors import DataError
from netwright.models import prediction
from netwright.models.trained import TrainedNetwork
from oracles.pictures import TEMPERATURE, photograph, written


@pytest.fixture
def network(tmp_path: Path) -> TrainedNetwork:
    """A network for 13 x 11 coloured pictures of four classes, with a temperature."""
    found = nw.load(written(tmp_path / "model"))
    assert isinstance(found, TrainedNetwork)
    return found


def test_every_form_of_a_picture_has_the_same_prediction(tmp_path: Path, network: TrainedNetwork) -> None:
    path = photograph(tmp_path / "a.png", 0)
    image = Image.open(path)
    array = np.asarray(image)
    expected = (network(network.read_image(path)[None])[0].double() / TEMPERATURE).softmax(0).tolist()
    named = network.predict(path)
    assert [name for name, _ in named] == sorted("abcd", key=lambda name: -expected["abcd".index(name)])
    assert dict(named) == pytest.approx(dict(zip("abcd", expected, strict=True)), abs=1e-6)
    for form in (str(path), image, array, torch.from_numpy(array.copy()).permute(2, 0, 1), network.read_image(path)):
        assert network.predict(form) == named
    for each in network.predict([path, image], top=2):
        assert [name for name, _ in each] == [name for name, _ in named[:2]]
        assert dict(each) == pytest.approx(dict(named[:2]), abs=1e-6)
    assert network.predict([]) == []


def test_grey_and_transparent_pictures_are_read_as_files_are(tmp_path: Path, network: TrainedNetwork) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (20, 20), dtype=np.uint8)
    for image in (Image.fromarray(grey), Image.fromarray(grey).convert("LA"), Image.fromarray(grey).convert("P")):
        image.save(tmp_path / "image.png")
        assert network.predict(image) == network.predict(tmp_path / "image.png")
    assert network.predict(grey) == network.predict(Image.fromarray(grey))


@pytest.mark.parametrize("wrong", [np.zeros((4, 4)), np.zeros((4, 4, 7), np.uint8), torch.zeros(2, 3, 13, 11)])
def test_what_is_no_picture_is_refused(network: TrainedNetwork, wrong: prediction.Picture) -> None:
    with pytest.raises(DataError, match="expected uint8, pixels from 0 to 255"):
        network.predict(wrong)


def test_many_pictures_keep_their_order_and_few_are_in_memory(
    tmp_path: Path, network: TrainedNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction, "BATCH_SIZE", 4)
    paths = [photograph(tmp_path / f"{number}.png", number) for number in range(30)]
    paths[7].write_bytes(b"\x89PNG")
    taken = 0

    def counted():
        nonlocal taken
        for path in paths:
            taken += 1
            yield path

    found = []
    for each in prediction.predictions(network, counted(), top=1):
        found.append(each)
        assert taken <= len(found) + (1 + prediction.NUM_AHEAD) * 4
    assert [each.picture for each in found] == paths
    assert [each.error is not None for each in found] == [number == 7 for number in range(30)]
    alone = [network.predict(path, top=1) for path in paths if path != paths[7]]
    assert [each.named[0][0] for each in found if each.error is None] == [named[0][0] for named in alone]


@pytest.mark.parametrize(
    "wrong",
    [
        {"metrics": []},
        {"tests": {"a": 1}},
        {"tests": {"a": {"count": "many"}}},
        {"plan": {"search_settings": 1}},
        {"data_id": "a"},
    ],
)
def test_a_wrong_member_is_damage(tmp_path: Path, wrong: dict[str, object]) -> None:
    path = written(tmp_path / "model") / "model.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **wrong}))
    with pytest.raises(DataError, match=rf"model\.json cannot be used: its {next(iter(wrong))} is "):
        nw.load(path.parent)


@pytest.mark.parametrize("wrong", [0, -1.0, "1", True, [1.0], 1e9])
def test_a_wrong_temperature_is_damage(tmp_path: Path, wrong: object) -> None:
    with pytest.raises(
        DataError, match=r"model\.json cannot be used: its metrics is .* with a temperature above 0 or null"
    ):
        nw.load(written(tmp_path / "model", wrong))
