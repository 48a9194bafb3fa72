"""The results that docs/tables.md shows, read from benchmarks/results/*.json."""

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, TypeAdapter
from pydantic import ValidationError as Invalid
from table_rows import Row

from netwright.errors import DataError
from netwright.files import LARGEST_JSON, read_whole

Content = TypeVar("Content")
FOLDER = Path(__file__).parent / "results"
TRAININGS, ESTIMATES = "trainings.json", "estimates.json"
REFERENCE_NETWORKS, NGRAMS = "reference_networks.json", "ngrams.json"
MAKERS = {
    TRAININGS: "tables.py --add",
    ESTIMATES: "tables.py --estimate",
    REFERENCE_NETWORKS: "reference_networks.py",
    NGRAMS: "ngrams.py",
}
"""What writes each file."""
ABSOLUTE = re.compile(r"(^|=)[/~].*")
"""A path of one machine, or an option with one."""
DATA = "--data"
"""The word after it names a folder of one machine, however it is written."""


class Stored(BaseModel):
    """Base class of what a result file holds; members that no table needs are ignored."""

    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)


class Entry(Stored):
    """One training.

    `epochs` is None for a model that is counted, `seed` for one without randomness. `changed` says what was made
    smaller, `minutes` is the processor time of one core from which the epochs followed.
    """

    model_config = ConfigDict(extra="forbid")

    command: str
    seed: int | None
    data: str
    epochs: PositiveInt | None
    metric: str
    value: float
    num_parameters: PositiveInt
    hardware: str
    commit: str
    date: str
    changed: str = ""
    minutes: PositiveFloat | None = None

    @property
    def card(self) -> str:
        """The GPU's name; empty for a training on a processor."""
        return self.hardware.partition("cores), ")[2]


class Estimate(Stored):
    """The time of one training on one core; `problem` says why there is none."""

    model_config = ConfigDict(extra="forbid")

    epochs: PositiveInt
    epoch_seconds: PositiveFloat | None
    problem: str
    hardware: str
    commit: str
    date: str

    @property
    def core_hours(self) -> float | None:
        """The hours of one core for all epochs."""
        return None if self.epoch_seconds is None else self.epoch_seconds * self.epochs / 3600


class _Estimates(Stored):
    estimates: dict[str, Estimate]


class _Counted(Stored):
    test_perplexity: PositiveFloat
    num_ngrams: list[PositiveInt]
    data: str
    hardware: str


class _Ngrams(Stored):
    command: list[str]
    commit: str
    created: str
    results: dict[str, _Counted]


class _NetworkTraining(Stored):
    epochs: PositiveInt
    test_accuracy: float = Field(ge=0, le=1)
    num_parameters: PositiveInt


class _ReferenceNetworks(Stored):
    trainings: dict[str, _NetworkTraining]
    command: list[str]
    minutes: PositiveFloat
    data: str
    commit: str
    created: str
    hardware: str


class Results:
    """All results, by the key of a row.

    Args:
        folder: The folder of the result files; a missing file holds no results.

    Raises:
        DataError: A file is not as the program that writes it leaves it.
    """

    def __init__(self, folder: Path = FOLDER):
        trainings = read(folder / TRAININGS, TypeAdapter(dict[str, list[Entry]])) or {}
        networks = read(folder / REFERENCE_NETWORKS, TypeAdapter(_ReferenceNetworks))
        ngrams = read(folder / NGRAMS, TypeAdapter(_Ngrams))
        self.trainings = trainings
        self.estimates = read_estimates(folder)
        self._networks = _entries_of_networks(networks) if networks else {}
        self._ngrams = _entries_of_ngrams(ngrams) if ngrams else {}

    def of(self, row: Row, metric: str) -> list[Entry]:
        """Return the trainings of a row that measured `metric`, smaller forms last."""
        added = [entry for entry in self.trainings.get(row.key, []) if entry.metric == metric]
        smaller = [
            entry.model_copy(update={"changed": changed})
            for name, changed in row.smaller.items()
            for entry in self._networks.get(name, [])
        ]
        return [*self._ngrams.get(row.key, []), *added, *smaller]

    def num_ngrams(self, name: str) -> int | None:
        """Return the number of n-grams that a model counted; None before it was."""
        return self._ngrams[name][0].num_parameters if name in self._ngrams else None


def read_estimates(folder: Path) -> dict[str, Estimate]:
    """Return the estimates so far, by the command of the training."""
    stored = read(folder / ESTIMATES, TypeAdapter(_Estimates))
    return dict(stored.estimates) if stored else {}


def read(path: Path, content: TypeAdapter[Content]) -> Content | None:
    """Read a result file; None if it is missing, `DataError` if it is malformed."""
    maker = f"python benchmarks/{MAKERS[path.name]}"
    try:
        return content.validate_json(read_whole(path, LARGEST_JSON))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}; expected what `{maker}` writes") from None
    except Invalid as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise DataError(
            f"{path} cannot be used: {place}: {first['msg']}; expected what `{maker}` writes: restore the file, or "
            "remove it and write it again"
        ) from None


def write(path: Path, document: Mapping[str, object]) -> None:
    """Write a result file as a whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".new")
    scratch.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    scratch.replace(path)


def shown_command(words: Sequence[str]) -> str:
    """Return a command line as text, without the paths of one machine."""
    program, benchmark = words[0], words[0].partition("benchmarks/")[2]
    is_netwright = program.endswith(("netwright", "netwright/__main__.py"))
    begin = "netwright" if is_netwright else f"python benchmarks/{benchmark}" if benchmark else Path(program).name
    shown = [
        "FOLDER" if before == DATA else ABSOLUTE.sub(r"\1FOLDER", word) for before, word in itertools.pairwise(words)
    ]
    return " ".join([begin, *shown])


def _entries_of_networks(document: _ReferenceNetworks) -> dict[str, list[Entry]]:
    """Return the trainings of reference_networks.json by the name of the network, without ", seed N"."""
    entries: dict[str, list[Entry]] = {}
    for key, training in document.trainings.items():
        name, _, seed = key.rpartition(", seed ")
        if not name or not seed.isdecimal():
            raise DataError(
                f"{REFERENCE_NETWORKS} cannot be used: the training {key!r} has no seed; expected 'NAME, seed N'"
            )
        entries.setdefault(name, []).append(
            Entry(
                command=shown_command(document.command), seed=int(seed), data=document.data, epochs=training.epochs,
                metric="test_accuracy", value=training.test_accuracy, num_parameters=training.num_parameters,
                hardware=document.hardware, commit=document.commit, date=document.created[:10],
                minutes=document.minutes,
            )
        )  # fmt: skip
    return entries


def _entries_of_ngrams(document: _Ngrams) -> dict[str, list[Entry]]:
    return {
        name: [
            Entry(
                command=" ".join(document.command), seed=None, data=counted.data, epochs=None, metric="test_perplexity",
                value=counted.test_perplexity, num_parameters=sum(counted.num_ngrams), hardware=counted.hardware,
                commit=document.commit, date=document.created[:10],
            )
        ]
        for name, counted in document.results.items()
    }  # fmt: skip
