"""The folder of a trained network: its files, written as a whole and read as untrusted input.

    model.safetensors   the weights, or the counts of an n-gram model; no pickle
    architecture.json   the architecture; an n-gram model has none
    model.json          what goes in, what comes out, how well it does, what made it
    worst_errors.json   of a network for images: the test images that it names worst
    model.html          of a network for images: the page that shows both, as `netwright train` writes it

The keys of model.json that `load` needs are `kind` ("images" where it is missing) and those of `REQUIRED`; the rest is
for people and programs.
"""

import base64
import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from netwright.architectures.convolutional import ConvNet
from netwright.architectures.families import Architecture, architecture_from_json, reads_images, reads_text
from netwright.architectures.named import OwnNetwork
from netwright.architectures.values import JsonObject, to_json
from netwright.children.building import build
from netwright.children.language_model import LanguageModel
from netwright.children.ngram import Cache, KneserNey
from netwright.children.translation.beam import BeamSettings
from netwright.children.translation.translator import Translator
from netwright.errors import ConfigError, DataError, SpaceError, disk_failure
from netwright.files import LARGEST_JSON, LARGEST_WEIGHTS, check_own_folder, read_whole
from netwright.models import ngram
from netwright.models.language import TrainedLanguageModel
from netwright.models.members import IMAGES_OPTIONAL, OPTIONAL, REQUIRED, TEXT
from netwright.models.names import ARCHITECTURE as ARCHITECTURE
from netwright.models.names import DESCRIPTION as DESCRIPTION
from netwright.models.names import WEIGHTS as WEIGHTS
from netwright.models.ngram import TrainedNgram
from netwright.models.trained import TrainedNetwork
from netwright.models.translator import TrainedTranslator
from netwright.spaces.named_functions import stored_function
from netwright.subwords import Subwords

Network = TypeVar("Network", bound=nn.Module)
FORMAT = 1
"""Raised by one when an older netwright could not read what this one writes."""


def write_model(
    folder: Path,
    network: nn.Module,
    architecture: Architecture,
    description: JsonObject,
    others: Mapping[str, object] = MappingProxyType({}),
) -> None:
    """Write a trained network to a new folder, which afterwards is complete or does not exist.

    Args:
        folder: Must not exist yet.
        network: Its weights are stored.
        architecture: What `network` was built from.
        description: The content of model.json but for the format and the checksum of the weights.
        others: JSON values of further files, by name.

    Raises:
        RunError: The disk is full.
        StoreError: `folder` is a link.
    """
    weights = save_tensors({name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()})
    _write_folder(folder, weights, description, {**others, ARCHITECTURE: to_json(architecture)})


def write_ngram(folder: Path, model: KneserNey, description: JsonObject) -> None:
    """Write an n-gram model as `write_model` writes a network, without an architecture.json."""
    _write_folder(folder, ngram.to_bytes(model), description, {})


def _write_folder(folder: Path, weights: bytes, description: JsonObject, others: Mapping[str, object]) -> None:
    document = {"format": FORMAT, **description, "weights_sha256": hashlib.sha256(weights).hexdigest()}
    check_own_folder(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
            whole = Path(scratch) / "model"
            whole.mkdir()
            (whole / WEIGHTS).write_bytes(weights)
            for name, content in {**others, DESCRIPTION: document}.items():
                (whole / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
            whole.rename(folder)
    except OSError as error:
        raise disk_failure(folder, error.strerror, "what was trained before") from error


def load(
    folder: str | Path, *, trust_code: bool = False
) -> TrainedNetwork | TrainedLanguageModel | TrainedTranslator | TrainedNgram:
    """Load a trained network as a module in evaluation mode, or an n-gram model as a `TrainedNgram`.

    Reads JSON and safetensors only, so nothing in the folder is ever executed, and allocates no memory for a network
    that the weights do not fit. The network of a user's function needs that function, which is executed if the user
    trusts it.

    Args:
        folder: A model's folder, as a final training writes it.
        trust_code: Whether the user trusts the function whatever it is. Without, it must be in the user's trust list.

    Raises:
        ConfigError: The function is not trusted or cannot be found, or the subwords of a translator need a package.
        DataError: A file is missing, is damaged, or does not fit the others; the message names it.
    """
    folder = Path(folder)
    kind = kind_of(read_description(folder))
    if kind == "images":
        return _load_images(folder, trust_code=trust_code)
    if kind == "translation":
        return _load_translator(folder)
    return _load_text(folder) if kind == "text" else _load_ngram(folder)


def _load_images(folder: Path, *, trust_code: bool) -> TrainedNetwork:
    description = read_description(folder)
    architecture = read_architecture(folder / ARCHITECTURE)
    if not reads_images(architecture):
        raise _damaged(folder / ARCHITECTURE, f"it is a {type(architecture).__name__}", "a network for images")
    if isinstance(architecture, OwnNetwork):
        stored_function(architecture.function, trust_code=trust_code)  # `build` finds it loaded
    channels, height, width = description["input_shape"]
    num_classes = len(description["class_names"])
    weights = _read_weights(folder / WEIGHTS, description["weights_sha256"])
    return TrainedNetwork(
        _filled(
            folder,
            lambda: build(architecture, num_classes, channels, description["epsilon"], (height, width)),
            weights,
        ),
        input_shape=(channels, height, width),
        upsample=description["upsample"],
        class_names=tuple(description["class_names"]),
        description=description,
    )


def _load_text(folder: Path) -> TrainedLanguageModel:
    description = read_description(folder)
    architecture = read_architecture(folder / ARCHITECTURE)
    if not reads_text(architecture):
        raise _damaged(folder / ARCHITECTURE, f"it is a {type(architecture).__name__}", "a recurrent architecture")
    vocabulary = tuple(description["vocabulary"])
    sizes = {name: description[name] for name in TEXT if name != "vocabulary"}
    sizes |= {name: description.get(name, default) for name, (default, _) in OPTIONAL.items()}
    weights = _read_weights(folder / WEIGHTS, description["weights_sha256"])
    if sizes["num_layers"] > len(weights):  # each has weights of its own
        raise _damaged(
            folder / WEIGHTS,
            f"it has {len(weights)} tensors for the {sizes['num_layers']:,} layers of {DESCRIPTION}",
            "the weights of every layer",
        )
    network = _filled(
        folder,
        # The first weights are replaced, so the seed and the range have no effect.
        lambda: LanguageModel(architecture, len(vocabulary), seed=0, init_range=0.1, vocabulary=vocabulary, **sizes),
        weights,
    )
    return TrainedLanguageModel(network, vocabulary=vocabulary, description=description)


def _load_translator(folder: Path) -> TrainedTranslator:
    description = read_description(folder)
    architecture = read_architecture(folder / ARCHITECTURE)
    if not reads_text(architecture):
        raise _damaged(folder / ARCHITECTURE, f"it is a {type(architecture).__name__}", "a recurrent architecture")
    expected = "the description that `netwright train` writes"
    try:
        subwords = Subwords.from_bytes(base64.b64decode(description["subwords"], validate=True))
    except ValueError as error:
        raise _damaged(folder / DESCRIPTION, f"its subwords are {error}", expected) from None
    try:
        beam = BeamSettings(**description["beam"])
    except (TypeError, ConfigError) as error:
        raise _damaged(folder / DESCRIPTION, f"its beam is wrong: {error}", expected) from None
    weights = _read_weights(folder / WEIGHTS, description["weights_sha256"])
    layers = {name: description[name] for name in ("num_encoder_layers", "num_decoder_layers")}
    if sum(layers.values()) > len(weights):  # each has weights of its own
        raise _damaged(
            folder / WEIGHTS,
            f"it has {len(weights)} tensors for the {sum(layers.values()):,} layers of {DESCRIPTION}",
            "the weights of every layer",
        )
    network = _filled(
        folder,
        # The first weights are replaced, so the seed and the range have no effect.
        lambda: Translator(
            architecture,
            len(subwords),
            hidden_size=description["hidden_size"],
            seed=0,
            init_range=0.1,
            cell_bias=description["cell_bias"],
            **layers,
        ),
        weights,
    )
    return TrainedTranslator(
        network, subwords=subwords, beam=beam, max_length=description["max_length"], description=description
    )


def _load_ngram(folder: Path) -> TrainedNgram:
    description = read_description(folder)
    vocabulary = tuple(description["vocabulary"])
    content = _checked_content(folder / WEIGHTS, description["weights_sha256"])
    try:
        model = ngram.from_bytes(content, len(vocabulary))
    except (SafetensorError, ValueError) as error:
        raise _damaged(folder / WEIGHTS, str(error), "the n-grams of a text and their counts") from None
    cache = Cache(description["cache_size"], description["cache_weight"])
    return TrainedNgram(model, cache, vocabulary=vocabulary, description=description)


def kind_of(description: JsonObject) -> object:
    """Return the kind of a model by its model.json: "images", "text", "translation" or "ngram"."""
    return description.get("kind", "images")


def read_description(folder: Path) -> JsonObject:
    """Return the content of model.json; raise `DataError` if anything that `load` needs is missing."""
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise DataError(
            f"the model {folder} {what}; expected a folder with {DESCRIPTION}, {ARCHITECTURE} and {WEIGHTS}, as "
            "`netwright train RUN` makes it in RUN/model"
        )
    path = folder / DESCRIPTION
    expected = "the description that `netwright train` writes"
    try:
        document: JsonObject = dict(json.loads(content_of(path)))
    except (ValueError, TypeError, RecursionError) as error:
        raise _damaged(path, f"it is no JSON object ({error})", expected) from None
    kind = kind_of(document)
    if not isinstance(kind, str) or kind not in REQUIRED:
        raise _damaged(path, f"its kind is {kind!r}", expected)
    for name, (wanted, fits) in REQUIRED[kind].items():
        if name not in document or not fits(document[name]):
            raise _damaged(path, f"its {name} is {document.get(name, 'missing')!r} in place of {wanted}", expected)
    for name, (wanted, fits) in (IMAGES_OPTIONAL if kind == "images" else {}).items():
        if name in document and not fits(document[name]):
            raise _damaged(path, f"its {name} is {document[name]!r} in place of {wanted}", expected)
    for name, (default, values) in OPTIONAL.items():
        if document.get(name, default) not in values:
            raise _damaged(path, f"its {name} is {document[name]!r} in place of one of {', '.join(values)}", expected)
    if document["format"] > FORMAT:
        raise DataError(
            f"{path} was written by a newer netwright (format {document['format']}, this one reads up to {FORMAT}); "
            "upgrade netwright to load it"
        )
    return document


def read_architecture(path: Path) -> Architecture:
    """Read the architecture in a JSON file; raise `DataError` if it is not one of netwright's families."""
    expected = "the JSON of a ConvNet, a RecurrentCell or another of netwright's families of architectures"
    try:
        document = json.loads(content_of(path))
        if isinstance(document, dict) and "layers" in document:
            document = {"type": ConvNet.__name__, **document}  # may be left out by a person who writes one
        architecture = architecture_from_json(document)
    except (ValueError, RecursionError, SpaceError) as error:
        raise _damaged(path, str(error), expected) from None
    if architecture is None:
        raise _damaged(path, "it does not say which kind of architecture it is", expected)
    return architecture


def _checked_content(path: Path, sha256: str) -> bytes:
    content = content_of(path)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise _damaged(path, "its checksum is not the one in model.json", "the weights that were tested")
    return content


def _read_weights(path: Path, sha256: str) -> dict[str, Tensor]:
    try:
        return load_tensors(_checked_content(path, sha256))
    except SafetensorError as error:
        raise _damaged(path, str(error), "a safetensors file") from None


def _filled(folder: Path, make: Callable[[], Network], tensors: Mapping[str, Tensor]) -> Network:
    """Return the network that `make` builds, with the weights `tensors`.

    It is built on the meta device first, since an untrusted architecture.json may describe a network of any size;
    a network whose shapes equal those of the file's tensors is no larger than the file.
    """
    try:
        with torch.device("meta"):
            shapes = make()
    except (ConfigError, RuntimeError, TypeError, ValueError) as error:  # torch refuses half or far too many filters
        problem = str(error).splitlines()[0]
        raise _damaged(folder / ARCHITECTURE, problem, f"a network that fits {DESCRIPTION}") from None
    wanted = {name: tuple(tensor.shape) for name, tensor in shapes.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if wanted != found:
        names = sorted(name for name in {**wanted, **found} if wanted.get(name) != found.get(name))
        first = f"{names[0]} is {found.get(names[0], 'missing')} in place of {wanted.get(names[0], 'nothing')}"
        raise _damaged(
            folder / WEIGHTS,
            f"{len(names)} of its tensors do not fit {ARCHITECTURE}: {first}",
            "the weights of that architecture",
        )
    network = make()
    network.load_state_dict(tensors)
    return network


def content_of(path: Path) -> bytes:
    """Return the bytes of one of the folder's files; raise `DataError` if it cannot be read."""
    try:
        return read_whole(path, LARGEST_WEIGHTS if path.name == WEIGHTS else LARGEST_JSON)
    except FileNotFoundError:
        raise _damaged(path, "it is missing", f"one of {DESCRIPTION}, {ARCHITECTURE} and {WEIGHTS}") from None
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}; expected a file of `netwright train`; check its "
            "permissions and the disk"
        ) from None


def _damaged(path: Path, problem: str, expected: str) -> DataError:
    return DataError(
        f"{path} cannot be used: {problem}. Expected {expected}; copy the whole folder again from where it was "
        "made, or make it again with `netwright train`"
    )
