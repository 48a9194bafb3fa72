"""Small language models of every kind, in folders as `train` writes them, with weights that leave no part idle."""

from pathlib import Path
from typing import Any

import torch

import netwright as nw
from netwright.architectures.recurrent import (
    DeepTransition,
    Elman,
    HyperLstm,
    LayerNormLstm,
    Lstm,
    RecurrentArchitecture,
    RecurrentHighway,
)
from netwright.children.language_model import LanguageModel
from netwright.models.folder import write_model

VOCABULARY = ("<eos>", "<unk>", "the", "newt", "sat", "still")
SIZES: dict[str, Any] = {"hidden_size": 5, "num_layers": 2, "embedding_size": 3, "tied": False, "cell_bias": False}
MODELS: dict[str, tuple[RecurrentArchitecture, dict[str, Any]]] = {
    "nas cell": (nw.zoo.nas_cell(), {}),
    "nas cell, bias, tied": (nw.zoo.nas_cell(), {"cell_bias": True, "embedding_size": None, "tied": True}),
    "max cell, pointer": (nw.zoo.max_cell(), {"output_layer": "pointer-sentinel"}),
    "LSTM": (Lstm(), {}),
    "LSTM, zoneout": (Lstm(0.1, 0.2), {"num_layers": 1}),
    "LSTM, spelling": (Lstm(), {"input_layer": "char-cnn-small"}),
    "RHN": (RecurrentHighway(3), {"num_layers": 1, "embedding_size": 5, "tied": True}),
    "RHN, carry gate": (RecurrentHighway(2, coupled=False), {}),
    "Elman": (Elman(), {}),
    "DOT(S)-RNN": (DeepTransition(), {}),
    "layer-normalised LSTM": (LayerNormLstm(), {"input_layer": "one-hot"}),
    "HyperLSTM": (HyperLstm(3, 2), {}),
    "layer-normalised HyperLSTM, pointer": (HyperLstm(3, 2, layer_norm=True), {"output_layer": "pointer-sentinel"}),
}


def write_language_model(
    folder: Path,
    architecture: RecurrentArchitecture,
    *,
    vocabulary: tuple[str, ...] = VOCABULARY,
    described: dict[str, object] | None = None,
    **settings: Any,
) -> None:
    """Write a model with random weights; `described` is added to its model.json."""
    settings = {**SIZES, **settings}
    network = LanguageModel(architecture, len(vocabulary), seed=0, init_range=1, vocabulary=vocabulary, **settings)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.uniform_(-1, 1, generator=generator)
    write_model(
        folder, network, architecture, {"kind": "text", "vocabulary": vocabulary, **settings, **(described or {})}
    )


def some_tokens(num_steps: int, num_sequences: int) -> torch.Tensor:
    """Token numbers [T, B]."""
    return torch.randint(0, len(VOCABULARY), (num_steps, num_sequences), generator=torch.Generator().manual_seed(2))
