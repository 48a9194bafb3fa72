"""A language model as ONNX: another runtime gives the same logits, step by step, for any number of sequences."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import netwright as nw
from netwright.architectures.recurrent import Lstm
from netwright.models.export_onnx import export_onnx
from oracles.language_models_to_try import MODELS, VOCABULARY, some_tokens, write_language_model

for package in ("onnx", "onnxscript", "onnxruntime"):
    pytest.importorskip(package, reason=f"needs {package}: make tools")


def opened(path: Path) -> Any:
    import onnxruntime

    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def first_states(session: Any, num_sequences: int) -> dict[str, NDArray[Any]]:
    """The states before the first step, made of what the file's metadata says and nothing else."""
    described = json.loads(session.get_modelmeta().custom_metadata_map["states"])
    return {
        state["name"]: np.full(
            [num_sequences if size == "batch" else size for size in state["shape"]], state["initial"], state["dtype"]
        )
        for state in described
    }


QUICK = {"nas cell, bias, tied", "LSTM, spelling", "RHN", "max cell, pointer"}
"""Models with every kind of input, output and state; the exporter takes seconds for each of the others."""


@pytest.mark.parametrize(
    "kind", [kind if kind in QUICK else pytest.param(kind, marks=pytest.mark.slow) for kind in MODELS]
)
def test_another_runtime_gives_the_same_logits(tmp_path: Path, kind: str) -> None:
    architecture, settings = MODELS[kind]
    write_language_model(tmp_path / "model", architecture, **settings)
    path = export_onnx(tmp_path / "model", tmp_path / "model.onnx")
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["model.onnx"]
    session, model = opened(path), nw.load(tmp_path / "model")
    names = [each.name for each in session.get_inputs()]
    for num_sequences in (1, 3):
        tokens, states = some_tokens(8, num_sequences), first_states(session, num_sequences)
        assert names == ["tokens", *states]
        assert [each.name for each in session.get_outputs()] == ["logits", *(f"next_{name}" for name in states)]
        with torch.no_grad():
            expected, _ = model(tokens)
        for step, now in enumerate(tokens):
            logits, *after = session.run(None, {"tokens": now.numpy(), **states})
            np.testing.assert_allclose(logits, expected[step].numpy(), atol=1e-5, rtol=1e-5)
            states = dict(zip(states, after, strict=True))


def test_the_metadata_say_how_a_text_begins(tmp_path: Path) -> None:
    write_language_model(tmp_path / "model", Lstm(), output_layer="pointer-sentinel", described={"unit": "character"})
    metadata = opened(export_onnx(tmp_path / "model", tmp_path / "model.onnx")).get_modelmeta().custom_metadata_map
    assert json.loads(metadata["vocabulary"]) == list(VOCABULARY)
    assert metadata["unit"] == "character"
    float_state = {"shape": ["batch", 5], "dtype": "float32", "initial": 0.0}
    assert json.loads(metadata["states"]) == [
        *({"name": f"layer{number}_{part}", **float_state} for number in (0, 1) for part in "hc"),
        {"name": "pointer_outputs", "shape": [99, "batch", 5], "dtype": "float32", "initial": 0.0},
        {"name": "pointer_tokens", "shape": [99, "batch"], "dtype": "int64", "initial": -1},
    ]


def test_the_command(tmp_path: Path) -> None:
    write_language_model(tmp_path / "model", Lstm())
    command = [sys.executable, "-m", "netwright", "export", tmp_path / "model", "--to", "onnx"]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert f"{tmp_path / 'model.onnx'}: one step: int64 tokens [batch] and the states before it in" in ended.stdout
    assert "has the first states and the vocabulary as JSON" in ended.stdout
    assert ended.stderr == "", "the exporter's own notes are suppressed"
