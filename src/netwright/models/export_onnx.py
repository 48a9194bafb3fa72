"""A trained network as an ONNX file.

A network for images is exported with its preprocessing: uint8 images in, logits out, any number of images. A language
model is exported as one step, see `onnx_step`.
"""

import contextlib
import importlib.util
import json
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch

from netwright.errors import ConfigError, install
from netwright.files import make_folder_of, write_whole
from netwright.models.export_parts import load_network, tested_figures
from netwright.models.language import TrainedLanguageModel
from netwright.models.onnx_step import step_of
from netwright.models.trained import TrainedNetwork

PACKAGES = ("onnx", "onnxscript")


def export_onnx(folder: Path, target: Path) -> Path:
    """Write the model in `folder` to `target`, one .onnx file, and return its path.

    Raises:
        ConfigError: A package that the export needs is missing, the model is no network, or the file cannot be written.
    """
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f"--to onnx needs {' and '.join(missing)}, not installed here: {install('onnx')}")
    if os.path.lexists(target):
        raise ConfigError(f"{target} is there already; choose another -o, or remove it")
    content = onnx_of(load_network(folder))
    make_folder_of(target)
    write_whole(target, content)
    return target


def onnx_of(model: TrainedNetwork | TrainedLanguageModel) -> bytes:
    """Return the content of the .onnx file of a model."""
    with silent_exporter():
        program = _step_program(model) if isinstance(model, TrainedLanguageModel) else _image_program(model)
    content: bytes = program.model_proto.SerializeToString()
    return content


@contextlib.contextmanager
def silent_exporter() -> Iterator[None]:
    """Suppress what the exporter says about its own internals, in warnings and in logs."""
    logged_before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logged_before)


def _image_program(network: TrainedNetwork) -> torch.onnx.ONNXProgram:
    # Two images: with one, the exporter takes their number for a constant.
    example = torch.zeros(2, *network.input_shape, dtype=torch.uint8)
    program = torch.onnx.export(
        network,
        (example,),
        input_names=["images"],
        output_names=["logits"],
        dynamic_shapes={"images": {0: torch.export.Dim("batch", min=1)}},
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    program.model.metadata_props.update(metadata_of(network))
    return program


def metadata_of(network: TrainedNetwork) -> dict[str, str]:
    """Return what an .onnx file of a network for images says of it: JSON values by name.

    The preprocessing is part of the graph; `normalisation` describes it. The probabilities are
    softmax(logits / temperature).
    """
    description = network.description
    values = {
        "class_names": list(network.class_names),
        "input_shape": list(network.input_shape),
        "normalisation": description.get("normalisation", "every image by itself: mean 0, standard deviation 1"),
        "temperature": network.temperature,
        "tested": tested_figures(description),
        "weights_sha256": description["weights_sha256"],
    }
    return {name: json.dumps(value) for name, value in values.items()}


def _step_program(model: TrainedLanguageModel) -> torch.onnx.ONNXProgram:
    step = step_of(model)
    batch = torch.export.Dim("batch", min=1)
    program = torch.onnx.export(
        step.module,
        (step.tokens, step.states),
        input_names=["tokens", *(part.name for part in step.parts)],
        output_names=["logits", *(f"next_{part.name}" for part in step.parts)],
        dynamic_shapes=({0: batch}, tuple({part.batch_dim: batch} for part in step.parts)),
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    program.model.metadata_props.update(step.metadata)
    return program
