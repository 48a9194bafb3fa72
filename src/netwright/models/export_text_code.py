"""A trained language model as one readable Python file that needs torch alone.

A searched cell is spelled out equation by equation. The layers of reference models are the source of netwright's own.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from inspect import getsource
from string import Template
from textwrap import indent

from netwright.architectures.equations import PYTORCH, equations_in
from netwright.architectures.recurrent import RecurrentArchitecture, RecurrentCell
from netwright.architectures.values import JsonObject
from netwright.architectures.word_inputs import (
    CHARACTER_CNNS,
    CHARACTER_SIZE,
    MARKS,
    CharacterCnn,
    characters_of,
    num_characters_of,
)
from netwright.children.language_model import LanguageModel, construction_of
from netwright.children.pointer import NO_TOKEN, PointerSentinel
from netwright.children.spelling import LONGEST, TRANSFORM_BIAS, CharacterCNN, spelled
from netwright.models.export_parts import LOADING, unit_of
from netwright.models.language import TrainedLanguageModel
from netwright.models.vocabulary import Vocabulary
from netwright.nn.elman import DeepTransitionLayer, ElmanLayer, reset_uniformly
from netwright.nn.gpu_lstm import GpuLSTMLayer
from netwright.nn.hyper_lstm import HyperLSTMLayer
from netwright.nn.interface import SequenceLayer
from netwright.nn.layer_norm_lstm import LayerNormLSTMLayer
from netwright.nn.lstm import LSTMLayer
from netwright.nn.lstm_step import LSTMStep

FILE = Template('''\
"""A language model that netwright trained, in plain PyTorch: it needs this file, the weights beside it, and torch.

    python $name.py "$example"              # prints the perplexity of the text
    python $name.py "$example" --sample 20  # continues the text with 20 ${unit}s
    python $name.py - < FILE  # reads the text from a file

    from $name import encode, load_network
    network = load_network()
    logits, states = network(encode("$example")[:, None])

Legend of shapes: T steps, B sequences, V vocabulary, I inputs of a layer, H hidden units.
"""

import argparse
import hashlib
import json
import math
import struct
import sys
from collections.abc import Sequence
${dataclass}from pathlib import Path
${protocol}
import torch
from torch import Tensor, nn
from torch.nn import functional

ABOUT = $about
WEIGHTS = Path(__file__).with_suffix(".safetensors")
WEIGHTS_SHA256 = "$weights_sha256"
WINDOW = 100  # tokens that are read at once, which limits the memory
State = tuple[Tensor, ...]


$definitions


class Network(nn.Module):
    """Logits of the token after each one."""

    def __init__(self) -> None:
        super().__init__()
$parameters
        self.layers = nn.ModuleList(
            [
$layers
            ]
        )

    def initial_states(self, batch_size: int) -> tuple[State, ...]:
        """The state of every layer before the first token$of_pointer."""
        no_steps = torch.zeros(0, batch_size, 0)
        of_layers = (layer.initial_state(no_steps) for layer in self.layers)
        return $initial_states

    def forward(self, tokens: Tensor, states: Sequence[State] | None = None) -> tuple[Tensor, tuple[State, ...]]:
        """Token numbers [T, B] -> logits [T, B, V], and the states with which the text can be continued."""
        states = self.initial_states(tokens.shape[1]) if states is None else states
        after: list[State] = []
        x = $read
        for number, layer in enumerate(self.layers):
            x, state = layer(x, states[number])
            after.append(state)
        logits = functional.linear(x, self.$softmax_weight, self.softmax_bias)
$pointer        return logits, tuple(after)


$loading

$splitting


$vocabulary_class


def encode(text: str) -> Tensor:
    """The numbers of the tokens of a text, [T]."""
    return torch.tensor(Vocabulary(VOCABULARY).encode(split(text)), dtype=torch.int64)


@torch.no_grad()
def perplexity_of(network: Network, text: str) -> float:
    """exp of the mean of -log P of every token but the first, given all before it."""
    numbers = encode(text)
    if len(numbers) < 2:
        raise ValueError(f"a text of {len(numbers)} tokens has nothing to predict; it needs 2 or more")
    nats, states = 0.0, None
    for inputs, targets in zip(numbers[:-1].split(WINDOW), numbers[1:].split(WINDOW), strict=True):
        logits, states = network(inputs[:, None], states)
        nats += float(functional.cross_entropy(logits[:, 0].double(), targets, reduction="sum"))
    return math.exp(nats / (len(numbers) - 1))


@torch.no_grad()
def sample(network: Network, text: str, num_tokens: int, seed: int = 0) -> list[str]:
    """Tokens that continue a text, each sampled from the network's distribution; a new line if the text is empty."""
    generator = torch.Generator().manual_seed(seed)
    numbers, states, following = encode(text or "\\n")[:, None], None, []
    for _ in range(num_tokens):
        logits, states = network(numbers, states)
        numbers = torch.multinomial(logits[-1].softmax(1), 1, generator=generator)
        following.append(VOCABULARY[int(numbers)])
    return following


def main(arguments: list[str]) -> int:
    """Print the perplexity of a text, or a continuation."""
    parser = argparse.ArgumentParser()
    parser.add_argument("text", nargs="?", help="a text; - reads it from the standard input")
    parser.add_argument("--sample", type=int, metavar="N", help="continue the text with N ${unit}s")
    parser.add_argument("--seed", type=int, default=0, help="determines the continuation")
    given = parser.parse_args(arguments)
    if given.text is None:
        parser.print_help()
        print(f"\\n{ABOUT}")
        return 2
    text = sys.stdin.read() if given.text == "-" else given.text
    try:
        network = load_network()
        if given.sample is None:
            print(f"perplexity {perplexity_of(network, text):.3f} for each ${unit} but the first")
        else:
            print(joined([*split(text), *sample(network, text, given.sample, given.seed)]))
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


VOCABULARY = (
$vocabulary
)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
''')

WORDS = '''\
def split(text: str) -> list[str]:
    """The words of a text; the end of a line is the word <eos>."""
    return text.replace("\\n", " <eos> ").split()


def joined(words: list[str]) -> str:
    """The text of words."""
    return " ".join(words).replace(" <eos>", "\\n").replace("\\n ", "\\n")'''
CHARACTERS = '''\
def split(text: str) -> list[str]:
    """The characters of a text."""
    return list(text)


def joined(characters: list[str]) -> str:
    """The text of characters."""
    return "".join(characters)'''

SPLITTING = {"word": WORDS, "character": CHARACTERS}
EXAMPLES = {"word": "the company said", "character": "Once upon a"}
WITH_POINTER = "(*of_layers, self.pointer.initial_state(batch_size))"
MIXED = """\
        logits, state = self.pointer(x, tokens, logits, states[-1])
        after.append(state)
"""
CELL = Template('''\
class Cell(nn.Module):
    """The recurrent cell over whole sequences, equation by equation; its state is (h, c).

    x0 is W0 x, the product of the matrix of leaf 0 with the input, and h0 is U0 h, that with the output of the step
    before$plus_bias. l0 is the value of leaf 0 and n$base that of node $base; `*` multiplies entry by entry.
    """

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.weight_ih = nn.Parameter(torch.empty($base * hidden_size, input_size))  # W0, W1, ...
        self.weight_hh = nn.Parameter(torch.empty($base * hidden_size, hidden_size))  # U0, U1, ...
$bias
    def initial_state(self, x_TBI: Tensor) -> State:
        """Return zeros for the sequences in `x_TBI`."""
        return (self.weight_hh.new_zeros(x_TBI.shape[1], self.hidden_size),) * 2

    def forward(self, x_TBI: Tensor, state: State) -> tuple[Tensor, State]:
        """Return the outputs [T, B, H] and the state after the last step."""
        h, c = state
        outputs = []
        for from_input in functional.linear(x_TBI, self.weight_ih).unbind(0):
            $inputs = from_input.chunk($base, dim=1)
            $hiddens = functional.linear(h, self.weight_hh$add_bias).chunk($base, dim=1)
$equations
            h, c = new_h, new_c
            outputs.append(h)
        return torch.stack(outputs), (h, c)''')


def _sources(*definitions: type | Callable[..., object]) -> tuple[str, ...]:
    return tuple(getsource(definition).rstrip() for definition in definitions)


HELPERS: dict[object, tuple[Callable[..., object], ...]] = {
    ElmanLayer: (reset_uniformly,),
    DeepTransitionLayer: (reset_uniformly,),
    LayerNormLSTMLayer: (LSTMStep,),
    HyperLSTMLayer: (LSTMStep,),
}
"""What the source of a layer uses besides torch and the names of `FILE`."""
EXPORTED: dict[type, type] = {GpuLSTMLayer: LSTMLayer}
"""The layers that another one stands for in the file: it has the same weights and results, and needs torch only."""
SPELLING = (
    f"""\
CHARACTER_SIZE, MARKS, LONGEST, TRANSFORM_BIAS = {CHARACTER_SIZE}, {MARKS}, {LONGEST}, {TRANSFORM_BIAS}
PADDING, START, END = range(MARKS)  # symbols of a word beside its characters""",
    *_sources(CharacterCnn, characters_of, num_characters_of, CharacterCNN, spelled),
)
POINTER = (f"NO_TOKEN = {NO_TOKEN}  # in the place of tokens before the start of a text", *_sources(PointerSentinel))
"""The definitions that the two parts need beside the recurrent layers."""


def code_of_text(model: TrainedLanguageModel, architecture: RecurrentArchitecture, name: str) -> str:
    """Return the content of the file NAME.py.

    The model's own texts are not trusted, so each is written as a literal.
    """
    network, description = model.network, model.description
    has_pointer, has_spelling = network.pointer is not None, network.spelling is not None
    layer = _layer_of(architecture, description["cell_bias"])
    metrics = description.get("metrics", {})
    about = f"{description.get('origin')}, test perplexity {metrics.get('test_perplexity')}"
    unit = unit_of(description)
    return FILE.substitute(
        name=name,
        example=EXAMPLES[unit],
        unit=unit,
        dataclass="from dataclasses import dataclass\n" if has_spelling else "",
        protocol="" if isinstance(architecture, RecurrentCell) else "from typing import Protocol\n",
        about=repr(f"{about} on {description.get('data')}"),
        weights_sha256=description["weights_sha256"],
        definitions="\n\n\n".join(
            [*(SPELLING if has_spelling else ()), *(POINTER if has_pointer else ()), *layer.definitions]
        ),
        parameters=indent("\n".join(_parameters(network, description)), " " * 8),
        layers=indent(
            "\n".join(f"{layer.written(size, network.hidden_size)}," for size in network.input_sizes), " " * 16
        ),
        of_pointer=", zeros, and that of the pointer" if has_pointer else ", zeros",
        initial_states=WITH_POINTER if has_pointer else "tuple(of_layers)",
        read=_read(network),
        softmax_weight="embedding" if network.softmax_weight is None else "softmax_weight",
        pointer=MIXED if has_pointer else "",
        loading=LOADING,
        splitting=SPLITTING[unit],
        vocabulary_class=getsource(Vocabulary).rstrip().replace("DataError", "ValueError"),
        vocabulary="\n".join(_wrapped(map(repr, model.vocabulary))),
    )


@dataclass(frozen=True)
class LayerCode:
    """A recurrent layer in the file."""

    definitions: tuple[str, ...]
    name: str
    arguments: dict[str, object]

    def written(self, input_size: int, hidden_size: int) -> str:
        """Return the expression that constructs it."""
        arguments = {"input_size": input_size, "hidden_size": hidden_size, **self.arguments}
        return f"{self.name}({', '.join(f'{name}={value!r}' for name, value in arguments.items())})"


def _layer_of(architecture: RecurrentArchitecture, cell_bias: bool) -> LayerCode:
    if isinstance(architecture, RecurrentCell):
        return LayerCode((code_of_cell(architecture, cell_bias),), "Cell", {})
    kind, arguments = construction_of(architecture, cell_bias)
    kind = EXPORTED.get(kind, kind)
    return LayerCode(_sources(SequenceLayer, *HELPERS.get(kind, ()), kind), kind.__name__, arguments)


def code_of_cell(cell: RecurrentCell, bias: bool) -> str:
    """Return a class that computes the cell, one line for each of its equations."""
    return CELL.substitute(
        base=cell.base,
        inputs=", ".join(PYTORCH.input.format(leaf) for leaf in range(cell.base)),
        hiddens=", ".join(PYTORCH.hidden.format(leaf) for leaf in range(cell.base)),
        equations=indent("\n".join(f"{name} = {value}" for name, value in equations_in(cell, PYTORCH)), " " * 12),
        plus_bias=", plus a bias" if bias else "",
        bias=f"        self.bias = nn.Parameter(torch.empty({cell.base} * hidden_size))\n" if bias else "",
        add_bias=", self.bias" if bias else "",
    )


def _parameters(network: LanguageModel, description: JsonObject) -> list[str]:
    """Return the lines that construct what is no recurrent layer."""
    lines = []
    if network.embedding is not None:
        lines.append(f"self.embedding = nn.Parameter(torch.empty(len(VOCABULARY), {network.input_sizes[0]}))")
    if network.spelling is not None:
        lines.append(f"self.spelling = CharacterCNN({CHARACTER_CNNS[description['input_layer']]!r}, VOCABULARY)")
    if network.softmax_weight is not None:
        lines.append(f"self.softmax_weight = nn.Parameter(torch.empty(len(VOCABULARY), {network.hidden_size}))")
    lines.append("self.softmax_bias = nn.Parameter(torch.empty(len(VOCABULARY)))")
    if network.pointer is not None:
        lines.append(f"self.pointer = PointerSentinel({network.hidden_size})")
    return lines


def _read(network: LanguageModel) -> str:
    """Return the expression for what the first layer reads."""
    if network.embedding is not None:
        return "functional.embedding(tokens, self.embedding)"
    return (
        "self.spelling(tokens)"
        if network.spelling is not None
        else "functional.one_hot(tokens, len(VOCABULARY)).float()"
    )


def _wrapped(literals: Iterable[str]) -> list[str]:
    """Return lines of literals, each line as long as fits in 120 columns."""
    lines: list[str] = []
    for literal in literals:
        if lines and len(lines[-1]) + len(literal) + 2 <= 120:
            lines[-1] += f" {literal},"
        else:
            lines.append(f"    {literal},")
    return lines
