"""A trained network for images together with its preprocessing, its class names and its description."""

from collections.abc import Sequence
from pathlib import Path
from typing import overload

import torch
from torch import Tensor, nn

from netwright.architectures.values import JsonObject
from netwright.errors import DataError
from netwright.files import check_readable
from netwright.image_files import LARGEST_FILE, MODES, decoded
from netwright.models.prediction import Named, Picture, predictions
from netwright.training.pixels import evaluation_view


class TrainedNetwork(nn.Module):
    """A trained network for images, as `nw.load` returns it: pixels in, logits out.

        network = nw.load("runs/digits-reinforce-seed0/model")
        logits = network(images)  # uint8 [N, C, H, W], 0..255, of the size that it was trained on
        names = [network.class_names[index] for index in logits.argmax(dim=1)]
        name, probability = network.predict("photograph.jpg")[0]

    `preprocess(images)` returns the input of the bare `network`, float32 of the same shape. `description` is the
    content of model.json. The module is in evaluation mode and in float32, as it was tested.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        input_shape: tuple[int, int, int],
        upsample: int | None,
        class_names: tuple[str, ...],
        description: JsonObject,
    ) -> None:
        super().__init__()
        self.network = network
        self.input_shape, self.upsample = input_shape, upsample
        self.class_names, self.description = class_names, description
        self.eval()

    def read_image(self, path: str | Path) -> Tensor:
        """Read an image file as the files of a data folder are read: one image of the `input_shape`, uint8 [C, H, W].

        Photographs are rotated as their EXIF orientation says, transparent images get a white background, and images of
        other sizes are resized.

        Raises:
            DataError: The file cannot be read, or the network reads neither grey nor coloured images.
        """
        channels, height, width = self.input_shape
        if channels not in MODES:
            raise DataError(f"the network reads images of {channels} channels; image files have 1 or 3")
        try:
            check_readable(Path(path), LARGEST_FILE)
            return decoded(Path(path), (height, width), MODES[channels])
        except Exception as error:  # a decoder may raise anything for a damaged file
            reason = (error.strerror if isinstance(error, OSError) else None) or error
            raise DataError(f"the image {path} cannot be read: {reason}; expected a PNG, JPEG or similar") from error

    @property
    def temperature(self) -> float:
        """What `predict` divides the logits by; 1 if none was fitted."""
        return float(self.description.get("metrics", {}).get("temperature") or 1.0)

    @overload
    def predict(self, pictures: Picture, *, top: int | None = None) -> Named: ...  # type: ignore[overload-overlap]

    @overload
    def predict(self, pictures: "Sequence[Picture]", *, top: int | None = None) -> list[Named]: ...

    def predict(self, pictures: "Picture | Sequence[Picture]", *, top: int | None = None) -> Named | list[Named]:
        """Name the class of one picture, or of each in a sequence.

        Pictures may have any size; they are read as `read_image` reads files.

        Args:
            pictures: A file, a Pillow image, a uint8 array [H, W] or [H, W, 3] or a uint8 tensor [C, H, W]; or a
                list or another sequence of those.
            top: The number of classes to return; None is all.

        Returns:
            (class name, probability), the most probable first; of a sequence a list of those.

        Raises:
            DataError: A picture cannot be read. `netwright predict` skips it instead.
        """
        if isinstance(pictures, str) or not isinstance(pictures, Sequence):
            return self.predict([pictures], top=top)[0]
        found = []
        for each in predictions(self, pictures, top):
            if each.error is not None:
                raise DataError(each.error)
            found.append(each.named)
        return found

    def preprocess(self, images: Tensor) -> Tensor:
        """Whiten each image on its own; if training enlarged the images, return the centre of the enlarged ones.

        Raises:
            DataError: The images are not uint8 or not of the `input_shape`.
        """
        if images.dtype != torch.uint8 or tuple(images.shape[1:]) != self.input_shape:
            channels, height, width = self.input_shape
            raise DataError(
                f"the images are {images.dtype} of shape {list(images.shape)}; this network reads torch.uint8 of shape "
                f"[N, {channels}, {height}, {width}]: pixels from 0 to 255, resized to the size it was trained on"
            )
        return evaluation_view(images, upsample=self.upsample)

    def forward(self, images: Tensor) -> Tensor:
        """Uint8 images [N, C, H, W] -> logits [N, classes]."""
        logits: Tensor = self.network(self.preprocess(images))
        return logits
