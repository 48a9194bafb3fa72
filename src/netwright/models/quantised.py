"""An ONNX file in 8 bits: static quantisation by ONNX Runtime, calibrated on images."""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from netwright.models.export_onnx import silent_exporter

BATCH_SIZE = 100
NUM_CALIBRATION = 500
"""Images, the first of a seeded permutation, from which the ranges of all activations are taken."""


def quantised(content: bytes, images: Tensor) -> bytes:
    """Return the .onnx file `content` with convolutions and matrix products in int8, weights one scale a channel.

    Args:
        content: The file of a network for images, as `onnx_of` makes it.
        images: uint8 [N, C, H, W], of the network's size; training images, so that the ranges are those of use.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:NUM_CALIBRATION]

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """Gives the images in batches."""

        def __init__(self) -> None:
            self._batches: Iterator[Tensor] = iter(images[order].split(BATCH_SIZE))

        def get_next(self) -> dict[str, np.ndarray] | None:
            """Return the next inputs; None after the last."""
            batch = next(self._batches, None)
            return None if batch is None else {"images": batch.numpy()}

    with tempfile.TemporaryDirectory() as scratch, silent_exporter():
        whole, prepared, small = (Path(scratch) / f"{name}.onnx" for name in ("whole", "prepared", "small"))
        whole.write_bytes(content)
        quant_pre_process(whole, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            small,
            Reader(),
            op_types_to_quantize=["Conv", "Gemm", "MatMul"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            reduce_range=True,  # 7 bits for weights: 8 overflow on processors without VNNI
        )
        model = onnx.load(small)
        onnx.helper.set_model_props(model, {each.key: each.value for each in onnx.load(whole).metadata_props})
        result: bytes = model.SerializeToString()
    return result


@dataclass(frozen=True)
class Measured:
    """The accuracy of an .onnx file on labelled images, and the images that it computes in a second."""

    accuracy: float
    images_per_second: float


def measured(content: bytes, images: Tensor, labels: Tensor) -> Measured:
    """Run an .onnx file on the processor over images, uint8 [N, C, H, W], and compare with labels, int64 [N]."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    session.run(["logits"], {"images": images[:BATCH_SIZE].numpy()})  # the first run plans the memory
    begun = time.perf_counter()
    named = [session.run(["logits"], {"images": each.numpy()})[0].argmax(axis=1) for each in images.split(BATCH_SIZE)]
    seconds = time.perf_counter() - begun
    accuracy = float(np.mean(np.concatenate(named) == labels.numpy()))
    return Measured(accuracy, len(images) / seconds)
