"""The LSTM of medium size (Zaremba et al. 2014) on the Penn Treebank: its curve, and its test with and without dropout.

    netwright train lstm-medium --task ptb --grid none --set evaluate.precision=float32 --data FOLDER
    python benchmarks/lstm_medium.py models/lstm-medium --data FOLDER        # 25 minutes of one core

Monte-Carlo evaluation averages the probabilities of 50 passes with the dropout of the training; `netwright train
--mc-samples 50` does the same at the end of the training. Writes results/lstm_medium.json and a picture.
"""

import argparse
import json
from pathlib import Path

from checkout import ROOT, commit
from line_picture import write_picture

from netwright.architectures.recurrent import Lstm
from netwright.architectures.values import fingerprint
from netwright.children.dropout import Dropout
from netwright.models.folder import load, read_description
from netwright.models.language import TrainedLanguageModel
from netwright.recipes.reference_models import REFERENCE_MODELS
from netwright.searching.provenance import provenance
from netwright.seeds import derive_seed
from netwright.tasks.catalog import open_text
from netwright.training.perplexity import MonteCarlo, measure_nats_per_token, perplexity_of
from netwright.training.speed import Speed

NUM_SAMPLES = 50
RESULTS = Path(__file__).parent / "results" / "lstm_medium.json"
PICTURE = ROOT / "docs" / "pictures" / "lstm-medium.svg"


def monte_carlo_perplexity(folder: Path, data: Path) -> float:
    """Return the test perplexity by Monte-Carlo evaluation of a trained model."""
    model, description = load(folder), read_description(folder)
    assert isinstance(model, TrainedLanguageModel)
    settings = description["settings"]
    seed = derive_seed(description["plan"]["seed"], "monte carlo", fingerprint(Lstm()))
    monte_carlo = MonteCarlo(Dropout(**settings["dropout"]), NUM_SAMPLES, seed)
    test, speed = open_text("ptb", data, verify=False).test, Speed(precision="float32")
    return perplexity_of(
        measure_nats_per_token(model.network, test, speed=speed, window=settings["window"], monte_carlo=monte_carlo)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="the folder of the trained model")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the official files")
    arguments = parser.parse_args()
    model = read_description(arguments.model)
    published = float(REFERENCE_MODELS["lstm-medium"]().published.split()[0])
    found = {
        "test_perplexity": model["metrics"]["test_perplexity"],
        "test_perplexity_monte_carlo": monte_carlo_perplexity(arguments.model, arguments.data),
        "mc_samples": NUM_SAMPLES,
        "published_test_perplexity": published,
        "validation_perplexities": model["validation_perplexities"],
        "trained": {name: model[name] for name in ("created", "versions", "hardware", "data", "settings")},
    }
    document = {**found, **provenance(), "commit": commit()}
    document["command"] = ["python", "benchmarks/lstm_medium.py", "models/lstm-medium", "--data", "FOLDER"]
    RESULTS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    validation = list(enumerate(found["validation_perplexities"], start=1))
    epochs, tested = len(validation), found["test_perplexity"]
    curves = {
        "on validation": validation,
        f"test {tested:.1f}": [(epochs - 2, tested), (epochs, tested)],
        f"test, published {published}": [(epochs - 2, published), (epochs, published)],
    }  # fmt: skip
    write_picture(PICTURE, "LSTM of medium size on the Penn Treebank", "epochs", "perplexity", curves)
    print(json.dumps({name: value for name, value in found.items() if name.startswith("test_")}))


if __name__ == "__main__":
    main()
