"""What a network is shown: whitening, windows, flips and the view without chance."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from netwright.training.pixels import centre_crop, evaluation_view, random_crop, training_view, upsampled, whiten


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def photographs(number: int = 6, channels: int = 3, height: int = 8, width: int = 10) -> Tensor:
    return torch.randint(0, 256, (number, channels, height, width), generator=generator(9)).to(torch.uint8)


def numbered(number: int, height: int, width: int) -> Tensor:
    """Images of two channels in which every pixel is unique: the position, and the position + 1000."""
    positions = torch.arange(height * width, dtype=torch.float32).reshape(1, 1, height, width)
    return torch.cat([positions, positions + 1000], dim=1).repeat(number, 1, 1, 1)


def test_whitening_is_that_of_every_image_by_itself() -> None:
    images = photographs()
    expected = [
        (pixels - pixels.mean()) / max(pixels.std(), 1 / np.sqrt(pixels.size)) for pixels in images.double().numpy()
    ]
    whitened = whiten(images)
    assert whitened.dtype == torch.float32
    np.testing.assert_allclose(whitened.numpy(), np.array(expected), atol=1e-5)


def test_an_empty_image_stays_finite() -> None:
    images = torch.full((2, 3, 4, 4), 255, dtype=torch.uint8)
    assert not whiten(images).any()


def test_an_almost_empty_image_is_divided_by_no_less_than_one_over_the_root_of_its_pixels() -> None:
    """In 10,000 pixels one of brightness 1 makes a variance of 0.0001 (1 - 0.0001), to which 0.0001 is added."""
    images = torch.zeros(1, 1, 100, 100, dtype=torch.uint8)
    images[0, 0, 50, 50] = 1
    assert float(whiten(images)[0, 0, 50, 50]) == pytest.approx(
        (1 - 1e-4) / (1e-4 * (1 - 1e-4) + 1e-4) ** 0.5, rel=1e-5
    )


@pytest.mark.parametrize("flips", [False, True])
def test_every_crop_is_a_window_of_its_image(flips: bool) -> None:
    """5 x 6 windows of 8 x 10 images: the place of each is read off its first pixel."""
    number, height, width = 2000, 8, 10
    images = numbered(number, height, width)
    crops = random_crop(images, 5, 6, flips=flips, generator=generator())
    assert crops.shape == (number, 2, 5, 6)
    places, num_flipped = set(), 0
    for image, crop in zip(images, crops, strict=True):
        flipped = bool(crop[0, 0, 0] > crop[0, 0, 1])
        seen = crop.flip(2) if flipped else crop
        top, left = divmod(int(seen[0, 0, 0]), width)
        assert torch.equal(seen, image[:, top : top + 5, left : left + 6])
        places.add((top, left))
        num_flipped += flipped
    assert places == {(top, left) for top in range(4) for left in range(5)}
    # Four standard deviations of a fair coin: 2 * sqrt(number).
    assert abs(num_flipped - number / 2) < 2 * np.sqrt(number) if flips else num_flipped == 0


def test_places_are_uniform_and_independent_of_flips() -> None:
    number = 4000
    crops = random_crop(numbered(number, 3, 2), 2, 2, flips=True, generator=generator(1))
    tops = (crops[:, 0].amin(dim=(1, 2)) // 2).int()
    flipped = crops[:, 0, 0, 0] > crops[:, 0, 0, 1]
    table = torch.tensor([[((tops == top) & (flipped == flip)).sum() for flip in (0, 1)] for top in (0, 1)])
    assert table.sum() == number
    assert (table - number / 4).abs().max() < 4 * np.sqrt(number * 3 / 16)


def test_each_image_keeps_its_own_pixels() -> None:
    images = torch.arange(5, dtype=torch.float32)[:, None, None, None].expand(-1, 3, 4, 4)
    crops = random_crop(images, 2, 2, flips=True, generator=generator())
    assert torch.equal(crops, images[:, :, :2, :2])


def test_a_window_as_large_as_the_image_is_the_image() -> None:
    images = numbered(3, 4, 5)
    assert torch.equal(random_crop(images, 4, 5, flips=False, generator=generator()), images)


def test_the_generator_alone_decides() -> None:
    images = photographs(20)
    before = torch.random.get_rng_state()
    views = [training_view(images, upsample=12, flips=True, generator=generator(seed)) for seed in (1, 1, 2)]
    assert torch.equal(views[0], views[1])
    assert not torch.equal(views[0], views[2])
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_evaluation_view_is_the_centre_of_the_upsampled_image() -> None:
    images = photographs(4, 3, 32, 32)
    large = functional.interpolate(whiten(images), size=(40, 40), mode="bilinear", align_corners=False)
    assert torch.equal(evaluation_view(images, upsample=40), large[:, :, 4:36, 4:36])


def test_the_centre_of_an_odd_margin() -> None:
    assert torch.equal(centre_crop(numbered(1, 9, 7), 4, 4), numbered(1, 9, 7)[:, :, 2:6, 1:5])


def test_training_views_are_windows_of_the_same_upsampled_image() -> None:
    images = photographs(30, 1, 6, 6)
    large = upsampled(whiten(images), 8)
    for image, view in zip(large, training_view(images, upsample=8, flips=True, generator=generator()), strict=True):
        windows = [image[:, top : top + 6, left : left + 6] for top in range(3) for left in range(3)]
        assert any(torch.equal(view, seen) for window in windows for seen in (window, window.flip(2)))


def test_upsampling_interpolates() -> None:
    """Twice the size: the quarter points between neighbours, by hand."""
    row = torch.tensor([0.0, 4.0])[None, None, None, :].repeat(1, 1, 2, 1)
    assert upsampled(row, 4)[0, 0, 0].tolist() == [0.0, 1.0, 3.0, 4.0]


@pytest.mark.parametrize("flips", [False, True])
def test_without_upsampling_nothing_moves_but_sides(flips: bool) -> None:
    images = photographs(40)
    views = training_view(images, upsample=None, flips=flips, generator=generator())
    plain = whiten(images)
    same = [torch.equal(view, image) for view, image in zip(views, plain, strict=True)]
    mirrored = [torch.equal(view, image.flip(2)) for view, image in zip(views, plain, strict=True)]
    assert all(a or b for a, b in zip(same, mirrored, strict=True))
    assert any(mirrored) == flips
    assert any(same)
    assert torch.equal(evaluation_view(images, upsample=None), plain)


def test_padded_images_are_cropped_to_every_window_of_their_size() -> None:
    """An image of 3 x 4 pixels with 2 zeros on each side has 5 x 5 windows."""
    images = photographs(400, 1, 3, 4)[:1].expand(400, -1, -1, -1)
    padded = torch.zeros(7, 8)
    padded[2:5, 2:6] = whiten(images[:1])[0, 0]
    windows = [padded[top : top + 3, left : left + 4] for top in range(5) for left in range(5)]
    views = training_view(images, upsample=None, padding=2, flips=False, generator=generator())
    found = {number for view in views for number, window in enumerate(windows) if torch.equal(view[0], window)}
    assert found == set(range(25))
    assert all(any(torch.equal(view[0], window) for window in windows) for view in views)


def test_no_padding_at_evaluation() -> None:
    images = photographs(4)
    assert torch.equal(evaluation_view(images, upsample=None), whiten(images))
