"""A network for coloured pictures of four classes, and pictures of noise: what tests of predictions share."""

from pathlib import Path

import numpy as np
from PIL import Image

from netwright.models.folder import write_model
from oracles.models_to_try import random_module, random_network

TEMPERATURE = 1.7


def written(
    folder: Path, temperature: object = TEMPERATURE, shape: tuple[int, int, int] = (3, 13, 11), variant: str = "pools"
) -> Path:
    architecture = random_network(variant, 1)
    module = random_module(architecture, num_classes=4, channels=shape[0], epsilon=0.01, seed=1)
    description = {"input_shape": list(shape), "upsample": None, "epsilon": 0.01, "class_names": list("abcd")}
    write_model(folder, module, architecture, {**description, "metrics": {"temperature": temperature}})
    return folder


def photograph(path: Path, seed: int, size: tuple[int, int] = (40, 30)) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path
