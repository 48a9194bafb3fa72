"""Reference networks for images: how their authors trained them on CIFAR-10, their sizes and published results.

The modules are in `netwright.reference`, under the same names. Epochs are those of a final training on all 50,000
training images.

Deviation: every image is standardised on its own, as elsewhere in netwright, and padded with zeros. The originals
standardise each channel over the training set; wide ResNets whiten by ZCA (the published errors quoted here) and pad
with reflections of the image.
"""

from collections.abc import Callable
from dataclasses import dataclass

from netwright.config import ImageSettings


@dataclass(frozen=True)
class PublishedNetwork:
    """A published network for images.

    Args:
        settings: The settings of its training.
        num_parameters: For images with 3 channels and 10 classes.
        multiply_adds: Of all convolutions and linear layers, for one image of 3 x 32 x 32 and 10 classes.
        published: The published test error on CIFAR-10, "6.61% error"; empty if there is none.
        source: Authors, year and arXiv number.
    """

    settings: ImageSettings
    num_parameters: int
    multiply_adds: int
    published: str
    source: str


HE_2015 = "He et al. 2015, arXiv 1512.03385"
HE_2016 = "He et al. 2016, arXiv 1603.05027"
STOCHASTIC_DEPTH = "Huang et al. 2016, arXiv 1603.09382"
ZAGORUYKO = "Zagoruyko & Komodakis 2016, arXiv 1605.07146"
HUANG = "Huang et al. 2016, arXiv 1608.06993"


def residual_training() -> ImageSettings:
    """He et al. 2015, section 4.2 (recalled): the rate is divided at 32,000 and 48,000 of 64,000 steps."""
    return ImageSettings(
        epochs=164,  # 64,000 steps * 128 images / 50,000 images = 163.8
        batch_size=128, learning_rate=0.1, milestones=(0.5, 0.75), decay=10.0, momentum=0.9, nesterov=False,
        weight_decay=0.0001, upsample=None, padding=4,
    )  # fmt: skip


def resnet(num_parameters: int, multiply_adds: int, published: str, *, warm_up: float = 0.0) -> PublishedNetwork:
    """A ResNet of He et al. 2015, by its size and result."""
    settings = residual_training().model_copy(update={"warm_up": warm_up})
    return PublishedNetwork(settings, num_parameters, multiply_adds, published, HE_2015)


def resnet_110() -> PublishedNetwork:
    """He et al. 2015: it starts at a tenth of the learning rate until the training error is below 80%.

    That took about 400 steps of 64,000 (recalled).
    """
    published = "6.61% error (mean of 5), 6.41% in Huang et al. 2016"
    return resnet(1_727_962, 252_887_680, published, warm_up=400 / 64_000)


def resnet_110_stochastic_depth() -> PublishedNetwork:
    """Huang et al. 2016 with its code: 500 epochs, Nesterov's momentum."""
    settings = residual_training().model_copy(update={"epochs": 500, "nesterov": True})
    return PublishedNetwork(settings, 1_727_962, 252_887_680, "5.23% error", STOCHASTIC_DEPTH)


def preact_resnet_164() -> PublishedNetwork:
    """He et al. 2016: the settings of 2015, with 400 steps at a tenth of the rate (recalled)."""
    settings = residual_training().model_copy(update={"warm_up": 400 / 64_000})
    return PublishedNetwork(settings, 1_703_258, 244_500_992, "5.46% error (median of 5)", HE_2016)


def preact_resnet_1001() -> PublishedNetwork:
    """He et al. 2016 by the released code, whose smaller batches gave 4.62%: 200 epochs, Nesterov's momentum.

    The rate is divided after epochs 80 and 121. Batches of 128 as in the paper gave 4.92%.
    """
    changes = {"epochs": 200, "batch_size": 64, "milestones": (80 / 200, 121 / 200), "nesterov": True}
    settings = residual_training().model_copy(update=changes)
    return PublishedNetwork(settings, 10_327_706, 1_487_849_984, "4.62% error (median of 5)", HE_2016)


def wide_resnet(num_parameters: int, multiply_adds: int, published: str) -> PublishedNetwork:
    """Zagoruyko & Komodakis 2016 without dropout: the rate is divided by 5 at epochs 60, 120 and 160 (recalled)."""
    settings = ImageSettings(
        epochs=200, batch_size=128, learning_rate=0.1, milestones=(60 / 200, 120 / 200, 160 / 200), decay=5.0,
        momentum=0.9, nesterov=True, weight_decay=0.0005, upsample=None, padding=4,
    )  # fmt: skip
    return PublishedNetwork(settings, num_parameters, multiply_adds, published, ZAGORUYKO)


def densenet(num_parameters: int, multiply_adds: int, published: str) -> PublishedNetwork:
    """Huang et al. 2016 with its code: 300 epochs, the rate divided by 10 at 1/2 and 3/4, no dropout."""
    settings = ImageSettings(
        epochs=300, batch_size=64, learning_rate=0.1, milestones=(0.5, 0.75), decay=10.0, momentum=0.9, nesterov=True,
        weight_decay=0.0001, upsample=None, padding=4,
    )  # fmt: skip
    return PublishedNetwork(settings, num_parameters, multiply_adds, published, HUANG)


REFERENCE_NETWORKS: dict[str, Callable[[], PublishedNetwork]] = {
    # The results of depths 20 to 56 are those of He et al. 2015, table 6 (recalled).
    "resnet-20": lambda: resnet(269_722, 40_551_040, "8.75% error"),
    "resnet-32": lambda: resnet(464_154, 68_862_592, "7.51% error"),
    "resnet-44": lambda: resnet(658_586, 97_174_144, "7.17% error"),
    "resnet-56": lambda: resnet(853_018, 125_485_696, "6.97% error"),
    "resnet-110": resnet_110,
    "resnet-110-stochastic-depth": resnet_110_stochastic_depth,
    "preact-resnet-164": preact_resnet_164,
    "preact-resnet-1001": preact_resnet_1001,
    "wide-resnet-16-8": lambda: wide_resnet(10_961_370, 1_548_145_664, "4.81% error"),
    "wide-resnet-28-10": lambda: wide_resnet(36_479_194, 5_243_328_768, "4.17% error"),
    "densenet-22-12": lambda: densenet(270_706, 72_906_000, ""),
    "densenet-40-12": lambda: densenet(1_019_722, 264_812_928, "5.24% error"),
    "densenet-100-12": lambda: densenet(6_979_642, 1_769_516_448, "4.10% error"),
    "densenet-100-24": lambda: densenet(27_249_082, 6_889_347_744, "3.74% error"),
    "densenet-bc-190-40": lambda: densenet(25_624_430, 9_301_945_740, "3.46% error"),
}
"""By the names that `netwright train` accepts."""
