"""A task that a small network learns in seconds, and its training: what tests of the training loop share."""

import torch
from torch import Tensor, nn

from netwright.architectures.convolutional import ConvLayer, ConvNet
from netwright.children.building import build, initialise
from netwright.tasks.images.data import ImageSplit
from netwright.training.images import train_classifier
from netwright.training.speed import Speed

FLOAT32 = Speed(device="cpu", precision="float32")
SETTINGS = {
    "epochs": 4,
    "batch_size": 16,
    "learning_rate": 0.1,
    "schedule": "cosine",
    "momentum": 0.9,
    "weight_decay": 1e-4,
    "upsample": 10,
    "flips": True,
    "speed": FLOAT32,
}
NETWORK = ConvNet(
    (
        ConvLayer(filter_height=3, filter_width=3, num_filters=8),
        ConvLayer(filter_height=3, filter_width=3, num_filters=8, inputs=(0,), pool=2),
    )
)


def stripes(number: int, seed: int) -> tuple[Tensor, Tensor]:
    """Noise with bright rows (label 0), bright columns (label 1) or neither (label 2): no flip or crop hides it."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(number) % 3
    images = torch.randint(0, 120, (number, 1, 8, 8), generator=generator)
    images[labels == 0, :, ::2] += 120
    images[labels == 1, :, :, ::2] += 120
    return images.to(torch.uint8), labels


def striped_split() -> ImageSplit:
    """150 training and 60 validation images of three classes."""
    train, validation = stripes(150, 0), stripes(60, 1)
    return ImageSplit(*train, *validation, num_classes=3)


def fresh(seed: int = 5) -> nn.Module:
    network = build(NETWORK, num_classes=3, in_channels=1)
    initialise(network, seed)
    return network


def train(
    split: ImageSplit, network: nn.Module | None = None, seed: int = 5, **changes: object
) -> dict[str, list[float]]:
    network = fresh() if network is None else network
    return train_classifier(network, split, seed=seed, **{**SETTINGS, **changes})  # type: ignore[arg-type]
