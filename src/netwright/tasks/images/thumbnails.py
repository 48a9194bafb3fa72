"""Small pictures of every class, for pages: what a network will read, encoded anew, so that no file is passed on."""

import base64
import io

import torch
from PIL import Image
from torch import Tensor

from netwright.tasks.images.data import ImageData

MOST_PER_CLASS, MOST_IN_ALL = 12, 1_200
EDGE = 96
"""Pixels of the longer side at most."""
SMALL_EDGE = 32
"""Up to it a picture is a PNG, which loses nothing; a larger one is a JPEG, so that a page stays small."""


def thumbnails(data: ImageData, *, per_class: int = MOST_PER_CLASS, most: int = MOST_IN_ALL) -> list[list[str]]:
    """Return pictures of each class as data URLs, evenly spaced over its training images.

    Args:
        data: The images.
        per_class: Pictures of each class at most.
        most: Pictures in all at most; where there are many classes there are fewer of each, and the last classes may
            have none.
    """
    num_classes = len(data.class_names)
    per_class = max(1, min(per_class, most // num_classes))
    pictures: list[list[str]] = []
    for label in range(num_classes):
        members = (data.train_labels == label).nonzero()[:, 0]
        count = min(per_class, len(members)) if label < most else 0
        chosen = torch.linspace(0, len(members) - 1, count).round().long()
        pictures.append([_data_url(data.train_images[index]) for index in members[chosen].tolist()])
    return pictures


def _data_url(image: Tensor) -> str:
    """Encode an image, uint8 [C, H, W]."""
    pixels = image.permute(1, 2, 0).contiguous().numpy()
    picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    picture.thumbnail((EDGE, EDGE))
    form = "png" if max(picture.size) <= SMALL_EDGE else "jpeg"
    buffer = io.BytesIO()
    picture.save(buffer, form, quality=85)
    return f"data:image/{form};base64,{base64.b64encode(buffer.getvalue()).decode()}"
