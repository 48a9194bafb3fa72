"""Images that a Python program has in memory: arrays, datasets of torch or of the Hugging Face Hub, a data frame.

Other libraries are recognised by what their objects can do, and never imported.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from netwright.errors import DataError
from netwright.files import replace_whole
from netwright.tasks.identity import ContentDigest
from netwright.tasks.images.data import ImageData
from netwright.tasks.images.decoding import decode
from netwright.tasks.images.observing import observer
from netwright.tasks.images.raw import RawDataset
from netwright.tasks.images.readers.labels import FILE_COLUMNS, LABEL_COLUMNS, Unnumbered, arranged
from netwright.tasks.images.readers.listing import PARTS, SkippedFiles, some
from netwright.tasks.images.readers.npz import check_names, dataset_of
from netwright.tasks.images.readers.table import cell
from netwright.tasks.images.user_images import checked_edge, image_data

ARRAYS = "images and labels, with or without test_images, test_labels and class_names"
EXPECTED = (
    "expected (images, labels), a dictionary of arrays, a torch Dataset of (image, label), a datasets.Dataset, a data "
    "frame with columns of paths and labels, or a dictionary of these with train and test"
)


@runtime_checkable
class _Indexed(Protocol):
    """What `torch.utils.data.Dataset` and `datasets.Dataset` have in common."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> object: ...


@runtime_checkable
class _Frame(Protocol):
    """What a pandas data frame is used for; a dataset has no `columns`."""

    columns: Sequence[str]

    def __getitem__(self, name: str) -> Sequence[object]: ...


def images_from(data: object, *, name: str = "images", image_size: int | None = None) -> ImageData:
    """Make a task's images from objects of a Python program.

    Args:
        data: `(images, labels)`; a dictionary with the arrays of an .npz file; a dataset; a data frame; or a dictionary
            of datasets or frames by part (train, val or validation, test). Arrays are uint8 [N, H, W], [N, H, W, C] or
            [N, C, H, W]; images of datasets are PIL images, uint8 arrays, or float tensors [C, H, W] in 0..1.
        name: What to call the data in messages and results.
        image_size: Pixels of the longer side at most; None is 64.

    Returns:
        The images, prepared as those of a folder.

    Raises:
        DataError: The object is none of these, or its images or labels cannot be used.
    """
    edge = checked_edge(image_size)
    if isinstance(data, tuple) and len(data) == 2:
        data = {"images": data[0], "labels": data[1]}
    if isinstance(data, Mapping) and "images" in data:
        return image_data(name, _from_arrays(name, data, edge))
    parts = _parts(data)
    names = next(iter(parts.values()))[1]
    images = {part: found for part, (found, _) in parts.items()}
    if len(images) == 1:
        images = {"train": next(iter(images.values()))}
    listing = arranged(name, images, SkippedFiles(Path(name)), "objects in Python", names)
    return image_data(name, decode(Path(name), listing, edge, observer().progress))


def save_images(data: object, path: str | Path, *, image_size: int | None = None) -> None:
    """Write images of a Python program to an .npz that every command reads as `--data`.

        nw.save_images(torchvision_dataset, "mine.npz")    # then: netwright search images --data mine.npz

    Args:
        data: See `images_from`.
        path: The file, which is replaced as a whole.
        image_size: Pixels of the longer side at most; None is 64.

    Raises:
        DataError: As of `images_from`.
        StoreError: The file cannot be written.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise DataError(f"{path} is read by its suffix; expected a name such as {path.with_suffix('.npz').name}")
    images = images_from(data, name=path.stem, image_size=image_size)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        images=images.train_images.numpy(),
        labels=images.train_labels.numpy(),
        test_images=images.test_images.numpy(),
        test_labels=images.test_labels.numpy(),
        class_names=np.array(images.class_names),
    )
    replace_whole(path, buffer.getvalue())


def _from_arrays(name: str, data: Mapping[str, object], edge: int) -> RawDataset:
    check_names(name, list(data))
    arrays = {key: np.asarray(value) for key, value in data.items()}
    digest = ContentDigest()
    for key in sorted(arrays):
        array = arrays[key]
        if array.dtype.hasobject:
            raise DataError(f"{name}: {key} is an array of objects; expected numbers: {ARRAYS}")
        digest.add(f"{key} {array.dtype.str} {array.shape}".encode())
        digest.extend(array.tobytes())
    return dataset_of(name, arrays, edge, digest.hexdigest(), "arrays in Python")


def _parts(data: object) -> dict[str, tuple[list[Unnumbered], tuple[str, ...]]]:
    """Return the images and the names of the classes, which may be empty, by part."""
    if not isinstance(data, Mapping):
        return {"train": _part("train", data)}
    unknown = [str(key) for key in data if str(key).casefold() not in PARTS]
    if unknown or not data:
        raise DataError(f"the data is a dictionary with {some(map(str, data))}; {EXPECTED}")
    return {PARTS[str(key).casefold()]: _part(str(key), value) for key, value in data.items()}


def _part(part: str, data: object) -> tuple[list[Unnumbered], tuple[str, ...]]:
    if isinstance(data, _Frame):
        return list(_from_frame(data)), ()
    if not isinstance(data, _Indexed) or isinstance(data, str | bytes):
        raise DataError(f"the data is of type {type(data).__name__}; {EXPECTED}")
    columns = getattr(data, "column_names", None)
    image, label = (_column(columns, ("image", "img")), _column(columns, LABEL_COLUMNS)) if columns else (0, 1)
    classes = _classes(data, label)
    found = []
    for number in range(len(data)):
        pair = data[number]
        try:
            content, target = _encoded(pair[image]), pair[label]  # type: ignore[index]
        except (TypeError, KeyError, IndexError, ValueError, OSError) as error:
            raise DataError(f"item {number:,} of {part} is no image with a label ({error}); {EXPECTED}") from None
        found.append(Unnumbered(Path(part, str(number)), _named(target, classes), content))
    return found, classes


def _classes(data: object, label: str | int) -> tuple[str, ...]:
    """Return the names of the classes from `features` of a datasets.Dataset, or `classes` as torchvision has them."""
    features = getattr(data, "features", None)
    names = getattr(features[label], "names", None) if isinstance(features, Mapping) else getattr(data, "classes", None)
    return tuple(map(str, names)) if isinstance(names, list | tuple) else ()


def _named(target: object, classes: Sequence[str]) -> str:
    if isinstance(target, torch.Tensor | np.generic):
        target = target.item()
    if classes and isinstance(target, int):
        if not 0 <= target < len(classes):
            raise DataError(f"a label is {target}; expected 0..{len(classes) - 1}, one for each class")
        return classes[target]
    return cell(target)


def _column(columns: Sequence[str], names: Sequence[str]) -> str:
    found = [column for column in columns if column.casefold() in names]
    if not found:
        raise DataError(f"the data has the columns {some(columns)}; expected one called {' or '.join(names[:2])}")
    return min(found, key=lambda column: names.index(column.casefold()))


def _from_frame(frame: _Frame) -> Iterator[Unnumbered]:
    columns = list(map(str, frame.columns))
    files, labels = _column(columns, FILE_COLUMNS), _column(columns, LABEL_COLUMNS)
    for path, label in zip(frame[files], frame[labels], strict=True):
        if named := cell(label):
            yield Unnumbered(Path(str(path)), named)


def _encoded(image: object) -> bytes:
    """Return an image as the content of a PNG file, so that it is prepared as a file is."""
    if isinstance(image, torch.Tensor):
        array = image.detach().cpu().numpy()
        image = array.transpose(1, 2, 0) if array.ndim == 3 and array.shape[0] in (1, 3) else array
    if isinstance(image, np.ndarray):
        image = Image.fromarray(_bytes_of(image))
    if not isinstance(image, Image.Image):
        raise TypeError(f"it is of type {type(image).__name__}")
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _bytes_of(array: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Return uint8 [H, W] or [H, W, 3]; numbers with a fraction are brightness in 0..1."""
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if np.issubdtype(array.dtype, np.floating):
        numbers = array.astype(np.float64)
        if not (numbers.min() >= 0 and numbers.max() <= 1):
            raise ValueError("its numbers are not in 0..1; expected images before normalisation")
        return np.rint(numbers * 255).astype(np.uint8)
    if array.dtype != np.uint8:
        raise ValueError(f"its numbers are {array.dtype}; expected uint8, or fractions in 0..1")
    return array.astype(np.uint8)
