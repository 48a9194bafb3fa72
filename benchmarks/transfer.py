"""The NAS cell beside the LSTM on characters and in a translator, each with its own settings from the same grid.

    python benchmarks/transfer.py --data FOLDER --only characters     # hours; run it again to go on
    python benchmarks/transfer.py --data FOLDER --only translation

FOLDER has the files of the Penn Treebank (ptb/) and of Multi30k (multi30k/). Sizes and epochs are fixed here, before
any training. For each cell, `netwright train` trains the grid with seed 0, and the further seeds with the point that
won; the NAS cell is also trained at the LSTM's point. Models go to --work, from which a killed run continues; results
to benchmarks/results/transfer-*.json, curves to docs/pictures.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from checkout import ROOT, commit
from line_picture import write_picture

from netwright.architectures.costs import hidden_size_for, translator_multiply_adds
from netwright.architectures.published import PUBLISHED
from netwright.architectures.recurrent import Lstm, RecurrentArchitecture
from netwright.compare.statistics import spread
from netwright.models.folder import load, read_description
from netwright.recipes.reference_models import VOCABULARIES
from netwright.searching.provenance import provenance
from netwright.tasks.catalog import open_parallel

LSTM, NAS = "lstm", "nas-cell"
CELLS: Mapping[str, RecurrentArchitecture] = {LSTM: Lstm(), NAS: PUBLISHED[NAS]()}
NUM_EXAMPLES = 10
UNITS = 256
"""Of the LSTM; those of the NAS cell follow."""


@dataclass(frozen=True)
class Experiment:
    """What is trained.

    Args:
        command: The words of `netwright train` before the cell's options.
        folder: The folder of the data, below --data.
        settings: Of every training, `--set` each.
        grid: Of the trainings with a grid, `--set` each.
        chosen: The settings that the grid chooses, with the metric of the same name in model.json.
        units: The hidden size of each cell.
        metric: The test metric.
        unit: What a perplexity is for.
    """

    command: Mapping[str, tuple[str, ...]]
    folder: str
    settings: tuple[str, ...]
    grid: tuple[str, ...]
    chosen: tuple[str, ...]
    units: Mapping[str, int]
    metric: str
    unit: str


def of_equal_size() -> dict[str, int]:
    """Return the units of one layer with as many parameters in a model of characters."""
    sizes = {"num_layers": 1, "tied": False, "embedding_size": 128, "cell_bias": False}
    lstm = 4 * UNITS * (128 + UNITS + 1) + 50 * (128 + UNITS + 1)
    vocabulary_size = VOCABULARIES["ptb-characters"]
    return {LSTM: UNITS, NAS: hidden_size_for(lstm, CELLS[NAS], vocabulary_size, **sizes)}


def of_equal_compute() -> dict[str, int]:
    """Return the units with the multiply-adds of the LSTM's translator, as near as whole units allow."""
    shape = {"num_encoder_layers": 2, "num_decoder_layers": 2, "cell_bias": False}

    def count(name: str, units: int) -> int:
        return translator_multiply_adds(CELLS[name], 4000, hidden_size=units, **shape)

    wanted = count(LSTM, UNITS)
    return {LSTM: UNITS, NAS: min(range(1, 2 * UNITS), key=lambda units: abs(count(NAS, units) - wanted))}


EXPERIMENTS = {
    "characters": Experiment(
        command={name: (name, "--task", "ptb-characters") for name in CELLS},
        folder="ptb",
        settings=(
            "evaluate.num_layers=1", "evaluate.epochs=5", "evaluate.learning_rate=0.002", "evaluate.weight_decay=0",
            "evaluate.constant_epochs=3", "evaluate.decay=3", "evaluate.dropout.inputs=0", "evaluate.dropout.output=0",
            "evaluate.dropout.state=0", "evaluate.precision=float32",
        ),
        grid=(
            "evaluate.num_train_tokens=500000", "evaluate.num_validation_tokens=100000", "final.learning_rates=[1,2]",
            "final.init_ranges=[1,2]", "final.dropouts=[1]", "final.constant_epochs=[1]", "final.warm_ups=[0,0.1]",
        ),
        chosen=("learning_rate", "init_range", "warm_up"),
        units=of_equal_size(),
        metric="test_bits_per_character",
        unit="character",
    ),
    "translation": Experiment(
        command={name: ("gnmt", "--task", "multi30k", "--cell", name) for name in CELLS},
        folder="multi30k",
        settings=("evaluate.precision=float32",),
        grid=(
            "evaluate.num_train_pairs=4000", "final.learning_rates=[1,0.5]", "final.init_ranges=[1,2]",
            "final.warm_ups=[0.05,0.2]",
        ),
        chosen=("learning_rate", "init_range", "warm_up"),
        units=of_equal_compute(),
        metric="test_bleu",
        unit="piece",
    ),
}  # fmt: skip


def assigned(settings: Sequence[str]) -> list[str]:
    return [word for setting in settings for word in ("--set", setting)]


def trained(experiment: Experiment, cell: str, data: Path, folder: Path, seed: int, options: Sequence[str]) -> dict:
    """Train a model, unless its folder is there already, and return its model.json."""
    command = ["train", *experiment.command[cell], "--hidden", str(experiment.units[cell]), "--seed", str(seed)]
    command += [*options, *assigned(experiment.settings), "--workers", "1"]
    command += ["--data", str(data / experiment.folder), "--out", str(folder)]
    if not folder.exists():
        print(" ".join(command), flush=True)
        subprocess.run([sys.executable, "-m", "netwright", *command], check=True)
    return read_description(folder)


def result_of(model: dict, experiment: Experiment) -> dict[str, object]:
    """Return what is stored of a training."""
    settings = {**model["plan"]["search_settings"], **model["settings"]}
    return {
        "seed": model["plan"]["seed"],
        "settings": {name: settings[name] for name in experiment.chosen},
        "epochs": settings["epochs"],
        "hidden_size": model["hidden_size"],
        "metrics": model["metrics"],
        "validation_perplexities": model["validation_perplexities"],
        "training_losses": model["training_losses"],
        "grid": [
            {**{name: point["settings"][name] for name in experiment.chosen if name in point["settings"]},
             **{name: point[name] for name in ("validation_perplexity", "error", "seconds") if name in point}}
            for point in model["grid"]
        ] if len(model["grid"]) > 1 else [],
        "data": model["data"],
        "hardware": model["hardware"],
        "created": model["created"],
    }  # fmt: skip


def examples(data: Path, models: Mapping[str, Path]) -> list[dict[str, str]]:
    """Return the first test sentences with their reference and the translation of each model."""
    test = open_parallel("multi30k", data, verify=False).test
    sources, references = (test[language][:NUM_EXAMPLES] for language in ("en", "de"))
    found = {name: load(folder)(list(sources)) for name, folder in models.items()}
    return [
        {"en": source, "reference": reference, **{name: lines[number] for name, lines in found.items()}}
        for number, (source, reference) in enumerate(zip(sources, references, strict=True))
    ]


def run(name: str, data: Path, work: Path, num_seeds: int) -> None:
    """Train everything of an experiment and write its results."""
    experiment, results, example_lines = EXPERIMENTS[name], {}, []
    path = ROOT / "benchmarks" / "results" / f"transfer-{name}.json"
    chosen: dict[str, list[str]] = {}

    def write() -> None:
        command = ["python", "benchmarks/transfer.py", "--data", "FOLDER", "--only", name]
        document = {"metric": experiment.metric, "results": results, **provenance(), "command": command}
        document |= {"commit": commit(), "examples": example_lines}
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def store(label: str, models: list[dict]) -> None:
        values = [model["metrics"][experiment.metric] for model in models]
        trainings = [result_of(model, experiment) for model in models]
        results[label] = {**asdict(spread(values)), "trainings": trainings}
        write()
        print(f"{label}: {experiment.metric} {values}", flush=True)

    for cell in CELLS:
        models = [trained(experiment, cell, data, work / f"{name}-{cell}-seed0", 0, assigned(experiment.grid))]
        settings = result_of(models[0], experiment)["settings"]
        chosen[cell] = ["--grid", "none", *assigned([f"evaluate.{key}={value}" for key, value in settings.items()])]
        for seed in range(1, num_seeds):
            models.append(trained(experiment, cell, data, work / f"{name}-{cell}-seed{seed}", seed, chosen[cell]))
        store(cell, models)
    store(
        f"{NAS}, the LSTM's settings",
        [trained(experiment, NAS, data, work / f"{name}-{NAS}-lstm-settings", 0, chosen[LSTM])],
    )
    if name == "translation":
        example_lines += examples(data / experiment.folder, {cell: work / f"{name}-{cell}-seed0" for cell in CELLS})
        write()
    curves = {
        label: list(enumerate(result["trainings"][0]["validation_perplexities"], start=1))
        for label, result in results.items()
    }
    title, picture = f"Transfer to {name}: validation perplexity of a {experiment.unit}", f"transfer-{name}.svg"
    write_picture(ROOT / "docs" / "pictures" / picture, title, "epochs", "seed 0", curves)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder with ptb/ and multi30k/")
    parser.add_argument("--only", choices=list(EXPERIMENTS), action="append", help="by default both")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path("runs/transfer"))
    options = parser.parse_args()
    for name in options.only or EXPERIMENTS:
        run(name, options.data, options.work, options.seeds)


if __name__ == "__main__":
    main()
