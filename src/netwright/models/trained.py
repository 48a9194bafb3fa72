"""A trained network with everything that it needs to be used: its preprocessing, its class names, its description."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from netwright.errors import DataError
from netwright.training.pixels import evaluation_view


class TrainedNetwork(nn.Module):
    """What `nw.load` returns: pixels in, logits out.

        network = nw.load("runs/digits-reinforce-seed0/model")
        logits = network(images)  # uint8 [N, C, H, W], 0..255, of the size that it was trained on
        names = [network.class_names[index] for index in logits.argmax(dim=1)]

    `preprocess(images)` gives what the bare `network` reads, float32 of the same shape. `description` is the content of
    model.json. In evaluation mode and in float32, as it was tested.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        input_shape: tuple[int, int, int],
        upsample: int | None,
        class_names: tuple[str, ...],
        description: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self.network = network
        self.input_shape, self.upsample = input_shape, upsample
        self.class_names, self.description = class_names, description
        self.eval()

    def preprocess(self, images: Tensor) -> Tensor:
        """Whitening of each image by itself, and the middle of the enlarged image if training enlarged."""
        if images.dtype != torch.uint8 or tuple(images.shape[1:]) != self.input_shape:
            channels, height, width = self.input_shape
            raise DataError(
                f"the images are {images.dtype} of shape {list(images.shape)}; this network reads torch.uint8 of shape "
                f"[N, {channels}, {height}, {width}]: pixels from 0 to 255, resized to the size it was trained on"
            )
        return evaluation_view(images, upsample=self.upsample)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [N, classes] of uint8 images [N, C, H, W]."""
        logits: Tensor = self.network(self.preprocess(images))
        return logits
