"""`nw.evaluate`: the test of a trained network on other images with the same classes, of a language model on a text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from netwright.architectures.values import JsonObject
from netwright.errors import ConfigError, DataError, NetwrightError
from netwright.evaluation.text_files import measured as text_measures
from netwright.final_training.image_test import measured
from netwright.final_training.interface import sha256_of
from netwright.image_files import MODES
from netwright.models.folder import load
from netwright.models.language import TrainedLanguageModel
from netwright.models.test_counts import count_test
from netwright.models.trained import TrainedNetwork
from netwright.tasks.catalog import open_images, prepare_task
from netwright.tasks.images.data import ImageData
from netwright.tasks.images.readers.objects import images_from
from netwright.training.images import logits_of
from netwright.training.speed import Speed

Part = Literal["test", "all"]
OWN_IMAGES = "images"


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """The images of a test, uint8 [N, C, H, W], their labels, int64 [N], and what the labels mean."""

    images: Tensor
    labels: Tensor
    class_names: tuple[str, ...]
    data: str


def evaluate(
    model: str | Path | TrainedNetwork | TrainedLanguageModel,
    data: object = None,
    *,
    task: str | None = None,
    part: Part | None = None,
    verify: bool = True,
    trust_code: bool = False,
) -> JsonObject:
    """Test a trained network, and count the test in the model.json of its folder.

        nw.evaluate("runs/images-reinforce-seed0/model", "new-photographs")["test_accuracy"]
        nw.evaluate("runs/text-reinforce-seed0/model", "novel.txt")["test_perplexity"]

    Args:
        model: A model's folder. Or a network from `nw.load`, whose tests are not counted.
        data: The path of images with the same classes, or of the files of `task`; a tuple of uint8 images [N, C, H, W]
            and int64 labels [N], the indices of the network's classes; or a dataset or data frame, as for
            `nw.save_images`. None needs `task`, or a model of official data. For a language model a text file.
        task: The name of an official task. None is `images` where `data` is given, else the task of the training.
        part: "test" for the test part of the data, "all" for all its images. None is the test part of official data
            and of the data that the network was trained on, and all images of any other.
        verify: Whether official files must have their checksums.
        trust_code: Whether the user trusts the function that a network is built by.

    Returns:
        The metrics of model.json, with `data`, the images' `part`, `notes` and `num_tests`, the number of tests on
        these images (None if they are not counted). Of a text: `test_perplexity`, `test_bits_per_word` (or
        `_character`), `num_test_tokens` and `unknown_share`, with `data`, `notes` and `num_tests`.

    Raises:
        ConfigError: The model translates, or an argument is for another kind of model.
        DataError: The images or the text cannot be read, or the images have other classes.
    """
    folder = Path(model) if isinstance(model, str | Path) else None
    network = load(folder, trust_code=trust_code) if folder is not None else model
    if isinstance(network, TrainedLanguageModel):
        return _evaluated_on_text(network, folder, data, {"task": task, "part": part})
    if not isinstance(network, TrainedNetwork):
        raise ConfigError(f"{folder} translates; `nw.evaluate` and `netwright test` are for images and language models")
    if isinstance(data, tuple):
        found, part = _given(data, network.class_names), "all"
    elif data is None or isinstance(data, str | Path):
        found, part = _read(network, data, task, part, verify=verify)
    else:
        size = max(network.input_shape[1:])
        found, part = _of_part(images_from(data, name="given images", image_size=size), part or "all"), part or "all"
    labels = labels_in_order_of(network, found.labels, found.class_names, found.data)
    images, notes = as_read(network, found.images)
    speed = Speed(precision="float32")
    logits = logits_of(network.network, images, upsample=network.upsample, speed=speed)
    metrics = network.description.get("metrics", {})
    result = measured(logits, labels, network.class_names, metrics.get("temperature"))
    tested_on: JsonObject = {"data": found.data, "num_images": len(labels)}
    num_tests = _counted(folder, sha256_of(found.images, found.labels), tested_on, notes)
    return {**result, "data": found.data, "part": part, "notes": notes, "num_tests": num_tests}


def _evaluated_on_text(
    model: TrainedLanguageModel, folder: Path | None, data: object, unusable: Mapping[str, object]
) -> JsonObject:
    """Measure a language model on a text file, and count the test."""
    if not isinstance(data, str | Path):
        raise ConfigError("a language model is tested on a text file, and none is named; add --data FILE.txt")
    if given := [name for name, value in unusable.items() if value is not None]:
        raise ConfigError(f"--{given[0]} is for networks for images, and this is a language model; leave it out")
    file, notes = Path(data), list[str]()
    found = text_measures(model, file)
    tested_on: JsonObject = {"data": file.name, "num_tokens": found.num_tokens}
    return {
        "test_perplexity": found.perplexity,
        f"test_bits_per_{found.unit}": found.bits,
        "unit": found.unit,
        "num_test_tokens": found.num_tokens,
        "unknown_share": found.unknown,
        "data": file.name,
        "num_tests": _counted(folder, found.sha256, tested_on, notes),
        "notes": notes,
    }


def _counted(folder: Path | None, sha256: str, data: JsonObject, notes: list[str]) -> int | None:
    """Count a test, which has taken place; return None and add a note if that fails."""
    if folder is None:
        return None
    try:
        return count_test(folder, sha256, data)
    except NetwrightError as error:
        notes.append(f"the test is not counted: {error}")
        return None


def _read(
    network: TrainedNetwork, path: str | Path | None, task: str | None, part: Part | None, *, verify: bool
) -> tuple[LabelledImages, Part]:
    data = opened(network, path, task, verify=verify)
    if part is None:
        part = "test" if data.identity is None or _is_of_training(network, data) else "all"
    return _of_part(data, part), part


def _of_part(data: ImageData, part: Part) -> LabelledImages:
    images, labels = data.test_images, data.test_labels
    if part == "all":
        images, labels = torch.cat([data.train_images, images]), torch.cat([data.train_labels, labels])
    if not len(images):
        raise DataError(f"{data.name} has no test images; take all of them with --part all")
    return LabelledImages(images, labels, data.class_names, data.name)


def opened(network: TrainedNetwork, path: str | Path | None, task: str | None, *, verify: bool) -> ImageData:
    """Open images for a network; `path` and `task` are those of `evaluate`."""
    trained_on = network.description.get("plan", {}).get("search_settings", {}).get("task")
    task = task or (OWN_IMAGES if path is not None else trained_on) or OWN_IMAGES
    folder = prepare_task(task, None if path is None else Path(path), verify=verify)
    size = max(network.input_shape[1:]) if task == OWN_IMAGES else None
    return open_images(task, folder, verify=False, image_size=size)


def _is_of_training(network: TrainedNetwork, data: ImageData) -> bool:
    before = network.description.get("data_id") or {}
    return data.identity is not None and before.get("sha256") == data.identity.sha256


def _given(arrays: tuple[object, ...], class_names: tuple[str, ...]) -> LabelledImages:
    """Return images and labels that a program has in memory, after checks."""
    if len(arrays) != 2 or not all(isinstance(array, Tensor) for array in arrays):
        raise DataError(
            f"got a tuple of {', '.join(type(array).__name__ for array in arrays) or 'nothing'}; expected two tensors: "
            "uint8 images [N, C, H, W] and int64 labels [N]"
        )
    images, labels = (array for array in arrays if isinstance(array, Tensor))
    num_classes = len(class_names)
    if images.ndim != 4 or images.dtype != torch.uint8 or labels.dtype != torch.int64 or len(images) != len(labels):
        raise DataError(
            f"got images {images.dtype} {list(images.shape)} and labels {labels.dtype} {list(labels.shape)}; expected "
            "tensors: uint8 images [N, C, H, W] and int64 labels [N]"
        )
    if not len(labels) or labels.min() < 0 or labels.max() >= num_classes:
        raise DataError(f"the labels must be 0 to {num_classes - 1}, of one image or more")
    return LabelledImages(images, labels, class_names, "given arrays")


def labels_in_order_of(network: TrainedNetwork, labels: Tensor, class_names: Sequence[str], data: str) -> Tensor:
    """Return the labels by the network's order of the classes.

    Args:
        network: The network.
        labels: int64 [N], by the order of `class_names`.
        class_names: The classes of the data.
        data: The name of the data.

    Raises:
        DataError: The classes differ from the network's.
    """
    ours, theirs = set(network.class_names), set(class_names)
    if ours != theirs:
        differences = [
            f"{what} {', '.join(map(repr, sorted(names)[:5]))}{' and more' if len(names) > 5 else ''}"
            for what, names in (("the network has no class", theirs - ours), ("the data has no class", ours - theirs))
            if names
        ]
        raise DataError(
            f"the classes of {data} are not those of the network: {'; '.join(differences)}; expected the same "
            f"{len(ours)} names. Rename the folders, or train a network on these classes"
        )
    order = torch.tensor([network.class_names.index(name) for name in class_names])
    return order[labels]


def as_read(network: TrainedNetwork, images: Tensor) -> tuple[Tensor, list[str]]:
    """Convert images, uint8 [N, C, H, W], to the channels and the size of a network, with a note for each change."""
    channels, height, width = network.input_shape
    notes = []
    if images.shape[1] != channels:
        if {images.shape[1], channels} != set(MODES):
            raise DataError(f"the images have {images.shape[1]} channels; the network reads {channels}")
        if channels == 3:
            images, change = images.expand(-1, 3, -1, -1), "grey images were read as colour"
        else:
            weights = torch.tensor([0.299, 0.587, 0.114])[:, None, None]  # ITU-R 601, as Pillow's
            images = (images * weights).sum(dim=1, keepdim=True).round().to(torch.uint8)
            change = "coloured images were read as grey"
        notes.append(change)
    if tuple(images.shape[2:]) != (height, width):
        notes.append(f"images of {images.shape[2]} x {images.shape[3]} were resized to {height} x {width}")
        parts = [_resized(each, (height, width)) for each in images.split(500)]
        images = torch.cat(parts)
    return images, notes


def _resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    resized = functional.interpolate(images.float(), size=size, mode="bilinear", antialias=True, align_corners=False)
    return resized.round().clamp(0, 255).to(torch.uint8)
