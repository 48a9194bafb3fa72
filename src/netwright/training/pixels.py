"""From stored pixels to what a network sees: whitening, upsampling, cropping, flipping, a batch at a time.

Paper: whiten, upsample, random 32x32 crop, random horizontal flip (section 4.1). The size to upsample to is not given
there; 40 is the value of the authors' next paper (Zoph et al. 2018).

Shapes: B images, C channels, H x W pixels as stored, U x U after upsampling.
"""

import torch
from torch import Tensor
from torch.nn import functional

from netwright.errors import ConfigError


def whiten(images: Tensor) -> Tensor:
    """uint8 [B, C, H, W] -> float32 with mean 0 and standard deviation 1 in every image.

    Deviation: the paper only says "whitening"; this is the standardisation per image of the framework of its time. 1
    over the number of pixels is added to the variance, which keeps an empty image from a division by zero and is next
    to nothing beside the variance of any other.
    """
    return functional.layer_norm(images.float(), images.shape[1:], eps=1 / images[0].numel())


def upsampled(images: Tensor, size: int) -> Tensor:
    """Bilinear interpolation until the longer side has `size` pixels, which must not be fewer than it has."""
    height, width = images.shape[2:]
    edge = max(height, width)
    if size < edge:
        raise ConfigError(f"upsample is {size} pixels and the images have {height} x {width}; it enlarges, or is null")
    sizes = (round(height * size / edge), round(width * size / edge))
    return functional.interpolate(images, size=sizes, mode="bilinear", align_corners=False)


def centre_crop(images: Tensor, height: int, width: int) -> Tensor:
    """The middle height x width pixels."""
    top, left = (images.shape[2] - height) // 2, (images.shape[3] - width) // 2
    return images[:, :, top : top + height, left : left + width]


def random_crop(images: Tensor, height: int, width: int, *, flips: bool, generator: torch.Generator) -> Tensor:
    """A height x width window of every image at its own random place, with `flips` mirrored half of the time.

    One gather does both. The result is stored channels-last.
    """
    count, device = len(images), images.device
    tops = torch.randint(images.shape[2] - height + 1, (count, 1), generator=generator)
    lefts = torch.randint(images.shape[3] - width + 1, (count, 1), generator=generator)
    rows, columns = tops + torch.arange(height), lefts + torch.arange(width)
    if flips:
        flipped = torch.rand(count, 1, generator=generator) < 0.5
        columns = torch.where(flipped, columns.flip(1), columns)
    rows, columns = rows.to(device), columns.to(device)
    picked = images[torch.arange(count, device=device)[:, None, None], :, rows[:, :, None], columns[:, None, :]]
    return picked.permute(0, 3, 1, 2)


def training_view(images: Tensor, *, upsample: int | None, flips: bool, generator: torch.Generator) -> Tensor:
    """uint8 pixels [B, C, H, W] as a network is trained on them: float32, the same shape."""
    height, width = images.shape[2:]
    pixels = whiten(images)
    if upsample is not None:
        pixels = upsampled(pixels, upsample)
    if upsample is not None or flips:
        pixels = random_crop(pixels, height, width, flips=flips, generator=generator)
    return pixels


def evaluation_view(images: Tensor, *, upsample: int | None) -> Tensor:
    """The same without chance: the centre of the upsampled image.

    Not the plain image: a network trained on enlarged crops loses several points of accuracy on it.
    """
    pixels = whiten(images)
    return pixels if upsample is None else centre_crop(upsampled(pixels, upsample), *images.shape[2:])
