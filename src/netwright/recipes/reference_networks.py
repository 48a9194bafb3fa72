"""Reference networks for images: how their authors trained them on CIFAR-10, their sizes and published results.

The modules are in `netwright.reference`, under the same names. Epochs are those of a final training on all 50,000
training images.

Deviation: every image is standardised on its own, as elsewhere in netwright, and padded with zeros. The originals
standardise each channel over the training set; wide ResNets whiten by ZCA (the published errors quoted here) and pad
with reflections of the image; Network in Network, All-CNN and highway networks normalise the contrast of each image,
and the first two whiten by ZCA.
"""

from collections.abc import Callable
from dataclasses import dataclass

from netwright.config import ImageSettings


@dataclass(frozen=True)
class PublishedNetwork:
    """A published network for images.

    Args:
        settings: The settings of its training.
        num_parameters: For images with 3 channels and 10 classes; inception-v4: 1,000 classes.
        multiply_adds: Of all convolutions and linear layers, for one image of 3 x 32 x 32 and 10 classes;
            inception-v4: 3 x 299 x 299 and 1,000 classes.
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
LIN = "Lin et al. 2013, arXiv 1312.4400"
SPRINGENBERG = "Springenberg et al. 2014, arXiv 1412.6806"
SRIVASTAVA = "Srivastava et al. 2015, arXiv 1507.06228"
LARSSON = "Larsson et al. 2016, arXiv 1605.07648"
SZEGEDY = "Szegedy et al. 2016, arXiv 1602.07261"


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


def network_in_network() -> PublishedNetwork:
    """Lin et al. 2013 with its code (recalled): 120,000 steps, the rate divided by 10 after 100,000 and 110,000.

    The paper divides it by 10 twice, each time when the training accuracy stops improving.
    """
    settings = ImageSettings(
        epochs=307,  # 120,000 steps * 128 images / 50,000 images = 307.2
        batch_size=128, learning_rate=0.1, milestones=(100 / 120, 110 / 120), decay=10.0, momentum=0.9, nesterov=False,
        weight_decay=0.0001, upsample=None, padding=4,
    )  # fmt: skip
    return PublishedNetwork(settings, 966_986, 222_486_528, "8.81% error", LIN)


def all_cnn() -> PublishedNetwork:
    """Springenberg et al. 2014, section 3.1 (recalled): the rate is divided by 10 at epochs 200, 250 and 300.

    The rate is one of 0.25, 0.1, 0.05 and 0.01; the paper does not say which one All-CNN-C had, nor its batch size.
    Images are shifted by up to 5 pixels.
    """
    settings = ImageSettings(
        epochs=350, batch_size=128, learning_rate=0.05, milestones=(200 / 350, 250 / 350, 300 / 350), decay=10.0,
        momentum=0.9, nesterov=False, weight_decay=0.001, upsample=None, padding=5,
    )  # fmt: skip
    return PublishedNetwork(settings, 1_369_738, 270_798_336, "7.25% error", SPRINGENBERG)


def highway() -> PublishedNetwork:
    """Srivastava et al. 2015 with its code: the rate is divided at 100,000, 150,000 and 175,000 of 200,000 steps.

    The code trains biases at twice the rate and without weight decay, and decays the classifier's weights ten times as
    much; here all weights have the same settings. The 4 pixels of padding are recalled.
    """
    settings = ImageSettings(
        epochs=400,  # 200,000 steps * 100 images / 50,000 images
        batch_size=100, learning_rate=0.025, milestones=(100 / 200, 150 / 200, 175 / 200), decay=10.0, momentum=0.9,
        nesterov=True, weight_decay=0.001, upsample=None, padding=4,
    )  # fmt: skip
    return PublishedNetwork(settings, 2_256_838, 330_826_728, "7.72% error (mean of 5)", SRIVASTAVA)


def fractalnet(published: str) -> PublishedNetwork:
    """Larsson et al. 2016, section 4: the rate is divided by 10 whenever the number of remaining epochs halves.

    Four divisions; a fifth would leave 12 epochs at a rate of 0.0000002. The paper names no weight decay.
    """
    settings = ImageSettings(
        epochs=400, batch_size=100, learning_rate=0.02, milestones=(1 / 2, 3 / 4, 7 / 8, 15 / 16), decay=10.0,
        momentum=0.9, nesterov=False, weight_decay=0.0, upsample=None, padding=4,
    )  # fmt: skip
    return PublishedNetwork(settings, 33_724_618, 845_222_912, published, LARSSON)


def inception_v4() -> PublishedNetwork:
    """Szegedy et al. 2016 (recalled) on ImageNet: the rate is multiplied by 0.94 every two epochs.

    Deviation: its best models were trained by RMSProp, with its images cropped to random sizes and shapes. The momentum
    here is that of its earlier models; epochs, batch size and weight decay are not in the paper.
    """
    settings = ImageSettings(
        epochs=160, batch_size=32, learning_rate=0.045, milestones=tuple(epoch / 160 for epoch in range(2, 160, 2)),
        decay=1 / 0.94, momentum=0.9, nesterov=False, weight_decay=0.00004, upsample=None, padding=None,
    )  # fmt: skip
    published = "20.0% top-1 error and 5.0% top-5 error on ImageNet's validation images, one crop"
    return PublishedNetwork(settings, 42_679_816, 12_253_974_624, published, SZEGEDY)


OF_THE_TASK = {
    "task", "num_train", "num_validation", "split_seed", "last_epochs", "exponent", "device", "precision",
    "deterministic", "channels_last",
}  # fmt: skip
"""Settings that do not come from a publication: what is measured, and on which hardware."""
AUGMENTATION = {"upsample", "padding", "flips"}
"""Settings that depend on the images of a task; the published values are those for CIFAR-10."""


def settings_on(name: str, task: ImageSettings) -> ImageSettings:
    """Return the published settings of a network for another task than CIFAR-10, or for another machine.

    Args:
        name: A name in `REFERENCE_NETWORKS`.
        task: The settings of a search on the task.
    """
    kept = OF_THE_TASK if task.task == "cifar10" else OF_THE_TASK | AUGMENTATION
    return REFERENCE_NETWORKS[name]().settings.model_copy(update=task.model_dump(include=kept))


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
    "network-in-network": network_in_network,
    "all-cnn": all_cnn,
    "highway": highway,
    "fractalnet": lambda: fractalnet("5.22% error"),
    "fractalnet-drop-path": lambda: fractalnet("4.60% error"),
    "inception-v4": inception_v4,
}
"""By the names that `netwright train` accepts."""
