from collections import Counter
from itertools import pairwise
from math import comb

import pytest
import torch

from netwright.reference import fractalnet
from netwright.reference.fractalnet import FractalBlock, FractalNet, mean, mean_of_kept


@pytest.mark.parametrize(("classes", "channels"), [(10, 3), (100, 1)])
def test_number_of_parameters(classes, channels):
    with torch.device("meta"):
        network = FractalNet(classes, channels, (32, 32))
    widths = (channels, 64, 128, 256, 512, 512)
    expected = 512 * classes + classes
    for inputs, filters in pairwise(widths):
        # Of the 1 + 2 + 4 convolutions of a block three read its input; each has a scale and a shift per filter.
        expected += 9 * (3 * inputs * filters + 4 * filters * filters) + 7 * 2 * filters
    assert sum(weight.numel() for weight in network.parameters()) == expected
    assert (classes, channels) != (10, 3) or expected == 33_724_618


@pytest.mark.parametrize("size", [(32, 32), (40, 17), (8, 8)])
@pytest.mark.parametrize("drop_path", [False, True])
def test_images_of_other_sizes(size, drop_path):
    assert FractalNet(7, 2, size, drop_path=drop_path)(torch.rand(2, 2, *size)).shape == (2, 7)


def block(num_columns: int) -> FractalBlock:
    torch.manual_seed(0)
    made = FractalBlock(num_columns, 3, 4, dropout=0.0)
    for part in made.modules():  # statistics and scales that differ, so that no two convolutions are exchangeable
        if isinstance(part, torch.nn.BatchNorm2d):
            for tensor in (part.running_mean, part.running_var, part.weight.data, part.bias.data):
                tensor.uniform_(0.5, 1.5)
    return made.eval()


def test_the_block_of_three_columns_is_the_one_that_the_paper_draws():
    made, maps = block(3), torch.randn(2, 3, 6, 6)
    shortest = made.convolution
    upper, lower = made.deeper
    after_two = (upper.convolution(maps) + upper.deeper[1].convolution(upper.deeper[0].convolution(maps))) / 2
    last_of_four = lower.deeper[1].convolution(lower.deeper[0].convolution(after_two))
    expected = (shortest(maps) + lower.convolution(after_two) + last_of_four) / 3
    assert torch.allclose(made(maps), expected, atol=1e-6)


def test_joins_of_four_columns_follow_the_recursion():
    def ends(part: FractalBlock, maps: torch.Tensor) -> list[torch.Tensor]:
        if len(part.deeper) == 0:
            return [part.convolution(maps)]
        first, second = part.deeper
        before = ends(first, maps)
        return [part.convolution(maps), *ends(second, sum(before) / len(before))]

    made, maps = block(4), torch.randn(2, 3, 6, 6)
    columns = ends(made, maps)
    assert len(columns) == 4
    assert torch.allclose(made(maps), sum(columns) / 4, atol=1e-6)


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_column_is_a_chain_of_convolutions(index):
    made, maps = block(3), torch.randn(2, 3, 6, 6)
    upper, lower = made.deeper
    chain = {
        0: [made],
        1: [upper, lower],
        2: [upper.deeper[0], upper.deeper[1], lower.deeper[0], lower.deeper[1]],
    }[index]
    output = made.column(maps, index)
    for part in chain:
        maps = part.convolution(maps)
    assert torch.equal(output, maps)


def test_a_join_drops_at_the_given_rate_and_keeps_at_least_one(monkeypatch):
    joined = []
    monkeypatch.setattr(fractalnet, "mean", lambda paths: joined.append(tuple(int(path) for path in paths)) or paths[0])
    torch.manual_seed(0)
    samples = 20_000
    for _ in range(samples):
        mean_of_kept([torch.tensor(path) for path in range(3)])
    counts = Counter(len(kept) for kept in joined)
    assert set(counts) == {1, 2, 3}
    keep = 0.85
    for number in (1, 2, 3):
        probability = comb(3, number) * keep**number * (1 - keep) ** (3 - number) + (number == 1) * (1 - keep) ** 3
        assert counts[number] / samples == pytest.approx(probability, abs=4 * (0.25 / samples) ** 0.5)


def test_one_path_stays_even_if_all_would_be_dropped(monkeypatch):
    monkeypatch.setattr(fractalnet, "LOCAL_DROP_RATE", 1.1)
    torch.manual_seed(0)
    left = Counter(int(mean_of_kept([torch.tensor(path) for path in range(3)])) for _ in range(300))
    assert set(left) == {0, 1, 2}
    assert min(left.values()) > 60


def test_half_of_the_batches_are_one_column_in_all_blocks(monkeypatch):
    calls: list[int | None] = []
    column, forward = FractalBlock.column, FractalBlock.forward
    network = FractalNet(3, 1, (4, 4), drop_path=True, filters=(2,) * 5).train()

    def recorded_column(self, maps, index):
        calls.extend([index] * (self in set(network.blocks)))
        return column(self, maps, index)

    def recorded_forward(self, maps, join=mean):
        calls.extend([None] * (self in set(network.blocks)))
        return forward(self, maps, join)

    monkeypatch.setattr(FractalBlock, "column", recorded_column)
    monkeypatch.setattr(FractalBlock, "forward", recorded_forward)
    torch.manual_seed(0)
    sampled = Counter()
    for _ in range(400):
        calls.clear()
        network(torch.rand(2, 1, 4, 4))
        assert len(calls) == 5
        assert len(set(calls)) == 1
        sampled[calls[0]] += 1
    assert set(sampled) == {None, 0, 1, 2}
    assert 160 < sampled[None] < 240
    assert min(sampled[index] for index in range(3)) > 35


def test_evaluation_averages_all_paths_and_samples_nothing():
    network = FractalNet(3, 1, (4, 4), drop_path=True).eval()
    plain = FractalNet(3, 1, (4, 4)).eval()
    plain.load_state_dict(network.state_dict())
    images = torch.rand(2, 1, 4, 4)
    before = torch.get_rng_state()
    assert torch.equal(network(images), plain(images))
    assert torch.equal(before, torch.get_rng_state())


def test_training_without_drop_path_samples_nothing():
    network = FractalNet(3, 1, (4, 4)).train()
    before = torch.get_rng_state()
    network(torch.rand(2, 1, 4, 4, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(before, torch.get_rng_state())


def test_every_sampled_network_has_gradients_from_logits_to_image():
    network = FractalNet(3, 1, (4, 4), drop_path=True).train()
    for seed in range(8):
        torch.manual_seed(seed)
        images = torch.rand(4, 1, 4, 4, requires_grad=True)
        (network(images) * torch.randn(4, 3)).sum().backward()
        assert images.grad.abs().sum() > 0


def test_weights_and_drop_path_follow_from_the_global_seed():
    logits = []
    for _ in range(2):
        torch.manual_seed(3)
        network = FractalNet(10, 3, (8, 8), drop_path=True)
        logits.append(torch.stack([network(torch.ones(2, 3, 8, 8)) for _ in range(4)]))
    assert torch.equal(*logits)
