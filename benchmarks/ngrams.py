"""Perplexities of the n-gram models KN-5 and KN-5 with cache on the Penn Treebank, and the seconds that they take.

    python benchmarks/ngrams.py --data FOLDER      # half a minute

Counts both by `netwright train` and writes benchmarks/results/ngrams.json. Published (Mikolov & Zweig 2012): 141.2 and
125.7.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from checkout import commit

from netwright.recipes.ngram_models import NGRAM_MODELS
from netwright.searching.provenance import provenance

RESULTS = Path(__file__).parent / "results" / "ngrams.json"
COMMAND = ["python", "benchmarks/ngrams.py", "--data", "FOLDER"]


def counted(name: str, data: Path, folder: Path) -> dict[str, object]:
    began = time.perf_counter()
    options = ["--task", "ptb", "--data", str(data), "--out", str(folder / name)]
    subprocess.run([sys.executable, "-m", "netwright", "train", name, *options], check=True)
    seconds = time.perf_counter() - began
    model = json.loads((folder / name / "model.json").read_text(encoding="utf-8"))
    return {
        "published": NGRAM_MODELS[name].published,
        "settings": model["plan"]["settings"],
        **model["metrics"],
        "seconds": round(seconds, 1),
        **{key: model[key] for key in ("data", "versions", "hardware")},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder of the official files")
    data = parser.parse_args().data
    with tempfile.TemporaryDirectory() as folder:
        results = {name: counted(name, data, Path(folder)) for name in NGRAM_MODELS}
    document = {"results": results, **provenance(), "command": COMMAND, "commit": commit()}
    RESULTS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
