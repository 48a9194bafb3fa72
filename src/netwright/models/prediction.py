"""Class names with probabilities for many images: decoded in threads, computed in batches, in constant memory."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from torch import Tensor

from netwright.errors import DataError
from netwright.image_files import MODES, fitted
from netwright.training.classification import probabilities_of

if TYPE_CHECKING:
    from PIL import Image

    from netwright.models.trained import TrainedNetwork

BATCH_SIZE = 64
"""Images of one forward pass."""
NUM_AHEAD = 2
"""Batches that are decoded while one is computed."""

Picture: TypeAlias = "str | Path | Image.Image | np.ndarray | Tensor"
"""A file, a Pillow image, an array [H, W] or [H, W, C] or a tensor [C, H, W]; arrays and tensors are uint8."""
Named: TypeAlias = list[tuple[str, float]]
"""Class names with their probabilities, the most probable first."""


@dataclass(frozen=True)
class Prediction:
    """What a network says about one picture: `named`, or why it could not be read."""

    picture: Picture
    named: Named
    error: str | None = None


def predictions(network: "TrainedNetwork", pictures: Iterable[Picture], top: int | None = None) -> Iterator[Prediction]:
    """Yield a prediction for each picture, in their order; at most `NUM_AHEAD` + 1 batches are in memory.

    Args:
        network: The network; its probabilities are those of its temperature, if it has one.
        pictures: The pictures, of any sizes.
        top: Number of classes in each prediction; None is all.
    """
    waiting, pending = iter(pictures), deque[list[tuple[Picture, Future[Tensor]]]]()
    with ThreadPoolExecutor(os.cpu_count()) as pool:

        def begin_batch() -> None:
            if batch := list(islice(waiting, BATCH_SIZE)):
                pending.append([(picture, pool.submit(pixels_of, network, picture)) for picture in batch])

        try:
            for _ in range(NUM_AHEAD):
                begin_batch()
            while pending:
                begin_batch()
                yield from _computed(network, pending.popleft(), top)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _computed(
    network: "TrainedNetwork", batch: list[tuple[Picture, Future[Tensor]]], top: int | None
) -> Iterator[Prediction]:
    images, errors = [], {}
    for index, (_, decoding) in enumerate(batch):
        try:
            images.append(decoding.result())
        except DataError as error:
            errors[index] = str(error)
    rows = iter(_probabilities(network, torch.stack(images)) if images else ())
    for index, (picture, _) in enumerate(batch):
        if index in errors:
            yield Prediction(picture, [], errors[index])
        else:
            yield Prediction(picture, _named(network, next(rows), top))


@torch.no_grad()
def _probabilities(network: "TrainedNetwork", images: Tensor) -> Tensor:
    device = next(network.parameters()).device
    # In this order in memory, convolutions on processors take about half the time.
    pixels = network.preprocess(images.to(device)).contiguous(memory_format=torch.channels_last)
    return probabilities_of(network.network(pixels).cpu(), network.temperature)


def _named(network: "TrainedNetwork", probabilities: Tensor, top: int | None) -> Named:
    best = probabilities.argsort(descending=True, stable=True)[:top].tolist()
    return [(network.class_names[index], float(probabilities[index])) for index in best]


def pixels_of(network: "TrainedNetwork", picture: Picture) -> Tensor:
    """Return a picture as the network reads it: uint8 [C, H, W] of its `input_shape`.

    Raises:
        DataError: A file cannot be read, or an array has another type or shape than a picture.
    """
    if isinstance(picture, str | Path):
        return network.read_image(picture)
    channels, height, width = network.input_shape
    if isinstance(picture, Tensor) and picture.dtype == torch.uint8 and tuple(picture.shape) == network.input_shape:
        return picture.cpu()
    if channels not in MODES:
        raise DataError(f"the network reads tensors [C, H, W] = {list(network.input_shape)} of uint8 alone")
    return fitted(_image_of(picture), (height, width), MODES[channels])


def _image_of(picture: "Image.Image | np.ndarray | Tensor") -> "Image.Image":
    from PIL import Image

    if isinstance(picture, Image.Image):
        return picture
    array = picture.permute(1, 2, 0).cpu().numpy() if isinstance(picture, Tensor) and picture.ndim == 3 else picture
    array = np.asarray(array)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.dtype != np.uint8 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))):
        raise DataError(
            f"a picture is {array.dtype} of shape {list(array.shape)}; expected uint8, pixels from 0 to 255, as an "
            "array [H, W] or [H, W, 3] or a tensor [1, H, W] or [3, H, W]"
        )
    return Image.fromarray(np.ascontiguousarray(array))
