"""Milliseconds of the published cell, forward and backward over 35 steps of 20 sequences, beside an LSTM's.

    python benchmarks/cells.py

One thread, and freed memory is kept, as in a search's workers; float32 unless said otherwise. Every row has as many
parameters as the LSTM of its table. The rows take turns, so that a machine whose speed drifts slows all of them; ratios
are taken within a turn. "torch's products" and "nothing packed" are netwright's layer without a part of what makes it
fast.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.execution.process import keep_freed_memory
from netwright.nn import NAS, HighwayLayer, TreeLayer, fused
from netwright.nn.interface import SequenceLayer, State
from netwright.searching.provenance import hardware
from oracles.recurrent_reference import reference_step

STEPS, BATCH = 35, 20
Forward = Callable[[Tensor], Tensor]
Way = tuple[Forward, Tensor, Callable[[], AbstractContextManager[object]]]
"""Input to output, the input, what is different while it runs."""


def one_step(layer: TreeLayer, u: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    v = functional.linear(h, layer.weight_hh)
    return reference_step(layer.cell, u.chunk(8, 1), v.chunk(8, 1), c)


def loop(layer: TreeLayer, step: Callable[..., State], x: Tensor) -> Tensor:
    h, c = layer.initial_state(x)
    outputs = []
    for u in functional.linear(x, layer.weight_ih).unbind(0):
        h, c = step(layer, u, h, c)
        outputs.append(h)
    return torch.stack(outputs)


def over_sequence(layer: SequenceLayer, x: Tensor) -> Tensor:
    return layer(x, layer.initial_state(x))[0]


@contextmanager
def without_packing() -> Iterator[None]:
    with patch.object(fused, "packed", lambda weight, num_rows, times: weight):
        yield


@contextmanager
def torchs_products() -> Iterator[None]:
    with without_packing(), patch.object(fused, "linear", functional.linear):
        yield


def ways(hidden: int, device: torch.device, compiled: bool) -> dict[str, Way]:
    """Everything that is timed, with sizes that have the parameters of an LSTM of `hidden` units."""
    of_cell, of_highway = round(hidden / 2**0.5), round(hidden * (8 / 22) ** 0.5)
    lstm, nas = nn.LSTM(hidden, hidden).to(device), NAS(of_cell, of_cell).to(device)
    tree = nas.layers[0]
    highway = HighwayLayer(of_highway, of_highway, depth=10).to(device)
    x_lstm, x, x_highway = (
        torch.randn(STEPS, BATCH, size, device=device, requires_grad=True) for size in (hidden, of_cell, of_highway)
    )
    in_bfloat16 = partial(torch.autocast, device.type, torch.bfloat16)
    rows: dict[str, Way] = {
        "nn.LSTM": (lambda x: lstm(x)[0], x_lstm, nullcontext),
        "NAS": (lambda x: nas(x)[0], x, nullcontext),
        "NAS, plain loop": (partial(loop, tree, one_step), x, nullcontext),
        "NAS, torch's products": (lambda x: nas(x)[0], x, torchs_products),
        "NAS, nothing packed": (lambda x: nas(x)[0], x, without_packing),
        "RHN of depth 10": (partial(over_sequence, highway), x_highway, nullcontext),
        "nn.LSTM, bfloat16": (lambda x: lstm(x)[0], x_lstm, in_bfloat16),
        "NAS, bfloat16 products": (lambda x: nas(x)[0], x, in_bfloat16),
    }
    if compiled:
        rows["NAS, loop of a compiled step"] = (partial(loop, tree, torch.compile(one_step)), x, nullcontext)
    return rows


def milliseconds(way: Way, device: torch.device) -> float:
    forward, x, setting = way
    if device.type == "cuda":
        torch.cuda.synchronize()
    begun = time.perf_counter()
    with setting():
        outputs = forward(x)
    outputs.sum().backward()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return 1000 * (time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hidden", type=int, nargs="+", default=[200, 650], help="of the LSTM")
    parser.add_argument("--turns", type=int, default=9)
    parser.add_argument("--compiled", action="store_true", help="a compiled step too, which takes a C++ compiler")
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    print(f"hardware: {hardware()}, on {device.type}, one thread, torch {torch.__version__}")
    for hidden in options.hidden:
        rows = ways(hidden, device, options.compiled)
        for way in rows.values():
            milliseconds(way, device)  # warm up
        turns = [{name: milliseconds(way, device) for name, way in rows.items()} for _ in range(options.turns)]
        print(f"\nLSTM of {hidden} units and what has as many parameters; medians of {options.turns} turns")
        for name in rows:
            taken = statistics.median(turn[name] for turn in turns)
            ratio = statistics.median(turn[name] / turn["nn.LSTM"] for turn in turns)
            print(f"{name:30} {taken:8.1f} ms {ratio:6.2f} x", flush=True)


if __name__ == "__main__":
    main()
