"""The folder of a model: what comes out is what went in, and a file that is not what it should be is named."""

import errno
import hashlib
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import netwright as nw
from netwright.architectures.convolutional import ConvNet
from netwright.architectures.recurrent import (
    DeepTransition,
    Elman,
    LayerNormLstm,
    Lstm,
    RecurrentArchitecture,
    RecurrentHighway,
)
from netwright.architectures.values import to_json
from netwright.children.language_model import LanguageModel
from netwright.errors import DataError, RunError
from netwright.models.folder import ARCHITECTURE, DESCRIPTION, WEIGHTS, write_model
from netwright.training.pixels import evaluation_view
from oracles.models_to_try import random_module, random_network
from oracles.small_machine import peak_memory

DESCRIBED = {
    "input_shape": [2, 9, 7],
    "upsample": 11,
    "epsilon": 0.001,
    "class_names": ["cat", "dog", "newt"],
    "metrics": {"test_accuracy": 0.5},
}
TEXT: dict[str, object] = {"hidden_size": 4, "num_layers": 2, "embedding_size": 3, "tied": False, "cell_bias": True}
VOCABULARY = ["<unk>", "the", "newt"]


def images(number: int = 4) -> torch.Tensor:
    return torch.randint(0, 256, (number, 2, 9, 7), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def made(folder: Path, seed: int = 3) -> tuple[ConvNet, nn.Module]:
    network = random_network("everything", seed)
    module = random_module(network, num_classes=3, channels=2, epsilon=0.001, seed=seed)
    write_model(folder, module.to(memory_format=torch.channels_last), network, DESCRIBED)
    return network, module


def made_of_text(folder: Path, architecture: RecurrentArchitecture) -> LanguageModel:
    network = LanguageModel(architecture, len(VOCABULARY), seed=3, init_range=0.5, **TEXT)
    write_model(folder, network, architecture, {"kind": "text", "vocabulary": VOCABULARY, **TEXT})
    return network


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made(tmp_path / "model")
    return tmp_path / "model"


def test_what_is_loaded_is_what_was_written(tmp_path: Path) -> None:
    network, module = made(tmp_path / "deep" / "model")
    loaded = nw.load(str(tmp_path / "deep" / "model"))
    assert loaded.network.architecture == network
    assert loaded.class_names == ("cat", "dog", "newt")
    assert loaded.input_shape == (2, 9, 7)
    assert loaded.description["metrics"] == {"test_accuracy": 0.5}
    assert not any(part.training for part in loaded.modules())
    epsilons = {part.eps for part in loaded.modules() if isinstance(part, nn.BatchNorm2d)}
    assert epsilons == {0.001}
    pixels = evaluation_view(images(), upsample=11)
    assert torch.equal(loaded.preprocess(images()), pixels)
    with torch.no_grad():
        expected = module.to(memory_format=torch.contiguous_format)(pixels)
        assert torch.equal(loaded(images()), expected)
        assert torch.equal(loaded.network(loaded.preprocess(images())), expected)


@pytest.mark.parametrize(
    "architecture", [Lstm(), RecurrentHighway(2), nw.zoo.nas_cell(), Elman(), DeepTransition(), Lstm(0.1, 0.2)], ids=str
)
def test_a_language_model_that_is_loaded_is_what_was_written(
    tmp_path: Path, architecture: RecurrentArchitecture
) -> None:
    network = made_of_text(tmp_path / "model", architecture)
    loaded, tokens = nw.load(tmp_path / "model"), torch.tensor([[1, 0], [2, 1], [0, 2]])
    with torch.no_grad():
        assert torch.equal(loaded(tokens)[0], network(tokens, network.initial_states(2))[0])


@pytest.mark.parametrize(
    "settings",
    [{"input_layer": "one-hot", "output_layer": "pointer-sentinel"}, {"input_layer": "char-cnn-small"}],
    ids=["one-hot, pointer", "spelling"],
)
def test_other_inputs_and_outputs_are_loaded(tmp_path: Path, settings: dict[str, str]) -> None:
    network = LanguageModel(
        LayerNormLstm(), len(VOCABULARY), seed=3, init_range=0.5, vocabulary=VOCABULARY, **{**TEXT, **settings}
    )
    described = {"kind": "text", "vocabulary": VOCABULARY, **TEXT, **settings}
    write_model(tmp_path / "model", network, LayerNormLstm(), described)
    loaded, tokens = nw.load(tmp_path / "model"), torch.tensor([[1, 0], [2, 1], [0, 2]])
    with torch.no_grad():
        logits, states = loaded(tokens)
        assert torch.equal(logits, network(tokens, network.initial_states(2))[0])
        assert loaded(tokens, states)[0].shape == (3, 2, 3)
    assert loaded.nats(["the", "newt", "the"]).shape == (2,)


def test_an_input_that_is_unknown_is_refused(tmp_path: Path) -> None:
    made_of_text(tmp_path / "model", Lstm())
    path = tmp_path / "model" / DESCRIPTION
    path.write_text(json.dumps({**json.loads(path.read_text()), "input_layer": "two-hot"}))
    with pytest.raises(DataError, match="its input_layer is 'two-hot' in place of one of embedding, one-hot"):
        nw.load(tmp_path / "model")


def test_what_is_loaded_can_be_trained_on(folder: Path, tmp_path: Path) -> None:
    made_of_text(tmp_path / "text", Lstm())
    tokens = torch.tensor([[1], [2]])
    for network, logits in (
        (image_network := nw.load(folder), image_network(images())),
        (language_model := nw.load(tmp_path / "text"), language_model(tokens)[0]),
    ):
        logits.exp().sum().backward()
        assert all(p.is_leaf and p.requires_grad and p.grad is not None for p in network.parameters())
        before = [p.detach().clone() for p in network.parameters()]
        torch.optim.SGD(network.parameters(), lr=0.1).step()
        assert not all(torch.equal(p, was) for p, was in zip(network.parameters(), before, strict=True))


def test_images_of_another_kind_are_refused(folder: Path) -> None:
    loaded = nw.load(folder)
    for wrong in (images().float(), images()[:, :1], images()[:, :, :8], images()[0]):
        with pytest.raises(DataError, match=r"this network reads torch.uint8 of shape \[N, 2, 9, 7\]"):
            loaded(wrong)


def test_an_image_file_that_cannot_be_read_is_named(tmp_path: Path, folder: Path) -> None:
    loaded = nw.load(folder)
    with pytest.raises(DataError, match="the network reads images of 2 channels; image files have 1 or 3"):
        loaded.read_image(tmp_path / "a.png")
    loaded.input_shape = (3, 9, 7)
    with pytest.raises(DataError, match=r"a\.png cannot be read: No such file or directory; expected a PNG"):
        loaded.read_image(tmp_path / "a.png")
    (tmp_path / "a.png").write_text("no image")
    with pytest.raises(DataError, match=r"a\.png cannot be read: cannot identify image file '.*a\.png'"):
        loaded.read_image(str(tmp_path / "a.png"))


def test_loading_imports_no_search(folder: Path) -> None:
    program = f"import sys, netwright\nnetwright.load({str(folder)!r})\nprint(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(ended.stdout.split())
    assert "netwright.models.folder" in loaded
    parts = ("controller", "strategies", "store", "execution", "core", "loop", "running", "tasks", "config", "cli")
    assert not {f"netwright.{part}" for part in parts} & loaded
    assert not {"pebble", "loky", "pydantic", "typer", "sklearn"} & loaded


def test_the_folder_is_there_complete_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, *arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "disk full")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(RunError, match=r"the disk that holds .*model is full or failing \(disk full\)"):
        made(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


# Damage ---------------------------------------------------------------------------------------------------------------


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 64
    path.write_bytes(content)


def signed(content: bytes) -> Callable[[Path], None]:
    """Replace the weights, with the checksum that makes them look genuine."""

    def replace(path: Path) -> None:
        path.write_bytes(content)
        described(weights_sha256=hashlib.sha256(content).hexdigest())(path.with_name(DESCRIPTION))

    return replace


def described(**changes: object) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


class Bomb:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path("exploded").touch, ())


@pytest.mark.parametrize(
    ("name", "damage", "words"),
    [
        (WEIGHTS, Path.unlink, "it is missing"),
        (WEIGHTS, cut, "its checksum is not the one in model.json"),
        (WEIGHTS, flip, "its checksum is not the one in model.json"),
        (WEIGHTS, signed(b"no weights"), "Expected a safetensors file"),
        (WEIGHTS, signed(pickle.dumps(Bomb())), "Expected a safetensors file"),
        (ARCHITECTURE, Path.unlink, "it is missing"),
        (ARCHITECTURE, cut, "Expected the JSON of a ConvNet"),
        (ARCHITECTURE, lambda path: path.write_text("[1, 2]"), "Expected the JSON of a ConvNet"),
        (ARCHITECTURE, lambda path: path.write_text("[" * 100_000), "Expected the JSON of a ConvNet"),
        (DESCRIPTION, Path.unlink, "it is missing"),
        (DESCRIPTION, cut, "it is no JSON object"),
        (DESCRIPTION, lambda path: path.write_text("7"), "it is no JSON object"),
        (DESCRIPTION, lambda path: path.write_text("{}"), "its format is 'missing' in place of a number"),
        (DESCRIPTION, described(format=2), "was written by a newer netwright .format 2, .* upgrade"),
        (DESCRIPTION, described(input_shape=[1, 8]), r"its input_shape is \[1, 8\] in place of \[channels"),
        (DESCRIPTION, described(input_shape=[1, 8, -8]), "its input_shape is"),
        (DESCRIPTION, described(upsample="big"), "its upsample is 'big'"),
        (DESCRIPTION, described(epsilon=0), "its epsilon is 0"),
        (DESCRIPTION, described(class_names=[]), "its class_names is"),
    ],
)
def test_a_damaged_file_is_named(
    folder: Path, name: str, damage: Callable[[Path], object], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    damage(folder / name)
    with pytest.raises(DataError, match=words) as caught:
        nw.load(folder)
    assert str(folder / name) in str(caught.value)
    assert not Path("exploded").exists()


def test_weights_of_another_network_are_refused(folder: Path, tmp_path: Path) -> None:
    made(tmp_path / "other", seed=8)
    signed((tmp_path / "other" / WEIGHTS).read_bytes())(folder / WEIGHTS)
    with pytest.raises(DataError, match=r"of its tensors do not fit architecture.json: blocks\.\d+\.\w+"):
        nw.load(folder)


@pytest.mark.parametrize("num_filters", [3 * 10**7, 10**11, 10**30, 2.5])
def test_no_memory_is_taken_for_a_network_that_the_weights_do_not_fit(folder: Path, num_filters: float) -> None:
    document = json.loads((folder / ARCHITECTURE).read_text())
    document["layers"][0]["num_filters"] = num_filters
    (folder / ARCHITECTURE).write_text(json.dumps(document))
    before = peak_memory()
    with pytest.raises(DataError, match=r"(model.safetensors|architecture.json) cannot be used: "):
        nw.load(folder)
    assert peak_memory() - before < 500_000_000


@pytest.mark.parametrize(
    ("depth", "changes", "words"),
    [
        (10**7, {}, r"model.safetensors cannot be used: \d+ of its tensors do not fit architecture.json: layers.0"),
        (10**30, {}, "architecture.json cannot be used: .* a network that fits model.json"),
        (2, {"hidden_size": 20_000}, r"model.safetensors cannot be used: \d+ of its tensors do not fit"),
        (2, {"num_layers": 99_999}, "model.safetensors cannot be used: it has 9 tensors for the 99,999 layers"),
        (2, {"tied": True}, "architecture.json cannot be used: embedding_size is 3 and hidden_size 4"),
    ],
)
def test_nor_for_a_language_model(tmp_path: Path, depth: int, changes: dict[str, object], words: str) -> None:
    made_of_text(tmp_path / "model", RecurrentHighway(2))
    (tmp_path / "model" / ARCHITECTURE).write_text(json.dumps(to_json(RecurrentHighway(depth))))
    described(**changes)(tmp_path / "model" / DESCRIPTION)
    before = peak_memory()
    with pytest.raises(DataError, match=words):
        nw.load(tmp_path / "model")
    assert peak_memory() - before < 500_000_000


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the model .*nowhere does not exist; expected a folder with model.json"):
        nw.load(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="is a file, not a folder"):
        nw.load(tmp_path / "file")
