"""DenseNets against a computation written out by hand."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.errors import ConfigError
from netwright.reference.catalog import NETWORKS
from netwright.reference.densenet import DenseNet


def by_hand(network: nn.Module, images: Tensor, *, per_block: int, compressed: bool) -> Tensor:
    """The logits, with the modules only as the owners of the weights, in the order in which they were made."""
    convolutions = iter([part.weight for part in network.modules() if isinstance(part, nn.Conv2d)])
    norms = iter([part for part in network.modules() if isinstance(part, nn.BatchNorm2d)])

    def active(maps: Tensor) -> Tensor:
        norm = next(norms)
        mean, variance = maps.mean((0, 2, 3), keepdim=True), maps.var((0, 2, 3), unbiased=False, keepdim=True)
        standard = (maps - mean) / (variance + 1e-5).sqrt()
        return (standard * norm.weight[:, None, None] + norm.bias[:, None, None]).clamp(min=0)

    maps = functional.conv2d(images, next(convolutions), padding=1)
    for block in range(3):
        if block > 0:
            maps = functional.conv2d(active(maps), next(convolutions))
            maps = (maps[:, :, ::2, ::2] + maps[:, :, 1::2, ::2] + maps[:, :, ::2, 1::2] + maps[:, :, 1::2, 1::2]) / 4
        for _ in range(per_block):
            new = active(maps)
            if compressed:
                new = active(functional.conv2d(new, next(convolutions)))
            maps = torch.cat([maps, functional.conv2d(new, next(convolutions), padding=1)], dim=1)
    classifier = network.get_submodule("classifier")
    logits = active(maps).mean(dim=(2, 3)) @ classifier.get_parameter("weight").T + classifier.get_parameter("bias")
    assert next(convolutions, None) is None
    assert next(norms, None) is None
    return logits


@pytest.mark.parametrize(("depth", "compressed"), [(10, False), (16, True)])
def test_a_densenet(depth: int, compressed: bool) -> None:
    torch.manual_seed(0)
    network = DenseNet(depth, 5, 7, 2, compressed=compressed).double()
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.uniform_(part.bias, -0.5, 0.5)
    images = torch.randn(3, 2, 12, 8, dtype=torch.float64)
    expected = by_hand(network, images, per_block=2, compressed=compressed)
    torch.testing.assert_close(network.train()(images), expected)


def test_a_layer_adds_as_many_maps_as_the_growth() -> None:
    """Depth 22: 16 + 6 * 12 = 88, 160, 232 channels; with compression at depth 22: (24 + 36) / 2 = 30, 33, 69."""
    with torch.device("meta"):
        assert DenseNet(22, 12, 10, 3).classifier.in_features == 232
        assert DenseNet(22, 12, 10, 3, compressed=True).classifier.in_features == 69


def test_images_too_small_and_depths_that_do_not_exist() -> None:
    with torch.device("meta"):
        assert NETWORKS["densenet-22-12"](10, 3, (4, 4))(torch.empty(2, 3, 4, 4)).shape == (2, 10)
    with pytest.raises(ConfigError, match=r"images of 32x3 pixels are too small for a DenseNet.* at least 4x4"):
        NETWORKS["densenet-22-12"](10, 3, (32, 3))
    with pytest.raises(
        ConfigError, match=r"a DenseNet of depth 191 does not exist; expected 3 n \+ 4 layers, such as 190"
    ):
        DenseNet(191, 12, 10, 3)
