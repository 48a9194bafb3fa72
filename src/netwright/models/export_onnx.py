"""A trained network as an ONNX file, preprocessing included: uint8 images in, logits out, any number of images."""

import importlib.util
import os
import warnings
from pathlib import Path

import torch

from netwright.errors import ConfigError, install
from netwright.files import make_folder_of, write_whole
from netwright.models.folder import load_images

PACKAGES = ("onnx", "onnxscript")


def export_onnx(folder: Path, target: Path) -> Path:
    """Write the model in `folder` to `target`, one .onnx file, and return its path.

    Raises:
        ConfigError: A package that the export needs is missing, or the file cannot be written.
    """
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f"--to onnx needs {' and '.join(missing)}, not installed here: {install('onnx')}")
    if os.path.lexists(target):
        raise ConfigError(f"{target} is there already; choose another -o, or remove it")
    network = load_images(folder)
    # Two images: with one, the exporter takes their number for a constant.
    example = torch.zeros(2, *network.input_shape, dtype=torch.uint8)
    make_folder_of(target)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns about its own internals
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
    write_whole(target, program.model_proto.SerializeToString())
    return target
