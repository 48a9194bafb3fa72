"""A trained network as an ONNX file.

A network for images is exported with its preprocessing: uint8 images in, logits out, any number of images. A language
model is exported as one step, see `onnx_step`.
"""

import contextlib
import importlib.util
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch

from netwright.errors import ConfigError, install
from netwright.files import make_folder_of, write_whole
from netwright.models.export_parts import load_network
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
    model = load_network(folder)
    make_folder_of(target)
    with _silent_exporter():
        program = _step_program(model) if isinstance(model, TrainedLanguageModel) else _image_program(model)
    write_whole(target, program.model_proto.SerializeToString())
    return target


@contextlib.contextmanager
def _silent_exporter() -> Iterator[None]:
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
    return program


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
