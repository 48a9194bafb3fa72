"""Searches for networks that classify images."""

from pathlib import Path

from netwright.config import (
    ConfirmSettings,
    ConstraintSettings,
    ImageSettings,
    QLearningSettings,
    ReinforceSettings,
    RunConfig,
)
from netwright.spaces.convolutional import convolutional
from netwright.spaces.metaqnn import metaqnn
from netwright.spaces.programs import Schedule

DEPTH = {"num_layers": Schedule(start=6, step=2, interval=1600)}
"""The paper's depth schedule: 6 layers at first, 20 at sample 12,799 (section 4.1)."""


def digits() -> RunConfig:
    """4-layer networks for scikit-learn's 8x8 digits, nothing to download, confirmed at the end.

    About 2 minutes on 2 cores.
    """
    return RunConfig(
        recipe="digits",
        space=convolutional(4, filter_sizes=(1, 3, 5), num_filters=(4, 8, 16, 24)),
        evaluate=ImageSettings(
            task="digits",
            num_validation=500,
            epochs=6,
            batch_size=32,
            learning_rate=0.1,
            schedule="cosine",
            upsample=10,
            flips=False,
            last_epochs=2,
        ),
        strategy=ReinforceSettings(learning_rate=0.01),
        num_trials=96,
        confirm=ConfirmSettings(top=5, num_seeds=3, at_end=True),
    )


def cifar10() -> RunConfig:
    """The paper's first experiment on CIFAR-10: stride 1, skip connections, 6 to 20 layers, reward cubed.

    12,800 children of 50 epochs: the paper had 800 GPUs; years on a laptop.
    """
    return RunConfig(
        recipe="cifar10",
        space=convolutional().with_parameters(**DEPTH),
        evaluate=ImageSettings(),
        failure_reward=0.0,
        constraints=ConstraintSettings(rejected_reward=0.0),
    )


def cifar10_strides() -> RunConfig:
    """The second experiment: stride heights and widths {1, 2, 3} are predicted too.

    As cifar10, with somewhat cheaper children.
    """
    return cifar10().changed(recipe="cifar10-strides", space=convolutional(strides=(1, 2, 3)).with_parameters(**DEPTH))


def cifar10_pooling() -> RunConfig:
    """The third experiment: 13 predicted layers of 3 convolutions each, 2 max-pools, filters {6, 12, 24, 36}.

    As cifar10. The paper then adds 40 filters to every layer: ConvNet.widened(40).
    """
    space = convolutional(13, num_filters=(6, 12, 24, 36), block_size=3, pool_after=(13, 24))
    return cifar10().changed(recipe="cifar10-pooling", space=space)


def cifar10_slides() -> RunConfig:
    """The first experiment according to the slides: reward squared, a controller of one layer with 128 units.

    As cifar10.
    """
    return cifar10().changed(
        recipe="cifar10-slides",
        evaluate=ImageSettings(exponent=2.0),
        strategy=ReinforceSettings(hidden_size=128, num_layers=1),
    )


def cifar10_quick() -> RunConfig:
    """5-layer networks with skip connections and two max-pools on a fifth of CIFAR-10, for a laptop.

    About 8 minutes on 2 cores.
    """
    return RunConfig(
        recipe="cifar10-quick",
        space=convolutional(5, num_filters=(8, 16, 24, 32), pool_after=(1, 3)),
        evaluate=ImageSettings(
            num_train=8000, num_validation=2000, epochs=4, learning_rate=0.05, schedule="cosine", last_epochs=1
        ),
        strategy=ReinforceSettings(learning_rate=0.01),
        num_trials=64,
    )


def images(data: Path | None = None, image_size: int | None = None) -> RunConfig:
    """Your own images (--data FOLDER or FILE): 4 or 5 layers with skip connections, fitted to their size.

    A few minutes for thousands of small images on 2 cores, an hour where they have 64 x 64 pixels.
    """
    # Training sees as many images as that of cifar10-quick, whose settings these are where the data does not say.
    height, width, channels, num_images = 32, 32, 3, 10_000
    if data is not None:
        from netwright.tasks.images.user_images import load_images

        num_images, channels, height, width = load_images(data, image_size=image_size, keep=True).train_images.shape
    edge = max(height, width)
    num_train = min(8000, round(0.8 * num_images))
    pool_after = () if edge <= 12 else (1, 3) if edge <= 40 else (1, 2, 4)
    return RunConfig(
        recipe="images",
        space=convolutional(
            4 if edge <= 12 else 5, filter_sizes=(1, 3, 5), num_filters=(8, 16, 24, 32), pool_after=pool_after
        ),
        evaluate=ImageSettings(
            task="images",
            num_train=num_train if num_train == 8000 else None,
            num_validation=0.2,
            image_size=image_size,
            epochs=min(30, 32_000 // num_train),
            batch_size=64 if num_train > 2000 else 32,
            learning_rate=0.05,
            schedule="cosine",
            upsample=edge + edge // 4,
            flips=channels == 3,  # grey images are often characters, which have a left and a right
            last_epochs=2,
        ),
        strategy=ReinforceSettings(learning_rate=0.01),
        num_trials=64,
        confirm=ConfirmSettings(top=3, num_seeds=3, at_end=True),
    )


def metaqnn_digits() -> RunConfig:
    """MetaQNN (Baker et al. 2017) scaled to the digits: its space with 16 times fewer filters, Q-learning.

    About 4 minutes on 2 cores.
    """
    return RunConfig(
        recipe="metaqnn-digits",
        space=metaqnn(6, num_filters=(4, 8, 16, 32), dense_units=(64, 32, 16), image_size=8),
        evaluate=ImageSettings(
            task="digits",
            num_validation=500,
            epochs=6,
            batch_size=32,
            learning_rate=0.05,
            schedule="cosine",
            upsample=None,
            flips=False,
            last_epochs=1,
            exponent=1.0,  # Baker's reward is the validation accuracy
        ),
        strategy=QLearningSettings(num_models=300),
        num_trials=600,  # a network that is sampled again is no further model
    )
