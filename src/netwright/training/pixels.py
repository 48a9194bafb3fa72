"""The preprocessing and augmentation of a batch of images: whitening, upsampling or padding, cropping, flipping.

Paper: whiten, upsample, random 32x32 crop, random horizontal flip (section 4.1). The size after upsampling is not
given there; 40 is the value of the authors' next paper (Zoph et al. 2018).

Shapes: B images, C channels, H x W pixels as stored, U x U after upsampling.
"""

import torch
from torch import Tensor
from torch.nn import functional

from netwright.errors import ConfigError


def whiten(images: Tensor) -> Tensor:
    """Standardise every image of uint8 [B, C, H, W] to mean 0 and standard deviation 1, in float32.

    Deviation: the paper only says "whitening". This is the per-image standardisation of the framework of its time. To
    avoid a division by zero for a constant image, 1 / (number of values) is added to the variance, which is negligible
    for any other image.
    """
    return functional.layer_norm(images.float(), images.shape[1:], eps=1 / images[0].numel())


def upsampled(images: Tensor, size: int) -> Tensor:
    """Enlarge images [B, C, H, W] by bilinear interpolation until the longer side has `size` pixels.

    Raises:
        ConfigError: `size` is smaller than the longer side.
    """
    height, width = images.shape[2:]
    edge = max(height, width)
    if size < edge:
        raise ConfigError(
            f"upsample is {size} pixels and the images have {height} x {width}; it must be {edge} or more, or null"
        )
    sizes = (round(height * size / edge), round(width * size / edge))
    return functional.interpolate(images, size=sizes, mode="bilinear", align_corners=False)


def centre_crop(images: Tensor, height: int, width: int) -> Tensor:
    """Return the central `height` x `width` pixels of images [B, C, H, W]."""
    top, left = (images.shape[2] - height) // 2, (images.shape[3] - width) // 2
    return images[:, :, top : top + height, left : left + width]


def random_windows(
    count: int, shape: tuple[int, int], height: int, width: int, *, flips: bool, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return the rows [count, height] and columns [count, width] of random windows in images of a `shape`.

    With `flips` the columns are reversed with probability 1/2.
    """
    tops = torch.randint(shape[0] - height + 1, (count, 1), generator=generator)
    lefts = torch.randint(shape[1] - width + 1, (count, 1), generator=generator)
    rows, columns = tops + torch.arange(height), lefts + torch.arange(width)
    if flips:
        flipped = torch.rand(count, 1, generator=generator) < 0.5
        columns = torch.where(flipped, columns.flip(1), columns)
    return rows, columns


def random_crop(images: Tensor, height: int, width: int, *, flips: bool, generator: torch.Generator) -> Tensor:
    """Crop a window at a random position of every image and, with `flips`, mirror it with probability 1/2.

    One gather operation does both. The result [B, C, height, width] is stored channels-last.
    """
    count, device = len(images), images.device
    shape = (images.shape[2], images.shape[3])
    windows = random_windows(count, shape, height, width, flips=flips, generator=generator)
    rows, columns = (each.to(device) for each in windows)
    picked = images[torch.arange(count, device=device)[:, None, None], :, rows[:, :, None], columns[:, None, :]]
    return picked.permute(0, 3, 1, 2)


def enlarged(images: Tensor, *, upsample: int | None, padding: int | None) -> Tensor:
    """Prepare uint8 images [B, C, H, W] for random crops: whitened, upsampled and padded, in float32."""
    pixels = whiten(images)
    if upsample is not None:
        pixels = upsampled(pixels, upsample)
    if padding is not None:
        pixels = functional.pad(pixels, [padding] * 4)
    return pixels


def training_view(
    images: Tensor, *, upsample: int | None, padding: int | None = None, flips: bool, generator: torch.Generator
) -> Tensor:
    """Prepare uint8 images [B, C, H, W] for training, with random augmentation: float32 of the same shape.

    Args:
        images: the images as stored.
        upsample: pixels of the longer side before the random crop, or None.
        padding: zeros that are added on each side of the whitened images before the random crop, or None.
        flips: whether half of the images are mirrored.
        generator: the source of randomness.
    """
    height, width = images.shape[2:]
    pixels = enlarged(images, upsample=upsample, padding=padding)
    if upsample is not None or padding is not None or flips:
        pixels = random_crop(pixels, height, width, flips=flips, generator=generator)
    return pixels


def mini_batches(order: Tensor, batch_size: int) -> list[Tensor]:
    """Split the image indices `order` into batches of `batch_size`; the last batch may be shorter.

    A last batch of a single image is appended to the one before it, because batch normalisation of a single 1x1 map is
    undefined: one value has no variance.
    """
    batches = list(order.split(batch_size))
    if len(batches) > 1 and len(order) % batch_size == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def evaluation_view(images: Tensor, *, upsample: int | None) -> Tensor:
    """Prepare uint8 images [B, C, H, W] for evaluation: float32 of the same shape, the centre of the upsampled image.

    A network trained on padded images is evaluated on the images themselves, which is `upsample` None.

    The centre is used rather than the whole image, on which a network trained on enlarged crops loses several points of
    accuracy.
    """
    pixels = whiten(images)
    return pixels if upsample is None else centre_crop(upsampled(pixels, upsample), *images.shape[2:])
