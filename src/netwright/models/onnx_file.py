"""A trained network as an ONNX file, preprocessing included: uint8 images in, logits out, any number of images."""

import importlib.util
import warnings
from pathlib import Path

import torch

from netwright.errors import ConfigError
from netwright.models.folder import load_images

PACKAGES = ("onnx", "onnxscript")


def export_onnx(folder: Path, target: Path) -> Path:
    """Write the model in `folder` to `target`, one .onnx file; `ConfigError` where the packages for it are missing."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f"--to onnx needs {' and '.join(missing)}, not installed here: pip install 'netwright[onnx]'")
    if target.exists():
        raise ConfigError(f"{target} is there already; choose another -o, or remove it")
    network = load_images(folder)
    # Two images: with one, the exporter takes their number for a constant.
    example = torch.zeros(2, *network.input_shape, dtype=torch.uint8)
    target.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own insides
        torch.onnx.export(
            network,
            (example,),
            target,
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes={"images": {0: torch.export.Dim("batch", min=1)}},
            external_data=False,
            dynamo=True,
            verbose=False,
        )
    return target
