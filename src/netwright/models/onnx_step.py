"""One step of a trained language model, in the form that is exported to ONNX.

A runtime that generates or scores text calls the step once for each token and passes the states on:

    tokens                  int64 [batch], the tokens of this step
    layer0_h, layer0_c, ... the states before the step, one tensor each
    logits                  float32 [batch, vocabulary], of the tokens after these
    next_layer0_h, ...      the states after the step

The metadata of the file says how a text begins: `states` is a JSON list of {"name", "shape", "dtype", "initial"} in the
order of the inputs, where "batch" stands for the number of sequences and `initial` is the value of every entry before
the first token; `vocabulary` is the JSON list of tokens by number; `unit` is "word" or "character".

A step and not a sequence: torch.onnx.export writes no loops, so a file for sequences would have one fixed length.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.architectures.recurrent import CellNode
from netwright.children.language_model import LanguageModel
from netwright.models.export_parts import unit_of
from netwright.models.language import TrainedLanguageModel
from netwright.nn.interface import State
from netwright.nn.tree import TreeLayer

PARTS_OF_LAYER = ("h", "c", "hyper_h", "hyper_c")
"""Names of the tensors of a layer's state in their order; the output, the first one, is h in every kind of layer."""
PARTS_OF_POINTER = ("pointer_outputs", "pointer_tokens")


@dataclass(frozen=True)
class StatePart:
    """One tensor of the states."""

    name: str
    batch_dim: int
    initial: Tensor
    """Its value before the first token, for two sequences."""

    def to_json(self) -> dict[str, object]:
        """Describe it for the metadata."""
        shape = [*self.initial.shape[: self.batch_dim], "batch", *self.initial.shape[self.batch_dim + 1 :]]
        first = self.initial.flatten()[0].item()
        dtype = str(self.initial.dtype).removeprefix("torch.")
        return {"name": self.name, "shape": shape, "dtype": dtype, "initial": first}


class Step(nn.Module):
    """One step of a language model: tokens [B] and the tensors of all states in, logits [B, V] and the same out."""

    def __init__(self, network: LanguageModel) -> None:
        super().__init__()
        self.network = network
        self.sizes = [len(state) for state in network.initial_states(1)]

    def forward(self, tokens_B: Tensor, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the logits, then the tensors of the states after the step."""
        parts = iter(states)
        logits, after = self.network(tokens_B[None], [tuple(next(parts) for _ in range(size)) for size in self.sizes])
        return logits[0], *(part for state in after for part in state)


@dataclass(frozen=True)
class ExportableStep:
    """What the exporter to ONNX needs."""

    module: Step
    parts: tuple[StatePart, ...]
    metadata: dict[str, str]

    @property
    def tokens(self) -> Tensor:
        """An example of tokens for two sequences: with one, the exporter takes their number for a constant."""
        return torch.zeros(2, dtype=torch.int64)

    @property
    def states(self) -> tuple[Tensor, ...]:
        """The states before these tokens."""
        return tuple(part.initial for part in self.parts)


def step_of(model: TrainedLanguageModel) -> ExportableStep:
    """Return one step of the model, which is changed: its layers get forms that the exporter can trace."""
    network = model.network
    network.layers = nn.ModuleList(
        PlainTree(layer) if isinstance(layer, TreeLayer) else layer for layer in network.layers
    )
    if network.spelling is not None:  # computed once for every word, since the number of different words is dynamic
        with torch.no_grad():
            network.embedding = nn.Parameter(network.spelling(torch.arange(network.vocabulary_size)))
        network.spelling = None
    parts = _parts_of(network)
    metadata = {
        "states": json.dumps([part.to_json() for part in parts]),
        "vocabulary": json.dumps(model.vocabulary),
        "unit": unit_of(model.description),
    }
    return ExportableStep(Step(network).eval(), parts, metadata)


def _parts_of(network: LanguageModel) -> tuple[StatePart, ...]:
    states = network.initial_states(2)
    parts = [
        # A copy, since h and c may begin as one tensor, which the exporter would take for one input.
        StatePart(f"layer{number}_{name}", batch_dim=0, initial=tensor.clone())
        for number, state in enumerate(states[: len(network.layers)])
        for name, tensor in zip(PARTS_OF_LAYER, state, strict=False)
    ]
    if network.pointer is not None:
        parts += [StatePart(name, 1, tensor) for name, tensor in zip(PARTS_OF_POINTER, states[-1], strict=True)]
    return tuple(parts)


class PlainTree(nn.Module):
    """A `TreeLayer` in plain operations, which the exporter can trace; a `SequenceLayer`."""

    def __init__(self, layer: TreeLayer) -> None:
        super().__init__()
        self.layer, self.hidden_size = layer, layer.hidden_size

    def initial_state(self, x_TBI: Tensor) -> State:
        """Return zeros for the sequences in `x_TBI`."""
        return self.layer.initial_state(x_TBI)

    def forward(self, x_TBI: Tensor, state: State, recurrent_mask: None = None) -> tuple[Tensor, State]:
        """Return the outputs [T, B, H] and the state after the last step; see `SequenceLayer`."""
        (h, c), outputs = state, []
        base = self.layer.cell.base
        for from_input in functional.linear(x_TBI, self.layer.weight_ih).unbind(0):
            from_hidden = functional.linear(h, self.layer.weight_hh, self.layer.bias)
            h, c = self._step(from_input.chunk(base, 1), from_hidden.chunk(base, 1), c)
            outputs.append(h)
        return torch.stack(outputs), (h, c)

    def _step(self, u: tuple[Tensor, ...], v: tuple[Tensor, ...], c: Tensor) -> tuple[Tensor, Tensor]:
        """Return h and c after a step: the definition of `RecurrentCell`, node by node."""
        cell = self.layer.cell
        passed: list[Tensor] = []
        next_c = c
        for index, node in enumerate(cell.nodes):
            pair = (u[index], v[index]) if index < cell.base else tuple(passed[child] for child in cell.children(index))
            joined = _combined(node, *pair)
            if index == cell.read_index:
                next_c = joined
            value = _activated(node, joined)
            if index == cell.inject_index:
                value = _activated(cell.inject, _combined(cell.inject, value, c))
            passed.append(value)
        return passed[-1], next_c


def _combined(node: CellNode, left: Tensor, right: Tensor) -> Tensor:
    return COMBINE[node.combination](left, right)


def _activated(node: CellNode, z: Tensor) -> Tensor:
    return ACTIVATE[node.activation](z)


COMBINE: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "add": torch.add,
    "elem_mult": torch.mul,
    "max": torch.maximum,
}
ACTIVATE: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda z: z,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "sin": torch.sin,
}
