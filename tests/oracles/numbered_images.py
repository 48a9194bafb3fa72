"""A task whose images say which they are, and its final training: what tests of the final training share."""

from pathlib import Path

import torch
from torch import Tensor

import netwright as nw
from netwright.architectures.convolutional import ConvLayer, ConvNet
from netwright.config import FinalSettings, ImageSettings, RunConfig
from netwright.final_training.pipeline import finish
from netwright.searching.placement import Placement
from netwright.spaces.convolutional import convolutional
from netwright.tasks.images.data import ImageData

NUM_TRAIN, NUM_TEST, NUM_VALIDATION = 60, 20, 24


def small(filters: int, size: int = 3) -> ConvNet:
    return ConvNet((ConvLayer(filter_height=size, filter_width=size, num_filters=filters),))


def numbered() -> ImageData:
    """Bright rows, columns or neither. An image's first pixel is its number; the test set has the highest ones."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 120, (NUM_TRAIN + NUM_TEST, 1, 6, 6), dtype=torch.uint8, generator=generator)
    labels = torch.arange(len(images)) % 3
    images[labels == 0, :, ::2] += 120
    images[labels == 1, :, :, ::2] += 120
    images[:, 0, 0, 0] = torch.arange(len(images))
    train, test = slice(0, NUM_TRAIN), slice(NUM_TRAIN, None)
    return ImageData("numbered", images[train], labels[train], images[test], labels[test], ("a", "b", "c"))


CONFIG = RunConfig(
    space=convolutional(2),
    evaluate=ImageSettings(
        task="numbered",
        num_validation=NUM_VALIDATION,
        epochs=2,
        batch_size=16,
        upsample=None,
        flips=False,
        last_epochs=2,
        device="cpu",
        precision="float32",
    ),
)
FINAL = FinalSettings(epochs=3, epsilons=(1e-5,), decays_at=(None,))
"""Four points."""


def run(folder: Path, final: FinalSettings = FINAL, **options: object) -> dict:
    found = options.pop("found", {"one": small(4)})
    return finish(found, CONFIG, final, folder, Placement(), **options)  # type: ignore[arg-type]


def weights(folder: Path) -> dict[str, Tensor]:
    return nw.load(folder).state_dict()
