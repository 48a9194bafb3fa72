"""What netwright says of the runs and models in tests/fixtures/older, as JSON: the same questions to old and new.

`netwright` is the command line as a function: arguments in, (standard output, standard error) out.
"""

import ast
import hashlib
import json
import platform
import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import netwright as nw

Netwright = Callable[..., tuple[str, str]]

TABLE = ("digits-table", "random,evolution")
FOLDER = Path(__file__).parents[1] / "fixtures" / "older"
WORDS = FOLDER / "words.txt"
STRATEGIES = {
    "random": [],
    "reinforce": ["strategy.hidden_size=6", "strategy.num_layers=1"],
    "independent": ["strategy.policy=independent"],
    "ppo": ["strategy.hidden_size=6"],
    "pqt": ["strategy.hidden_size=6", "strategy.num_layers=1"],
    "thompson": ["strategy.num_random=6"],
    "evolution": ["strategy.population=6", "strategy.sample=3"],
    "large-scale-evolution": ["strategy.population=6"],
    "q-learning": ["strategy.num_models=20", "strategy.replay=5"],
    "optuna": [],
}
"""Settings with which each strategy keeps a small state; "independent" is reinforce without a network."""
NUM_BEFORE, NUM_AFTER = 12, 18
"""Trials that the runs of STRATEGIES have, and to how many they are extended."""
LONG = ("--grid", "small", "--epochs", 12, "--workers", 1, "--set", "final.learning_rates=[1,0.5]")
LONG = (*LONG, "--set", "final.weight_decays=[1]", "--set", "final.epsilons=[1e-5]", "--set", "final.decays_at=[null]")
"""A final training with a grid of two points; `finished/long.unfinished` is it, stopped in its last part."""
RESUMED: dict[str, tuple[object, ...]] = {
    "finished": ("--trials", 10, "--workers", 1),
    "interrupted": ("--workers", 1),
    "cells": ("--trials", 5, "--workers", 1, "--data", WORDS),
    "metaqnn": (),
}
"""Runs that children are trained for, and how they go on; the last one has nothing left to do."""


GROWING = nw.Schedule(start=2, step=1, interval=10, stop=4)


@nw.space
def widths(max_layers: Any = GROWING):  # type: ignore[no-untyped-def]
    """A user's space with everything that a stored run must be able to name: a schedule, a choice, a subset."""
    layers: list[dict[str, Any]] = []
    for index in range(max_layers):
        width = yield nw.Choice("width", (8, 16, 32))
        inputs = yield nw.Subset("inputs", of=index)
        layers.append({"width": width, "inputs": list(inputs)})
    return layers


def quality(layers: list[dict[str, Any]]) -> float:
    """A user's function; sums of binary fractions, so exact anywhere."""
    return sum(layer["width"] / 128 - len(layer["inputs"]) / 64 for layer in layers)


def machine() -> list[str]:
    """What decides how floating-point numbers round; elsewhere a training ends a little differently."""
    return [torch.backends.cpu.get_cpu_capability(), torch.__version__.partition("+")[0], platform.machine()]


def shown(netwright: Netwright, run: Path) -> dict[str, Any]:
    """Everything of a run but its times and settings, and the confirmed means of the table."""
    document = json.loads(netwright("show", run, "--json")[0])
    kept = ("number", "state", "reward", "actions", "architecture", "metrics", "policy_version", "reused_from", "error")
    best = document["best"]
    return {
        **{name: document[name] for name in ("recipe", "seed", "state", "data")},
        "trials": [{name: trial[name] for name in kept} for trial in document["trials"]],
        "best": best and {"number": best["number"], "confirmed": best["confirmed"]},
        "confirmed": re.findall(r"^\d+ +(\d+) +(\S+ (?:± \S+ )?\(n=\d+\))", netwright("show", run)[0], re.M),
    }


def resumed(netwright: Netwright, run: Path, *options: object) -> dict[str, Any]:
    netwright("resume", run, *options)
    return shown(netwright, run)


def confirmed(netwright: Netwright, run: Path) -> dict[str, Any]:
    """The two best ones with a third seed; what the run holds of the first two is used again."""
    netwright("confirm", run, "--top", 2, "--num-seeds", 3, "--workers", 1)
    return {name: value for name, value in shown(netwright, run).items() if name in ("best", "confirmed")}


def replayed(netwright: Netwright, run: Path) -> dict[str, str]:
    said = netwright("replay", run)[0]
    numbers = re.search(r"([\d,]+) architectures (?:drawn|sampled), ([\d,]+) batches learned", said)
    digest = re.search(r"sha256 (\w{64})", said)
    assert numbers, said
    assert digest, said
    return {"drawn": numbers[1], "learned": numbers[2], "sha256": digest[1]}


def trained(netwright: Netwright, run: Path) -> dict[str, Any]:
    """The best one trained for one epoch."""
    netwright("train", run, "--grid", "none", "--epochs", 1, "--workers", 1, "-o", run / "short")
    return dict(nw.load(run / "short").description["metrics"])


def trained_on(netwright: Netwright, run: Path) -> dict[str, Any]:
    """A final training that was stopped after its grid and some epochs goes on; "begun" is where."""
    said = netwright("train", run, *LONG, "-o", run / "long")[1]
    ended = [int(epochs) for epochs in re.findall(r"final_training=(\d+)/12", said)]
    description = nw.load(run / "long").description
    grid = [point["validation_accuracy"] for point in description["grid"]]
    return {**description["metrics"], "grid": grid, "losses": description["training_losses"], "begun": ended[1] - 1}


def trained_on_text(netwright: Netwright, folder: Path) -> dict[str, Any]:
    """The published cell as a tiny language model."""
    netwright(
        *("train", "nas-cell", "--task", "text", "--data", WORDS, "--grid", "none", "--hidden", 8, "--epochs", 1),
        *("--set", "evaluate.precision=float32", "--set", "evaluate.num_layers=1", "-o", folder),
    )
    return dict(nw.load(folder).description["metrics"])


def image_model(netwright: Netwright, folder: Path) -> dict[str, Any]:
    """The loaded network on fixed images, and its code."""
    network = nw.load(folder)
    pixels = torch.arange(2 * 8 * 8).reshape(2, 1, 8, 8) * 37 % 256
    with torch.no_grad():
        logits = network(pixels.to(torch.uint8))
        netwright("export", folder, "--to", "code", "-o", folder.with_suffix(".py"))
        exported = runpy.run_path(str(folder.with_suffix(".py")))["load_network"]()(pixels.to(torch.uint8))
    assert torch.equal(exported, logits)
    return {
        "logits": logits.tolist(),
        "class_names": list(network.class_names),
        "num_parameters": sum(weight.numel() for weight in network.parameters()),
        "metrics": network.description["metrics"],
        "code": code_sha256(folder.with_suffix(".py")),
    }


def language_model(folder: Path) -> dict[str, Any]:
    """The loaded model on a fixed sentence."""
    network = nw.load(folder)
    return {
        "nats": network.nats(["the", "old", "fox", "hears", "the", "hen", "<eos>", "the", "small", "owl"]).tolist(),
        "vocabulary": list(network.vocabulary),
        "num_parameters": sum(weight.numel() for weight in network.parameters()),
        "metrics": network.description["metrics"],
    }


READING = ("opened_image", "decoded", "fitted", "read_image", "main")
TESTED = ("TESTED", "TEMPERATURE")
"""What newer code tells of the test, and uses for the probabilities that it prints."""


def code_sha256(path: Path) -> str:
    """Of the network's code: comments, docstrings and its layout do not count, nor how image files are read.

    The figures of the test do not count either.

    Older code ignored orientation and transparency (tests/models/test_export_code.py compares with training).
    """
    tree = ast.parse(path.read_text())
    tree.body = [
        node
        for node in tree.body
        if not (isinstance(node, ast.FunctionDef) and node.name in READING)
        and not (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in TESTED)
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()


def compared(netwright: Netwright, folder: Path) -> dict[str, Any]:
    """The comparison with a fourth seed; the runs of the first three are read."""
    recipe, strategies = TABLE
    command = ("compare", recipe, "--strategies", strategies, "--num-seeds", 4, "--trials", 20, "--workers", 1)
    return dict(json.loads(netwright(*command, "--json", "-o", folder)[0]))


def searched_from_python(run: Path, num_trials: int) -> dict[str, Any]:
    """The call of `nw.search` that made the run, or extends it."""
    results = nw.search(widths(), quality, num_trials=num_trials, seed=3, batch_size=4, strategy="evolution", out=run)
    return {
        "trials": [
            [trial.number, str(trial.state), trial.reward, trial.fingerprint, trial.proposal.architecture]
            for trial in results.trials
        ],
        "best": results.best.number,
    }
