"""A trained network as one readable Python file that needs torch alone, with its weights beside it.

The file spells the network out layer by layer; nothing of netwright's generality is left in it.
"""

import os
from pathlib import Path
from string import Template

import torch

from netwright.architectures.convolutional import ConvLayer, ConvNet
from netwright.errors import ConfigError
from netwright.files import make_folder_of, write_whole
from netwright.models.folder import ARCHITECTURE, WEIGHTS, content_of, load_images, read_architecture
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


class Layer(nn.Module):
    """A convolution that keeps the size (at stride 1), batch normalisation, max-pooling above pool 1, ReLU."""

    def __init__(self, inputs: int, filters: int, size: tuple[int, int], stride: tuple[int, int], pool: int) -> None:
        super().__init__()
        padding = (size[0] // 2, size[1] // 2)
        self.convolution = nn.Conv2d(inputs, filters, size, stride=stride, padding=padding, bias=False)
        self.normalisation = nn.BatchNorm2d(filters, eps=$epsilon)
        self.pool = pool

    def forward(self, maps: Tensor) -> Tensor:
        return torch.relu_(pooled(self.normalisation(self.convolution(maps)), self.pool))


def pooled(maps: Tensor, size: int) -> Tensor:
    """The maximum of every window of size x size."""
    return functional.max_pool2d(maps, size, ceil_mode=True) if size > 1 else maps


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


def load_network() -> Network:
    """The network with its trained weights, ready to use."""
    content = WEIGHTS.read_bytes()
    if hashlib.sha256(content).hexdigest() != WEIGHTS_SHA256:
        raise ValueError(f"{WEIGHTS} is damaged or belongs to another network; copy it again")
    network = Network()
    network.load_state_dict(read_safetensors(content))
    return network.eval()


def read_safetensors(content: bytes) -> dict[str, Tensor]:
    """The format: 8 bytes with the length of a JSON header, the header, the numbers. Nothing in it is ever executed."""
    (length,) = struct.unpack("<Q", content[:8])
    header, numbers = json.loads(content[8 : 8 + length]), content[8 + length :]
    header.pop("__metadata__", None)
    types = {"F32": torch.float32, "I64": torch.int64}
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        flat = torch.frombuffer(bytearray(numbers[begin:end]), dtype=types[entry["dtype"]])
        tensors[name] = flat.reshape(entry["shape"])
    return tensors
$script''')

JOINED = '''\
def joined(*maps: Tensor) -> Tensor:
    """Feature maps of the same size, one behind the other."""
    return torch.cat(maps, dim=1)'''

PADDED = '''\
def joined(*maps: Tensor) -> Tensor:
    """Feature maps one behind the other, smaller ones padded with zeros at the bottom and right."""
    height, width = max(m.shape[2] for m in maps), max(m.shape[3] for m in maps)
    return torch.cat([functional.pad(m, (0, width - m.shape[3], 0, height - m.shape[2])) for m in maps], dim=1)'''

UPSAMPLING = Template("""\
    pixels = functional.interpolate(pixels, size=$size, mode="bilinear", align_corners=False)
    pixels = pixels[:, :, $top:$bottom, $left:$right]
""")

SCRIPT = Template('''

def read_image(path: str) -> Tensor:
    """An image file as uint8 [C, H, W], resized to what the network was trained on."""
    from PIL import Image

    channels, height, width = INPUT_SHAPE
    with Image.open(path) as file:
        image = file.convert("$mode")
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    pixels = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return pixels.reshape(height, width, channels).permute(2, 0, 1)


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
        except OSError as error:
            print(f"{path}: {error}", file=sys.stderr)
            code = 1
            continue
        probabilities = network(image[None]).softmax(dim=1)[0]
        best = int(probabilities.argmax())
        print(f"{path}: {CLASS_NAMES[best]} ({float(probabilities[best]):.3f})")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
''')
MODES = {1: "L", 3: "RGB"}
"""Pillow's names for images of so many channels."""


def export_code(folder: Path, target: Path) -> tuple[Path, Path]:
    """Write the model in `folder` to `target`, a .py file, and its weights beside it; return both paths.

    `ConfigError` where they cannot be written: then neither is there.
    """
    if target.suffix != ".py" or not target.stem.isidentifier():
        raise ConfigError(f"-o {target}: a Python file has a name like network.py: letters, digits and _, then .py")
    weights = target.with_suffix(".safetensors")
    for path in (target, weights):
        if os.path.lexists(path):
            raise ConfigError(f"{path} is there already; choose another -o, or remove it")
    model, architecture = load_images(folder), read_architecture(folder / ARCHITECTURE)
    if not isinstance(architecture, ConvNet):
        raise ConfigError(
            f"{folder} holds a {type(architecture).__name__}, and only a ConvNet is spelled out as code; take --to "
            f'onnx, or in Python nw.load("{folder}")'
        )
    code = code_of(model, architecture, target.stem)
    make_folder_of(target)
    write_whole(weights, content_of(folder / WEIGHTS))
    try:
        write_whole(target, code.encode())
    except BaseException:  # Ctrl-C too
        weights.unlink(missing_ok=True)
        raise
    return target, weights


def code_of(model: TrainedNetwork, architecture: ConvNet, name: str) -> str:
    """The content of the file NAME.py. Every text of the model's own goes into it as a literal: it is not trusted."""
    channels, height, width = model.input_shape
    upsampling = ""
    if model.upsample is not None:
        size = tuple(upsampled(torch.zeros(1, 1, height, width, device="meta"), model.upsample).shape[2:])
        top, left = (size[0] - height) // 2, (size[1] - width) // 2
        upsampling = UPSAMPLING.substitute(size=size, top=top, bottom=top + height, left=left, right=left + width)
    filters = [layer.num_filters for layer in architecture.layers]
    strided = any((layer.stride_height, layer.stride_width) != (1, 1) for layer in architecture.layers)
    metrics = model.description.get("metrics", {})
    about = f"{model.description.get('origin')}, test accuracy {metrics.get('test_accuracy')}"
    return FILE.substitute(
        name=name,
        about=repr(f"{about} on {model.description.get('data')}"),
        class_names=_names(model.class_names),
        input_shape=model.input_shape,
        weights_sha256=model.description["weights_sha256"],
        enlarged="" if model.upsample is None else ", then the middle of the enlarged image",
        upsampling=upsampling,
        epsilon=repr(model.description["epsilon"]),
        joined=PADDED if strided else JOINED,
        layers="\n".join(_layers(architecture, channels)),
        features=sum(filters[index] for index in architecture.outputs),
        num_classes=len(model.class_names),
        forward="\n".join(f"        {line}" for line in _forward(architecture)),
        script=SCRIPT.substitute(mode=MODES[channels]) if channels in MODES else "",
    )


def _names(names: tuple[str, ...]) -> str:
    return "(\n" + "".join(f"    {name!r},\n" for name in names) + ")"


def _layers(architecture: ConvNet, channels: int) -> list[str]:
    lines = []
    for index, layer in enumerate(architecture.layers):
        inputs = sum(architecture.layers[read].num_filters for read in layer.inputs) or channels
        lines.append(f"                {_layer(layer, inputs)},  # {index}")
    return lines


def _layer(layer: ConvLayer, inputs: int) -> str:
    size, stride = (layer.filter_height, layer.filter_width), (layer.stride_height, layer.stride_width)
    return f"Layer({inputs}, {layer.num_filters}, size={size}, stride={stride}, pool={layer.pool})"


def _forward(architecture: ConvNet) -> list[str]:
    """The lines that compute the logits; x3 is the output of layer 3.

    A pooling shrinks every map that is read later, as in `children.convolutional`.
    """
    lines = []
    for index, layer in enumerate(architecture.layers):
        lines.append(f"x{index} = self.blocks[{index}]({_inputs(layer.inputs)})")
        later = architecture.layers[index + 1 :]
        needed = [f"x{read}" for read in range(index) if read in architecture.outputs or _is_read(read, later)]
        if any(not other.inputs for other in later):
            needed.insert(0, "image")
        if layer.pool > 1 and needed:
            lines.append(f"{', '.join(needed)} = {', '.join(f'pooled({kept}, {layer.pool})' for kept in needed)}")
    lines.append(f"return self.classifier({_inputs(architecture.outputs)}.mean(dim=(2, 3)))")
    return lines


def _is_read(index: int, layers: tuple[ConvLayer, ...]) -> bool:
    return any(index in layer.inputs for layer in layers)


def _inputs(read: tuple[int, ...]) -> str:
    names = [f"x{index}" for index in read] or ["image"]
    return names[0] if len(names) == 1 else f"joined({', '.join(names)})"
