"""A trained network as one readable Python file that needs torch alone, with its weights beside it.

The file of a `ConvNet` spells the network out layer by layer. Its layers are the source of `children.layers`, and its
forward pass follows `ConvNet.steps`, as that of `ConvNetModule` does. Language models: `export_text_code`.
"""

import keyword
import os
import shlex
import sys
from collections.abc import Callable
from importlib.metadata import packages_distributions
from inspect import getsource
from pathlib import Path
from string import Template
from typing import Any

import torch

from netwright.architectures.convolutional import IMAGE, ConvNet
from netwright.architectures.families import entry_of
from netwright.children.layers import construction_of, joined, padded_and_joined, pooled
from netwright.errors import ConfigError
from netwright.files import make_folder_of, utf8, write_whole
from netwright.image_files import MODES, decoded, fitted, opened_image
from netwright.models.export_parts import LOADING, load_network, tested_figures
from netwright.models.export_text_code import code_of_text
from netwright.models.folder import ARCHITECTURE, WEIGHTS, content_of, read_architecture
from netwright.models.trained import TrainedNetwork
from netwright.training.pixels import upsampled

FILE = Template('''\
"""A network that netwright found and trained, in plain PyTorch: it needs this file, the weights beside it, and torch.

    python $name.py IMAGE ...           prints the class of each image (needs pillow too)

    from $name import load_network
    network = load_network()
    logits = network(images)  # images: uint8 [N, channels, height, width], pixels from 0 to 255
"""

import hashlib
import json
import struct
import sys
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

ABOUT = $about
TESTED = $tested
TEMPERATURE = $temperature  # divides the logits before the softmax, so that probabilities are calibrated
CLASS_NAMES = $class_names
INPUT_SHAPE = $input_shape  # channels, height, width
WEIGHTS = Path(__file__).with_suffix(".safetensors")
WEIGHTS_SHA256 = "$weights_sha256"


def preprocess(images: Tensor) -> Tensor:
    """uint8 [N, C, H, W] -> float32: mean 0 and deviation 1 in every image$enlarged."""
    if images.dtype != torch.uint8 or tuple(images.shape[1:]) != INPUT_SHAPE:
        raise ValueError(f"expected uint8 images [N, *{INPUT_SHAPE}], got {images.dtype} {list(images.shape)}")
    pixels = images.float()
    pixels = functional.layer_norm(pixels, pixels.shape[1:], eps=1 / pixels[0].numel())
$upsampling    return pixels


$layer_classes


$pooled


$joined


class Network(nn.Module):
    """Logits of uint8 images."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            [
$layers
            ]
        )
        self.classifier = nn.Linear($features, $num_classes)

    def forward(self, images: Tensor) -> Tensor:
        image = preprocess(images)
$forward


$loading$script''')

UPSAMPLING = Template("""\
    pixels = functional.interpolate(pixels, size=$size, mode="bilinear", align_corners=False)
    pixels = pixels[:, :, $top:$bottom, $left:$right]
""")

DECODING = "".join(f"\n\n{getsource(function)}" for function in (opened_image, decoded, fitted))
"""The source of the functions that decode image files; types of Pillow are omitted, which is optional there."""
SCRIPT = Template(
    DECODING.replace(' -> "Image.Image"', "")
    .replace('image: "Image.Image", ', "image, ")
    .replace("with OPENING, ", "with ")
    + '''

def read_image(path: str) -> Tensor:
    """An image file as uint8 [C, H, W], as the training images were read."""
    return decoded(Path(path), INPUT_SHAPE[1:], "$mode")


@torch.no_grad()
def main(paths: list[str]) -> int:
    """Print the class of each image file and its probability."""
    if not paths:
        print(f"usage: python {Path(__file__).name} IMAGE ...\\n{ABOUT}")
        return 2
    network, code = load_network(), 0
    for path in paths:
        try:
            image = read_image(path)
        except ImportError:
            print("reading image files needs pillow: pip install pillow", file=sys.stderr)
            return 2
        except Exception as error:  # a decoder may raise anything for a damaged file
            print(f"{path}: {error}", file=sys.stderr)
            code = 1
            continue
        probabilities = (network(image[None]).double() / TEMPERATURE).softmax(dim=1)[0]
        best = int(probabilities.argmax())
        print(f"{path}: {CLASS_NAMES[best]} ({float(probabilities[best]):.3f})")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
'''
)
RESERVED = {"__init__", "__main__", "PIL", "numpy", "torch"}
"""Names that the exported file cannot have, wherever it is used, beside those of installed and of Python's modules."""


def export_code(folder: Path, target: Path) -> tuple[Path, Path]:
    """Write a trained network as a Python file with its weights beside it.

    Args:
        folder: The model's folder.
        target: The .py file to write; its name is importable.

    Returns:
        The paths of both files.

    Raises:
        ConfigError: The files cannot be written, and then neither exists; or the model has no form as code.
    """
    check_module_name(target)
    weights = target.with_suffix(".safetensors")
    for path in (target, weights):
        if os.path.lexists(path):
            raise ConfigError(f"{path} is there already; choose another -o, or remove it")
    model, architecture = load_network(folder), read_architecture(folder / ARCHITECTURE)
    write = entry_of(EXPORTERS, architecture)
    if write is None:
        raise ConfigError(
            f"{folder} holds a {type(architecture).__name__}, and of networks for images only a ConvNet is spelled out "
            f'as code; take --to onnx, or in Python nw.load("{folder}")'
        )
    code = write(model, architecture, target.stem)
    make_folder_of(target)
    write_whole(weights, content_of(folder / WEIGHTS))
    try:
        write_whole(target, utf8(code))
    except BaseException:  # Ctrl-C too
        weights.unlink(missing_ok=True)
        raise
    return target, weights


def check_module_name(target: Path) -> None:
    """Check that `target` can be imported and does not hide a module that is installed or part of Python.

    The folder of a script comes first where Python looks for modules, so a torch.py would replace torch in each script
    beside it, and in itself.

    Raises:
        ConfigError: The name is no identifier, is a keyword, or is that of another module.
    """
    name = target.stem
    if target.suffix != ".py" or not name.isidentifier():
        raise ConfigError(f"-o {target}: a Python file has a name like network.py: letters, digits and _, then .py")
    taken = {*sys.stdlib_module_names, *packages_distributions(), *RESERVED}
    if keyword.iskeyword(name) or name in taken:
        problem = "is a keyword of Python" if keyword.iskeyword(name) else "is the name of another Python module"
        raise ConfigError(f"-o {target}: {name} {problem}; choose another name, such as -o {_renamed(target)}")


def _renamed(target: Path) -> str:
    return shlex.quote(str(target.with_stem(f"{target.stem.strip('_')}_network")))


def code_of(model: TrainedNetwork, architecture: ConvNet, name: str) -> str:
    """Return the content of the file NAME.py.

    The model's own texts are not trusted, so each is written as a literal.
    """
    channels, height, width = model.input_shape
    upsampling = ""
    if model.upsample is not None:
        size = tuple(upsampled(torch.zeros(1, 1, height, width, device="meta"), model.upsample).shape[2:])
        top, left = (size[0] - height) // 2, (size[1] - width) // 2
        upsampling = UPSAMPLING.substitute(size=size, top=top, bottom=top + height, left=left, right=left + width)
    join = padded_and_joined if architecture.has_strides else joined
    metrics = model.description.get("metrics", {})
    about = f"{model.description.get('origin')}, test accuracy {metrics.get('test_accuracy')}"
    return FILE.substitute(
        name=name,
        about=repr(f"{about} on {model.description.get('data')}"),
        tested=_figures(model),
        temperature=repr(model.temperature),
        class_names=_names(model.class_names),
        input_shape=model.input_shape,
        weights_sha256=model.description["weights_sha256"],
        enlarged="" if model.upsample is None else ", then the middle of the enlarged image",
        upsampling=upsampling,
        layer_classes="\n\n\n".join(_layer_classes(architecture, model.description["epsilon"])),
        pooled=getsource(pooled).rstrip(),
        joined=getsource(join).replace(f"def {join.__name__}(", "def joined(").rstrip(),
        layers="\n".join(_layers(architecture, channels)),
        features=architecture.num_features,
        num_classes=len(model.class_names),
        forward="\n".join(f"        {line}" for line in _forward(architecture)),
        loading=LOADING,
        script=SCRIPT.substitute(mode=MODES[channels]) if channels in MODES else "",
    )


def _names(names: tuple[str, ...]) -> str:
    return "(\n" + "".join(f"    {name!r},\n" for name in names) + ")"


def _figures(model: TrainedNetwork) -> str:
    lines = (f"    {name!r}: {value!r},\n" for name, value in tested_figures(model.description).items())
    return "{\n" + "".join(lines) + "}"


def _layer_classes(architecture: ConvNet, epsilon: float) -> list[str]:
    """Return the source of the classes that implement the layers, with `epsilon` as a number instead of a parameter."""
    kinds = dict.fromkeys(construction_of(layer)[0] for layer in architecture.layers)
    sources = (getsource(kind).rstrip() for kind in kinds)
    return [source.replace(", epsilon: float", "").replace("epsilon", repr(epsilon)) for source in sources]


def _layers(architecture: ConvNet, channels: int) -> list[str]:
    """Return the lines that construct the layers."""
    lines = []
    for index, (layer, inputs) in enumerate(zip(architecture.layers, architecture.in_channels(channels), strict=True)):
        kind, arguments = construction_of(layer)
        written = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        lines.append(f"                {kind.__name__}({inputs}, {layer.num_filters}, {written}),  # {index}")
    return lines


def _forward(architecture: ConvNet) -> list[str]:
    """Return the lines that compute the logits; x3 is the output of layer 3."""
    lines = []
    for index, step in enumerate(architecture.steps):
        lines.append(f"x{index} = self.blocks[{index}]({_joined(step.reads)})")
        if step.pool > 1 and step.kept:
            kept = [_name(read) for read in step.kept]
            lines.append(f"{', '.join(kept)} = {', '.join(f'pooled({name}, {step.pool})' for name in kept)}")
    lines.append(f"return self.classifier({_joined(architecture.outputs)}.mean(dim=(2, 3)))")
    return lines


def _joined(reads: tuple[int, ...]) -> str:
    names = ", ".join(map(_name, reads))
    return names if len(reads) == 1 else f"joined({names})"


def _name(index: int) -> str:
    return "image" if index == IMAGE else f"x{index}"


EXPORTERS: dict[str, Callable[[Any, Any, str], str] | None] = {
    "ConvNet": code_of,
    "PlainNet": None,
    "ReferenceNetwork": None,
    "OwnNetwork": None,
    "RecurrentCell": code_of_text,
    "Lstm": code_of_text,
    "RecurrentHighway": code_of_text,
    "Elman": code_of_text,
    "DeepTransition": code_of_text,
    "LayerNormLstm": code_of_text,
    "HyperLstm": code_of_text,
    "NasBench201Cell": None,
}
"""(trained model, architecture, name) -> the content of NAME.py; None for a family that is not exported as code."""
