"""Reference networks and a user's network through the final training: stopped, resumed, stored, loaded, exported."""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import Result

import netwright as nw
from netwright.architectures.families import Architecture
from netwright.architectures.named import OwnNetwork, ReferenceNetwork
from netwright.errors import ConfigError
from netwright.models.export_onnx import export_onnx
from netwright.models.folder import read_description
from netwright.recipes.reference_networks import REFERENCE_NETWORKS, settings_on
from netwright.spaces.named_functions import named_function
from netwright.tasks import catalog
from oracles.numbered_images import CONFIG, FINAL, numbered, run, weights

Cli = Callable[..., Result]
SMALLEST = ("resnet-20", "densenet-22-12", "network-in-network", "all-cnn", "highway")
"""Of each family, as far as its smallest member is trained in seconds."""
NOT_TRAINED = {"inception-v4"}
"""Reads images of 75 pixels and more."""
IMAGES = ("train_images", "test_images")
OWN = """
from torch import nn

def make_network(num_classes, in_channels, image_size):
    return nn.Sequential(
        nn.Conv2d(in_channels, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.1), nn.ReLU(), nn.Flatten(),
        nn.Linear(4 * (image_size[0] - 2) * (image_size[1] - 2), num_classes),
    )
"""


def by_speed(names: object) -> list[object]:
    return [name if name in SMALLEST else pytest.param(name, marks=pytest.mark.slow) for name in names]  # type: ignore[attr-defined]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[str]:
    path = tmp_path / "a_network_of_my_own.py"
    path.write_text(OWN)
    yield f"{path}:make_network"
    sys.modules.pop(path.stem, None)


def check_it_goes_on_after_a_stop(network: Architecture, folder: Path) -> None:
    """Stop after the first epoch; check that the resumed training has the weights of a whole one."""
    final = FINAL.model_copy(update={"epochs": 2, "learning_rates": (0.1,)}).without_grid()

    def stop(stage: str, ended: int, total: int) -> None:
        if (stage, ended) == ("final training", 1):
            raise KeyboardInterrupt

    run(folder / "whole", final, found={"it": network})
    with pytest.raises(KeyboardInterrupt):
        run(folder / "stopped", final, found={"it": network}, on_progress=stop)
    run(folder / "stopped", final, found={"it": network})
    whole, stopped = weights(folder / "whole"), weights(folder / "stopped")
    assert whole.keys() == stopped.keys()
    assert all(torch.equal(whole[name], stopped[name]) for name in whole)


@pytest.mark.parametrize("name", by_speed(sorted(set(REFERENCE_NETWORKS) - NOT_TRAINED)))
def test_a_reference_network_goes_on_after_a_stop_to_the_same_weights(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = numbered()
    if name == "all-cnn":  # which reads 9 pixels and more
        parts = {part: getattr(data, part).repeat_interleave(2, 2).repeat_interleave(2, 3) for part in IMAGES}
        data = replace(data, **parts)
        task = catalog.Task(find=lambda folder, verify: None, load=lambda folder, verify: data)
        monkeypatch.setitem(catalog.TASKS, "numbered", task)
    check_it_goes_on_after_a_stop(ReferenceNetwork(name), tmp_path)
    loaded = nw.load(tmp_path / "whole")
    accuracy = (loaded(data.test_images).argmax(1) == data.test_labels).double().mean().item()
    assert accuracy == pytest.approx(read_description(tmp_path / "whole")["metrics"]["test_accuracy"])


def test_a_users_network_goes_on_after_a_stop_to_the_same_weights(own: str, tmp_path: Path) -> None:
    check_it_goes_on_after_a_stop(OwnNetwork(named_function(own)[0]), tmp_path)


@pytest.mark.skipif(importlib.util.find_spec("onnxruntime") is None, reason="needs the extra onnx")
@pytest.mark.parametrize("name", ["resnet-20", *by_speed(["wide-resnet-16-8", "fractalnet", "preact-resnet-164"])])
def test_a_reference_network_is_exported(name: str, tmp_path: Path) -> None:
    import onnxruntime

    run(tmp_path / "model", FINAL.without_grid().model_copy(update={"epochs": 1}), found={"it": ReferenceNetwork(name)})
    path = export_onnx(tmp_path / "model", tmp_path / "model.onnx")
    images = numbered().test_images
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (logits,) = session.run(None, {"images": images.numpy()})
    torch.testing.assert_close(
        torch.from_numpy(logits), nw.load(tmp_path / "model")(images).detach(), atol=1e-4, rtol=1e-4
    )


def test_a_model_of_a_users_network_executes_nothing_that_is_not_trusted(
    own: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    final = FINAL.without_grid().model_copy(update={"epochs": 1})
    run(tmp_path / "model", final, found={"it": OwnNetwork(named_function(own)[0])})
    assert nw.load(tmp_path / "model")(numbered().test_images).shape == (20, 3)
    sys.modules.pop("a_network_of_my_own")
    path = Path(own.partition(":")[0])
    path.write_text(OWN + f"\nopen({str(tmp_path / 'executed')!r}, 'w').close()\n")  # not what the user named
    with pytest.raises(ConfigError, match="--trust-code"):
        nw.load(tmp_path / "model")
    assert not (tmp_path / "executed").exists()
    assert nw.load(tmp_path / "model", trust_code=True)(numbered().test_images).shape == (20, 3)


# Settings -------------------------------------------------------------------------------------------------------------


def test_published_settings_are_for_cifar10_and_augmentation_is_the_tasks() -> None:
    cifar10 = nw.ImageSettings(device="cpu", num_validation=500)
    published = REFERENCE_NETWORKS["resnet-110"]().settings
    there = settings_on("resnet-110", cifar10)
    assert there == published.model_copy(update={"device": "cpu", "num_validation": 500})
    elsewhere = settings_on("resnet-110", CONFIG.evaluate)
    assert (elsewhere.task, elsewhere.padding, elsewhere.upsample, elsewhere.flips) == ("numbered", None, None, False)
    assert (elsewhere.batch_size, elsewhere.epochs, elsewhere.warm_up) == (128, 164, published.warm_up)


def test_a_reference_network_is_trained_by_its_name_with_its_own_settings(cli: Cli, tmp_path: Path) -> None:
    options = ("--task", "digits", "--epochs", 1, "-o", tmp_path / "model")
    trained = cli("train", "resnet-20", *options)
    assert trained.exit_code == 0, trained.stderr
    model = read_description(tmp_path / "model")
    settings = model["settings"]
    assert (settings["batch_size"], settings["nesterov"], settings["weight_decay"]) == (128, False, 0.0001)
    assert len(model["grid"]) == 1, "its settings are published"
    assert "It was there already" in cli("train", "resnet-20", *options).stdout


def test_a_users_network_is_trained_from_its_file(cli: Cli, tmp_path: Path, own: str) -> None:
    trained = cli("train", own, "--task", "digits", "--grid", "none", "--epochs", 1, "-o", tmp_path / "model")
    assert trained.exit_code == 0, trained.stderr
    assert "tested once" in trained.stdout


@pytest.mark.parametrize("name", ["resnet-20", "lstm-small"])
def test_the_time_of_a_training_is_estimated_and_nothing_is_written(cli: Cli, tmp_path: Path, name: str) -> None:
    words = tmp_path / "words.txt"
    words.write_text("a b c d e f\n" * 400)
    data = ("--task", "digits") if name == "resnet-20" else ("--task", "text", "--data", words)
    estimated = cli("train", name, *data, "--epochs", 7, "--estimate", "-o", tmp_path / "model")
    assert estimated.exit_code == 0, estimated.stderr
    assert " an epoch here, about " in estimated.stdout
    assert " for its 7 epochs" in estimated.stdout
    assert not list(tmp_path.glob("model*"))


# Mistakes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("resnet-21", "--task", "digits"), "unknown network 'resnet-21'; did you mean 'resnet-32'?"),
        (("resnet-20", "--task", "pydoc"), "resnet-20 is a network for images, and the task pydoc is not"),
        (("lstm-small", "--task", "digits"), "lstm-small is trained on no text here"),
        (("resnet-20", "--task", "digits", "--hidden", 3), "--size, --hidden and --like are for language models"),
        (("inception-v4", "--task", "digits"), "images of 8x8 pixels are too small"),
        (("resnet-20",), "resnet-20 does not say what to train on"),
        (("no_file.py:make_network", "--task", "digits"), "there is no file no_file.py"),
        (("no_such_package:make_network", "--task", "digits"), "there is no package no_such_package"),
        (("kn-5", "--task", "pydoc", "--grid", "small"), "--grid"),
    ],
)
def test_a_mistake_is_explained(cli: Cli, arguments: tuple[object, ...], words: str) -> None:
    result = cli("train", *arguments)
    assert result.exit_code == 2, result.output
    assert words in " ".join(result.stderr.split())


def test_a_file_without_its_function_is_explained(cli: Cli, own: str) -> None:
    path = own.partition(":")[0]
    result = cli("train", path, "--task", "digits")
    assert result.exit_code == 2
    assert "which function makes the network" in " ".join(result.stderr.split())
