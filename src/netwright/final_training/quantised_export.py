"""`netwright export MODEL --to onnx --int8`: the export with the images that calibrate and measure it."""

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path

from netwright.errors import ConfigError, DataError, install
from netwright.files import make_folder_of, write_whole
from netwright.final_training.other_data import as_read, labels_in_order_of, opened
from netwright.models.export_onnx import PACKAGES, onnx_of
from netwright.models.export_parts import load_network
from netwright.models.quantised import Measured, measured, quantised
from netwright.models.trained import TrainedNetwork


@dataclass(frozen=True)
class QuantisedExport:
    """What the int8 file does on the test images of the data, beside the same file in float32."""

    path: Path
    data: str
    num_images: int
    float32: Measured
    int8: Measured
    float32_bytes: int
    int8_bytes: int


def export_int8(folder: Path, target: Path, data: Path | None, task: str | None) -> QuantisedExport:
    """Write a network for images as an .onnx file in int8, and measure what that costs.

    Args:
        folder: The model's folder.
        target: The file to write.
        data: Images with the classes of the network: the training part calibrates, the test part measures.
        task: An official task; None as for `nw.evaluate`.

    Raises:
        ConfigError: A package is missing, the model is no network for images, or the file cannot be written.
        DataError: The images cannot be read, or have other classes.
    """
    missing = [name for name in (*PACKAGES, "onnxruntime") if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f"--int8 needs {' and '.join(missing)}, not installed here: {install('onnx')}")
    if os.path.lexists(target):
        raise ConfigError(f"{target} is there already; choose another -o, or remove it")
    network = load_network(folder)
    if not isinstance(network, TrainedNetwork):
        raise ConfigError(f"{folder} is no network for images, and only those are written in int8; leave --int8 out")
    found = opened(network, data, task, verify=True)
    if not len(found.test_images):
        raise DataError(f"{found.name} has no test images, on which the loss of int8 would be measured")
    labels = labels_in_order_of(network, found.test_labels, found.class_names, found.name)
    training, test = (as_read(network, images)[0] for images in (found.train_images, found.test_images))
    whole = onnx_of(network)
    small = quantised(whole, training)
    before, after = measured(whole, test, labels), measured(small, test, labels)
    make_folder_of(target)
    write_whole(target, small)
    return QuantisedExport(target, found.name, len(labels), before, after, len(whole), len(small))
