"""The folder of a translator: it translates as before it was stored, and a member that is damaged is named."""

import base64
import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from safetensors.torch import save as save_tensors

import netwright as nw
from netwright.architectures.published import PUBLISHED
from netwright.architectures.recurrent import Lstm, RecurrentArchitecture, RecurrentHighway
from netwright.architectures.values import to_json
from netwright.children.translation.beam import LARGEST_BEAM, BeamSettings
from netwright.errors import ConfigError, DataError, install
from netwright.models.export_code import export_code
from netwright.models.export_onnx import export_onnx
from netwright.models.folder import ARCHITECTURE, DESCRIPTION, WEIGHTS, write_model
from netwright.models.translator import TrainedTranslator
from oracles.small_machine import peak_memory
from oracles.toy_language import fresh, toy_data

BEAM = BeamSettings(3, 0.4, 0.1)
SENTENCES = ["ant bee", "", "dog dog fox elk"]


def made(folder: Path, architecture: RecurrentArchitecture | None = None) -> TrainedTranslator:
    """Store an untrained translator, and return it as it was before."""
    network, subwords = fresh(architecture), toy_data().subwords
    description = {
        "kind": "translation",
        "source": "an",
        "target": "ki",
        "subwords": base64.b64encode(subwords.to_bytes()).decode(),
        "hidden_size": 8,
        "max_length": 9,
        "num_encoder_layers": 2,
        "num_decoder_layers": 2,
        "cell_bias": False,
        "beam": asdict(BEAM),
    }
    write_model(folder, network, architecture or Lstm(), description)
    return TrainedTranslator(network, subwords=subwords, beam=BEAM, max_length=9, description=description)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("architecture", [Lstm(), RecurrentHighway(2), PUBLISHED["nas-cell"]()], ids=str)
def test_a_translator_that_is_loaded_translates_as_before(tmp_path: Path, architecture: RecurrentArchitecture) -> None:
    translate = made(tmp_path / "model", architecture)
    loaded = nw.load(tmp_path / "model")
    assert isinstance(loaded, TrainedTranslator)
    assert loaded(SENTENCES) == translate(SENTENCES)
    assert loaded(SENTENCES)[1] == ""
    assert loaded(SENTENCES[0]) == loaded(SENTENCES)[0]
    assert (loaded.beam, loaded.max_length) == (BEAM, 9)
    assert loaded.description["source"] == "an"
    assert not any(part.training for part in loaded.modules())
    for name, weight in translate.network.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[name], weight)


def test_the_beam_can_be_changed(folder: Path) -> None:
    loaded = nw.load(folder)
    greedy = made(folder.with_name("other"))
    greedy.beam = BeamSettings(1, 0.4, 0.1)
    assert loaded(SENTENCES, beam_size=1) == greedy(SENTENCES)
    with pytest.raises(ConfigError, match=r"the size of the beam is 1001; it is a number from 1 to 1,000"):
        loaded(SENTENCES, beam_size=LARGEST_BEAM + 1)


def test_a_sentence_that_is_too_long_is_named(folder: Path) -> None:
    loaded, longest = nw.load(folder), " ".join(["ki"] * 8)
    assert isinstance(loaded(longest), str)
    with pytest.raises(DataError, match=r"sentence 2 has 10 pieces, and the model was trained on .* up to 9"):
        loaded(["ki", longest + " ki"])


# Damage ---------------------------------------------------------------------------------------------------------------


def described(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / DESCRIPTION
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


def without(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / DESCRIPTION
        document = json.loads(path.read_text())
        del document[name]
        path.write_text(json.dumps(document))

    return change


def beam(**changes: object) -> Callable[[Path], None]:
    return described(beam={**asdict(BEAM), **changes})


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def of_a_network(folder: Path) -> None:
    network = {"type": "ConvNet", "layers": [{"filter_height": 3, "filter_width": 3, "num_filters": 4, "inputs": []}]}
    (folder / ARCHITECTURE).write_text(json.dumps(network))


def one_layer(folder: Path) -> None:
    """A folder whose weights fit an encoder of one layer, which does not exist."""
    tensors = load_file(folder / WEIGHTS)
    kept = {name: tensor for name, tensor in tensors.items() if not name.startswith("encoder.")}
    content = save_tensors(kept)
    (folder / WEIGHTS).write_bytes(content)
    described(weights_sha256=hashlib.sha256(content).hexdigest(), num_encoder_layers=1)(folder)


@pytest.mark.parametrize("name", ["subwords", "hidden_size", "max_length", "num_encoder_layers", "cell_bias", "beam"])
def test_a_member_that_is_missing_is_named(folder: Path, name: str) -> None:
    without(name)(folder)
    with pytest.raises(DataError, match=rf"model\.json cannot be used: its {name} is 'missing' in place of"):
        nw.load(folder)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (described(subwords=7), "its subwords is 7 in place of a model of sentencepiece in base64"),
        (described(subwords="no base64!"), "model.json cannot be used: its subwords are Only base64"),
        (described(subwords="é"), "model.json cannot be used: its subwords are "),
        (described(subwords=""), "model.json cannot be used: its subwords are "),
        (described(subwords=encoded(b"no model")), "model.json cannot be used: its subwords are no model of sentence"),
        (beam(size="x"), "its beam is wrong: the size of the beam is 'x'; it is a number from 1 to 1,000"),
        (beam(size=10**9), "its beam is wrong: the size of the beam is 1000000000; it is a number"),
        (beam(size=2.5), "its beam is wrong: the size of the beam is 2.5"),
        (beam(size=0), "its beam is wrong: the size of the beam is 0"),
        (beam(size=True), "its beam is wrong: the size of the beam is True"),
        (beam(length_penalty="much"), "its beam is wrong: "),
        (beam(length_penalty=-1), "its beam is wrong: length_penalty is -1; it is from 0 to 2"),
        (beam(coverage_penalty=float("nan")), "its beam is wrong: coverage_penalty is nan"),
        (beam(coverage_penalty=None), "its beam is wrong: "),
        (beam(more=1), "its beam is .* in place of the settings of a beam"),
        (described(beam={"size": 3}), "its beam is .* in place of the settings of a beam"),
        (described(beam=[3, 0.2, 0.2]), "its beam is .* in place of the settings of a beam"),
        (described(max_length=0), "its max_length is 0 in place of a number of pieces"),
        (described(max_length=10**9), "its max_length is 1000000000 in place of a number of pieces"),
        (described(hidden_size=-3), "its hidden_size is -3 in place of a number of units"),
        (described(num_decoder_layers=1), "its num_decoder_layers is 1 in place of a number of layers, 2 or more"),
        (one_layer, "its num_encoder_layers is 1 in place of a number of layers, 2 or more"),
        (described(cell_bias="no"), "its cell_bias is 'no' in place of true or false"),
        (of_a_network, "architecture.json cannot be used: it is a ConvNet. Expected a recurrent architecture"),
        (
            lambda folder: (folder / ARCHITECTURE).write_text(json.dumps(to_json(Lstm(0.1, 0.2)))),
            "architecture.json cannot be used: a translator has no zoneout",
        ),
        (lambda folder: (folder / ARCHITECTURE).unlink(), "architecture.json cannot be used: it is missing"),
        (lambda folder: (folder / WEIGHTS).unlink(), "model.safetensors cannot be used: it is missing"),
        (
            lambda folder: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-9]),
            "model.safetensors cannot be used: its checksum is not the one in model.json",
        ),
    ],
)
def test_a_member_that_is_wrong_is_named(folder: Path, damage: Callable[[Path], object], words: str) -> None:
    damage(folder)
    with pytest.raises(DataError, match=words):
        nw.load(folder)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (described(hidden_size=90_000), r"model.safetensors cannot be used: \d+ of its tensors do not fit"),
        (described(num_encoder_layers=99_999), r"it has \d+ tensors for the 100,001 layers of model.json"),
        (described(num_decoder_layers=10**30), "its num_decoder_layers is 1000000000000000000"),
        (described(num_decoder_layers=9), r"\d+ of its tensors do not fit architecture.json: decoder.2"),
        (described(cell_bias=True), r"\d+ of its tensors do not fit architecture.json"),
        (
            lambda folder: (folder / ARCHITECTURE).write_text(json.dumps(to_json(RecurrentHighway(10**7)))),
            r"\d+ of its tensors do not fit architecture.json",
        ),
    ],
)
def test_no_memory_is_taken_for_a_translator_that_the_weights_do_not_fit(
    tmp_path: Path, damage: Callable[[Path], object], words: str
) -> None:
    made(tmp_path / "model", PUBLISHED["nas-cell"]())
    damage(tmp_path / "model")
    before = peak_memory()
    with pytest.raises(DataError, match=words):
        nw.load(tmp_path / "model")
    assert peak_memory() - before < 300_000_000


def test_without_sentencepiece_the_model_is_not_called_damaged(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentencepiece", None)  # importing it raises ModuleNotFoundError
    with pytest.raises(ConfigError) as caught:
        nw.load(folder)
    assert str(caught.value) == f"subwords need sentencepiece, not installed here: {install('translation')}"


def test_a_translator_is_not_exported(folder: Path, tmp_path: Path) -> None:
    words = r"is a translator, and only networks for images and language models are exported; `netwright translate"
    for export, target in ((export_code, tmp_path / "model.py"), (export_onnx, tmp_path / "model.onnx")):
        with pytest.raises(ConfigError, match=words):
            export(folder, target)
        assert not target.exists()
