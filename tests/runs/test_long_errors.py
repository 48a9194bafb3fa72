"""Exceptions with megabytes of text: a small store, the same on any number of workers, and a log."""

from pathlib import Path

import pytest

import netwright as nw
from netwright.searching.error_log import FILE_NAME, MAX_BYTES
from netwright.searching.store import FILE_NAME as STORE


@nw.space
def numbers():
    return {"number": (yield nw.Choice("number", tuple(range(20))))}


def huge(architecture):
    if architecture["number"] < 10:
        raise RuntimeError(f"{architecture['number']} " + "x" * 3_000_000)
    return 1.0


@pytest.mark.filterwarnings("ignore:.*trials failed")
def test_the_store_stays_small_and_the_same_on_any_number_of_workers(tmp_path: Path) -> None:
    errors = []
    for workers in (None, 1, 2):
        out = tmp_path / f"on {workers}"
        found = nw.search(numbers, huge, num_trials=16, strategy="random", seed=4, workers=workers, out=out)
        errors.append([trial.error and trial.error.partition("\n")[0] for trial in found.trials])
        stored = [trial.error or "" for trial in found.trials]
        assert any(stored)
        assert all(len(text) < 5000 for text in stored)
        assert sum((out / name).stat().st_size for name in (STORE, "report.html")) < 12e6
        assert 0 < (out / FILE_NAME).stat().st_size <= MAX_BYTES
    assert errors[0] == errors[1] == errors[2]
