"""The NAS cell beside the LSTM on characters and in a translator, each with its own settings from the same grid.

    python benchmarks/transfer.py --data FOLDER --only characters     # hours; run it again to go on
    python benchmarks/transfer.py --data FOLDER --only translation

FOLDER has the files of the Penn Treebank (ptb/) and of Multi30k (multi30k/). Sizes and epochs are fixed here, before
any training. For each cell, `netwright train` trains the grid with seed 0, and the further seeds with the point that
won; the NAS cell is also trained at the LSTM's point. Models go to --work, from which a killed run continues; results
to benchmarks/results/transfer-*.json, curves to docs/pictures. What the results have is not trained again.
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


def command_of(experiment: Experiment, cell: str, data: Path, folder: Path, seed: int, options: Sequence[str]) -> list:
    """Return the words of the training after `netwright`."""
    command = ["train", *experiment.command[cell], "--hidden", str(experiment.units[cell]), "--seed", str(seed)]
    command += [*options, *assigned(experiment.settings), "--workers", "1"]
    return [*command, "--data", str(data / experiment.folder), "--out", str(folder)]


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


class Trainings:
    """The trainings of an experiment: those in its result file are read, others are done, by label and seed.

    Args:
        name: The name of the experiment.
        data: The folder with the data of both.
        work: The folder of the models.
        collect: Whether to train nothing, and to take only models that are complete in `work`.
    """

    def __init__(self, name: str, data: Path, work: Path, *, collect: bool) -> None:
        self.experiment, self.name, self.data, self.work = EXPERIMENTS[name], name, data, work
        self._collect = collect
        self._path = ROOT / "benchmarks" / "results" / f"transfer-{name}.json"
        stored = json.loads(self._path.read_text(encoding="utf-8")) if self._path.exists() else {}
        self.examples: list[dict[str, str]] = stored.get("examples", [])
        self.done: dict[str, dict[int, dict]] = {
            label: {training["seed"]: training for training in result["trainings"]}
            for label, result in stored.get("results", {}).items()
        }

    def folder(self, cell: str, suffix: str) -> Path:
        """Return the folder of a model."""
        return self.work / f"{self.name}-{cell}-{suffix}"

    def training(self, label: str, cell: str, seed: int, options: Sequence[str], suffix: str = "") -> dict | None:
        """Return a training, after doing it if it is new; None if it is new and nothing is to be trained."""
        done, folder = self.done.setdefault(label, {}), self.folder(cell, suffix or f"seed{seed}")
        if seed not in done:
            if not folder.exists() and not self._collect:
                command = command_of(self.experiment, cell, self.data, folder, seed, options)
                print(" ".join(command), flush=True)
                subprocess.run([sys.executable, "-m", "netwright", *command], check=True)
            if not folder.exists():
                return None
            done[seed] = result_of(read_description(folder), self.experiment)
            self.write()
            print(f"{label}, seed {seed}: {self.experiment.metric} {done[seed]['metrics'][self.experiment.metric]}")
        return done[seed]

    def write(self) -> None:
        """Write the result file: the mean and the interval of each label, and its trainings."""
        results = {}
        for label, done in self.done.items():
            trainings = [done[seed] for seed in sorted(done)]
            if trainings:
                values = [training["metrics"][self.experiment.metric] for training in trainings]
                results[label] = {**asdict(spread(values)), "trainings": trainings}
        command = ["python", "benchmarks/transfer.py", "--data", "FOLDER", "--only", self.name]
        document = {"metric": self.experiment.metric, "results": results, **provenance(), "command": command}
        document |= {"commit": commit(), "examples": self.examples}
        self._path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def run(name: str, data: Path, work: Path, num_seeds: int, *, collect: bool) -> None:
    """Train everything of an experiment that is not in its results, and write these."""
    trainings, chosen = Trainings(name, data, work, collect=collect), dict[str, list[str]]()
    for cell in CELLS:
        first = trainings.training(cell, cell, 0, assigned(trainings.experiment.grid))
        if first is None:
            continue
        settings = [f"evaluate.{key}={value}" for key, value in first["settings"].items()]
        chosen[cell] = ["--grid", "none", *assigned(settings)]
        for seed in range(1, num_seeds):
            trainings.training(cell, cell, seed, chosen[cell])
    if LSTM in chosen:
        trainings.training(f"{NAS}, the LSTM's settings", NAS, 0, chosen[LSTM], "lstm-settings")
    models = {cell: trainings.folder(cell, "seed0") for cell in CELLS}
    if name == "translation" and not trainings.examples and all(model.exists() for model in models.values()):
        trainings.examples += examples(data / trainings.experiment.folder, models)
        trainings.write()
    curves = {
        label: list(enumerate(done[0]["validation_perplexities"], start=1))
        for label, done in trainings.done.items()
        if 0 in done
    }
    title, picture = (
        f"Transfer to {name}: validation perplexity of a {trainings.experiment.unit}",
        f"transfer-{name}.svg",
    )
    write_picture(ROOT / "docs" / "pictures" / picture, title, "epochs", "seed 0", curves)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder with ptb/ and multi30k/")
    parser.add_argument("--only", choices=list(EXPERIMENTS), action="append", help="by default both")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path("runs/transfer"))
    parser.add_argument("--collect", action="store_true", help="train nothing; take the models that --work has")
    options = parser.parse_args()
    for name in options.only or EXPERIMENTS:
        run(name, options.data, options.work, options.seeds, collect=options.collect)


if __name__ == "__main__":
    main()
