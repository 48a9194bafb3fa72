"""A model in Python, as exported code and as ONNX: the same classes and probabilities, and what it was tested on."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import netwright as nw
from netwright.models.export_code import export_code
from netwright.models.export_onnx import export_onnx
from netwright.models.trained import TrainedNetwork
from oracles.numbered_images import numbered
from oracles.pictures import TEMPERATURE, photograph, written

NEEDED = ("onnx", "onnxscript", "onnxruntime")
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]
installed = pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}: make tools")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model with figures of a test."""
    folder = written(tmp_path / "model")
    description = json.loads((folder / "model.json").read_text())
    description["metrics"] |= {"test_accuracy": 0.75, "test_interval": [0.6, 0.9], "largest_class_share": 0.4}
    (folder / "model.json").write_text(json.dumps({**description, "data": "flowers"}))
    return folder


def test_exported_code_prints_the_calibrated_probabilities(tmp_path: Path, model: Path) -> None:
    code, _ = export_code(model, tmp_path / "flower_net.py")
    paths = [photograph(tmp_path / f"{number}.png", number) for number in range(3)]
    printed = subprocess.run(
        [sys.executable, code, *paths], check=True, capture_output=True, text=True, env={"OMP_NUM_THREADS": "1"}
    ).stdout.splitlines()
    network = nw.load(model)
    assert isinstance(network, TrainedNetwork)
    assert printed == [
        f"{path}: {name} ({probability:.3f})"
        for path, ((name, probability),) in zip(paths, network.predict(paths, top=1), strict=True)
    ]
    assert "'test_accuracy': 0.75," in code.read_text()
    assert "'largest_class_share': 0.4," in code.read_text()


@installed
def test_onnx_carries_classes_normalisation_size_and_test(tmp_path: Path, model: Path) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(
        export_onnx(model, tmp_path / "model.onnx"), providers=["CPUExecutionProvider"]
    )
    about = {name: json.loads(value) for name, value in session.get_modelmeta().custom_metadata_map.items()}
    assert about["class_names"] == list("abcd")
    assert about["input_shape"] == [3, 13, 11]
    assert "mean 0" in about["normalisation"]
    assert about["temperature"] == TEMPERATURE
    assert about["tested"]["test_accuracy"] == 0.75
    network = nw.load(model)
    assert isinstance(network, TrainedNetwork)
    path = photograph(tmp_path / "a.png", 0)
    (logits,) = session.run(["logits"], {"images": network.read_image(path)[None].numpy()})
    shares = np.exp(logits[0] / about["temperature"])
    assert dict(zip("abcd", shares / shares.sum(), strict=True)) == pytest.approx(dict(network.predict(path)), abs=1e-5)


@installed
def test_int8_tells_its_loss(cli, tmp_path: Path) -> None:
    data = numbered()
    model = written(tmp_path / "model", shape=(1, 6, 6))
    network = nw.load(model)
    assert isinstance(network, TrainedNetwork)
    # The labels are what the network says, but for the first ones.
    train, test = (network(images).argmax(1).numpy() for images in (data.train_images, data.test_images))
    names = np.array(list("abcd"))
    train[:8], test[:4] = np.arange(8) % 4, np.arange(4)  # every class occurs
    float_accuracy = float(np.mean(network(data.test_images).argmax(1).numpy() == test))
    np.savez(
        tmp_path / "data.npz",
        images=data.train_images[:, 0].numpy(),
        labels=train,
        test_images=data.test_images[:, 0].numpy(),
        test_labels=test,
        class_names=names,
    )
    result = cli("export", model, "--to", "onnx", "--int8", "--data", tmp_path / "data.npz")
    assert result.exit_code == 0, result.stderr
    assert f" in int8, {float_accuracy:.4f} in float32 on 20 test images of data.npz" in result.stdout
    accuracy = float(result.stdout.split("accuracy ")[1].split()[0])
    assert accuracy >= float_accuracy - 0.2
    import onnx

    small = onnx.load(tmp_path / "model-int8.onnx")
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in small.graph.node}
    assert "class_names" in {each.key for each in small.metadata_props}


def test_options_of_int8_alone(cli, tmp_path: Path, model: Path) -> None:
    for options, told in (
        (("--to", "code", "--int8"), "--int8 is for --to onnx"),
        (("--to", "onnx", "--data", tmp_path), "name the images for --int8"),
    ):
        refused = cli("export", model, *options)
        assert refused.exit_code == 2
        assert told in refused.stderr
