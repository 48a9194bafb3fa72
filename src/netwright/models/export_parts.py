"""What the forms of export share: reading the network, and the part of exported code that reads its weights."""

from pathlib import Path
from typing import Literal

from netwright.architectures.values import JsonObject
from netwright.errors import ConfigError, command
from netwright.models.folder import load
from netwright.models.language import TrainedLanguageModel
from netwright.models.ngram import TrainedNgram
from netwright.models.trained import TrainedNetwork
from netwright.models.translator import TrainedTranslator

LOADING = '''\
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
'''
"""The end of an exported module: it needs the class Network and the constants WEIGHTS and WEIGHTS_SHA256."""


def load_network(folder: Path) -> TrainedNetwork | TrainedLanguageModel:
    """Load a network for images or a language model as `load` does; raise `ConfigError` for any other model."""
    model = load(folder)
    if isinstance(model, TrainedTranslator):
        raise ConfigError(
            f"{folder} is a translator, and only networks for images and language models are exported; "
            f"`{command('translate', folder)}` translates lines, and in Python nw.load({str(folder)!r})"
        )
    if isinstance(model, TrainedNgram):
        raise ConfigError(
            f"{folder} is an n-gram model, and only neural networks are exported; in Python "
            f'nw.load("{folder}") gives the model, and {folder / "model.safetensors"} has its n-grams and their counts'
        )
    return model


TESTED = (
    "test_accuracy",
    "test_interval",
    "num_test_images",
    "test_balanced_accuracy",
    "test_macro_f1",
    "largest_class",
    "largest_class_share",
    "test_calibration_error",
    "test_calibration_error_with_temperature",
    "note",
)
"""The figures of the test that go with an exported network for images, where its model.json has them."""


def tested_figures(description: JsonObject) -> JsonObject:
    """Return the figures of the test by name, and the name of the data that they were measured on."""
    metrics = description.get("metrics", {})
    return {"data": description.get("data"), **{name: metrics[name] for name in TESTED if name in metrics}}


def unit_of(description: JsonObject) -> Literal["word", "character"]:
    """Return what the tokens of a language model are, by its model.json."""
    return "character" if description.get("unit") == "character" else "word"
