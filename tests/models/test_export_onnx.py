"""ONNX: the same logits by another runtime, for any number of images; and what is said where it is not installed."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

import netwright as nw
from netwright.architectures.convolutional import ConvNet
from netwright.errors import ConfigError
from netwright.models.export_onnx import export_onnx
from netwright.models.folder import write_model
from oracles.models_to_try import VARIANTS, random_module, random_network
from oracles.small_machine import files_up_to

NEEDED = ("onnx", "onnxscript", "onnxruntime")
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]
installed = pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}: make tools")


def write(folder: Path, network: ConvNet, upsample: int | None = 15) -> None:
    module = random_module(network, num_classes=4, channels=3, epsilon=0.01, seed=1)
    description = {"input_shape": [3, 13, 11], "upsample": upsample, "epsilon": 0.01, "class_names": list("abcd")}
    write_model(folder, module, network, description)


@installed
@pytest.mark.parametrize("variant", VARIANTS)
def test_another_runtime_gives_the_same_logits(tmp_path: Path, variant: str) -> None:
    import onnxruntime

    generator = torch.Generator().manual_seed(0)
    write(tmp_path / "model", random_network(variant, 3), upsample=None if variant == "chain" else 15)
    path = export_onnx(tmp_path / "model", tmp_path / "model.onnx")
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["model.onnx"]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    network = nw.load(tmp_path / "model")
    for number in (1, 2, 7):
        images = torch.randint(0, 256, (number, 3, 13, 11), dtype=torch.uint8, generator=generator)
        (logits,) = session.run(["logits"], {"images": images.numpy()})
        with torch.no_grad():
            np.testing.assert_allclose(logits, network(images).numpy(), atol=1e-4, rtol=1e-4)


@installed
def test_the_command(tmp_path: Path, cli) -> None:
    write(tmp_path / "model", random_network("pools", 1))
    result = cli("export", tmp_path / "model", "--to", "onnx")
    assert result.exit_code == 0
    assert f"{tmp_path / 'model.onnx'}: uint8 images in, logits out" in result.stdout
    again = cli("export", tmp_path / "model", "--to", "onnx")
    assert again.exit_code == 2
    assert "is there already; choose another -o" in again.stderr


@installed
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, cli) -> None:
    write(tmp_path / "model", random_network("pools", 1))
    (tmp_path / "file").write_text("kept")
    result = cli("export", tmp_path / "model", "--to", "onnx", "-o", tmp_path / "file" / "x.onnx")
    assert result.exit_code == 2
    assert f"cannot write {tmp_path / 'file' / 'x.onnx'}: its folder" in result.stderr
    assert (tmp_path / "file").read_text() == "kept"


@installed
def test_on_a_full_disk_nothing_is_left(tmp_path: Path) -> None:
    write(tmp_path / "model", random_network("pools", 1))
    with files_up_to(1000), pytest.raises(ConfigError, match=r"cannot write .*model\.onnx: File too large"):
        export_onnx(tmp_path / "model", tmp_path / "model.onnx")
    assert [each.name for each in tmp_path.iterdir()] == ["model"]


def test_a_missing_package_is_named_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxscript" else object())
    with pytest.raises(ConfigError, match=r"--to onnx needs onnxscript, .*pip install --editable .*\[onnx\]"):
        export_onnx(tmp_path / "model", tmp_path / "model.onnx")
