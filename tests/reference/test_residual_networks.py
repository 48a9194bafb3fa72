"""ResNets, with stochastic depth, with pre-activation and wide ones, against computations written out by hand."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.errors import ConfigError
from netwright.reference.preact_resnet import PreactivationBottleneck, PreactivationResNet
from netwright.reference.resnet import ResidualBlock, ResNet, option_a
from netwright.reference.wide_resnet import WideBlock, WideResNet


def maps(*shape: int, seed: int = 0) -> Tensor:
    """Maps without negative numbers, as after a ReLU."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def with_statistics(module: nn.Module) -> nn.Module:
    """The module in evaluation mode, with statistics, scales and shifts that are not the initial ones."""
    generator = torch.Generator().manual_seed(1)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            for tensor in (part.running_mean, part.running_var, part.weight.data, part.bias.data):
                assert tensor is not None
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
    return module.eval()


def normalised(images: Tensor, norm: nn.Module) -> Tensor:
    mean, variance, scale, shift = (
        norm.get_buffer("running_mean"),
        norm.get_buffer("running_var"),
        norm.get_parameter("weight"),
        norm.get_parameter("bias"),
    )
    standard = (images - mean[:, None, None]) / torch.sqrt(variance + 1e-5)[:, None, None]
    return standard * scale[:, None, None] + shift[:, None, None]


def parts(module: nn.Module, kind: type[nn.Module]) -> list[nn.Module]:
    return [part for part in module.modules() if isinstance(part, kind)]


def residual_by_hand(images: Tensor, block: ResidualBlock) -> Tensor:
    first, second = parts(block, nn.Conv2d)
    norms = parts(block, nn.BatchNorm2d)
    inner = functional.conv2d(images, first.get_parameter("weight"), stride=block.stride, padding=1)
    inner = normalised(inner, norms[0]).clamp(min=0)
    return normalised(functional.conv2d(inner, second.get_parameter("weight"), padding=1), norms[1])


# Shortcuts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), [(4, 6), (5, 7), (1, 1)])
def test_option_a_takes_every_second_pixel_and_adds_zeros(height: int, width: int) -> None:
    images = maps(2, 3, height, width)
    expected = np.zeros((2, 8, (height + 1) // 2, (width + 1) // 2), np.float32)
    for row in range(0, height, 2):
        for column in range(0, width, 2):
            expected[:, :3, row // 2, column // 2] = images[:, :, row, column].numpy()
    assert np.array_equal(option_a(images, 8, 2).numpy(), expected)
    assert torch.equal(option_a(images, 3, 1), images)


# Blocks ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("in_channels", "stride"), [(6, 1), (3, 2)])
def test_a_residual_block(in_channels: int, stride: int) -> None:
    block, images = ResidualBlock(in_channels, 6, stride, survival=1.0), maps(2, in_channels, 8, 8)
    with_statistics(block)
    expected = (option_a(images, 6, stride) + residual_by_hand(images, block)).clamp(min=0)
    torch.testing.assert_close(block(images), expected)


@pytest.mark.parametrize(("in_channels", "stride"), [(8, 1), (4, 2), (4, 1)])
def test_a_bottleneck_with_preactivation(in_channels: int, stride: int) -> None:
    block, images = PreactivationBottleneck(in_channels, 8, stride), maps(2, in_channels, 8, 8) - 0.5
    with_statistics(block)
    norms, convolutions = parts(block, nn.BatchNorm2d), parts(block, nn.Conv2d)
    active = normalised(images, norms[0]).clamp(min=0)
    inner = functional.conv2d(active, convolutions[0].get_parameter("weight"), stride=stride)
    inner = functional.conv2d(
        normalised(inner, norms[1]).clamp(min=0), convolutions[1].get_parameter("weight"), padding=1
    )
    inner = functional.conv2d(normalised(inner, norms[2]).clamp(min=0), convolutions[2].get_parameter("weight"))
    shortcut = images
    if in_channels != 8:
        shortcut = functional.conv2d(active, convolutions[3].get_parameter("weight"), stride=stride)
    torch.testing.assert_close(block(images), shortcut + inner)


@pytest.mark.parametrize(("in_channels", "stride"), [(8, 1), (4, 2)])
def test_a_wide_block(in_channels: int, stride: int) -> None:
    block, images = WideBlock(in_channels, 8, stride, dropout=0.5), maps(2, in_channels, 8, 8) - 0.5
    with_statistics(block)
    norms, convolutions = parts(block, nn.BatchNorm2d), parts(block, nn.Conv2d)
    active = normalised(images, norms[0]).clamp(min=0)
    inner = functional.conv2d(active, convolutions[0].get_parameter("weight"), stride=stride, padding=1)
    inner = functional.conv2d(
        normalised(inner, norms[1]).clamp(min=0), convolutions[1].get_parameter("weight"), padding=1
    )
    shortcut = images
    if in_channels != 8:
        shortcut = functional.conv2d(active, convolutions[2].get_parameter("weight"), stride=stride)
    torch.testing.assert_close(block(images), shortcut + inner)


def test_dropout_is_between_the_convolutions_of_a_wide_block() -> None:
    """With all of the second convolution's inputs dropped, the shortcut remains."""
    block, images = WideBlock(4, 4, 1, dropout=1.0), maps(2, 4, 6, 6)
    assert torch.equal(block.train()(images), images)
    assert not torch.equal(block.eval()(images), images)
    assert {part.p for part in WideResNet(10, 2, 10, 3, dropout=0.3).modules() if isinstance(part, nn.Dropout)} == {0.3}


# Stochastic depth -----------------------------------------------------------------------------------------------------


def blocks_of(network: nn.Module) -> list[ResidualBlock]:
    return [part for part in network.modules() if isinstance(part, ResidualBlock)]


def test_the_survival_probability_falls_linearly_to_that_of_the_last_block() -> None:
    """54 blocks: 1 - l / 54 * 0.5."""
    with torch.device("meta"):
        network = ResNet(110, 10, 3, last_survival=0.5)
    expected = np.linspace(1 - 0.5 / 54, 0.5, 54)
    assert [block.survival for block in blocks_of(network)] == pytest.approx(expected.tolist())


def test_evaluation_scales_each_sum_by_its_probability() -> None:
    torch.manual_seed(0)
    network, images = with_statistics(ResNet(14, 5, 3, last_survival=0.4)), maps(2, 3, 12, 12)
    stem = network.get_submodule("layers")
    expected = normalised(functional.conv2d(images, stem.get_parameter("0.weight"), padding=1), stem[1]).clamp(min=0)  # type: ignore[index]
    for number, block in enumerate(blocks_of(network), start=1):
        scaled = (1 - number / 6 * 0.6) * residual_by_hand(expected, block)
        expected = (option_a(expected, block.filters, block.stride) + scaled).clamp(min=0)
    classifier = network.get_submodule("classifier")
    means = expected.mean(dim=(2, 3))
    logits = means @ classifier.get_parameter("weight").T + classifier.get_parameter("bias")
    torch.testing.assert_close(network(images), logits)


def test_a_block_survives_as_often_as_it_should_and_else_is_its_shortcut() -> None:
    torch.manual_seed(0)
    block, images = ResidualBlock(4, 8, 2, survival=0.3).train(), maps(2, 4, 6, 6)
    with torch.no_grad():
        survived = [not torch.equal(block(images), option_a(images, 8, 2)) for _ in range(2000)]
    assert np.mean(survived) == pytest.approx(0.3, abs=4 * np.sqrt(0.3 * 0.7 / 2000))


def test_an_ordinary_resnet_uses_no_random_numbers() -> None:
    network = ResNet(8, 5, 3).train()
    before = torch.random.get_rng_state()
    network(maps(2, 3, 8, 8))
    assert torch.equal(torch.random.get_rng_state(), before)


# First weights and refusals -------------------------------------------------------------------------------------------


def test_the_first_weights_are_those_of_he_and_of_the_seed() -> None:
    built = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        built.append(WideResNet(10, 4, 10, 3))
    for first, second in zip(built[0].parameters(), built[1].parameters(), strict=True):
        assert torch.equal(first, second)
    weights = [part.get_parameter("weight").detach() for part in parts(built[0], nn.Conv2d)]
    assert not torch.equal(weights[0], parts(built[2], nn.Conv2d)[0].get_parameter("weight"))
    for weight in weights:
        filters, _, height, width = weight.shape
        deviation = (2 / (height * width * filters)) ** 0.5
        assert float(weight.std()) == pytest.approx(deviation, rel=4 / (2 * weight.numel()) ** 0.5)
    assert not built[0].classifier.bias.any()


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: ResNet(21, 10, 3), r"a ResNet of depth 21 does not exist; expected 6 n \+ 2 layers, such as 20"),
        (lambda: ResNet(2, 10, 3), r"depth 2 does not exist; .* such as 8"),
        (lambda: PreactivationResNet(100, 10, 3), r"expected 9 n \+ 2 layers, such as 92"),
        (lambda: WideResNet(18, 2, 10, 3), r"expected 6 n \+ 4 layers, such as 16"),
    ],
)
def test_a_depth_that_does_not_exist(make, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        make()
