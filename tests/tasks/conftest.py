"""A small CIFAR-10 in a folder of its own, away from the user's cache and the internet."""

from pathlib import Path

import numpy as np
import pytest

from netwright.tasks.images import cifar10
from netwright.tasks.images.cifar10 import FOLDER, OFFICIAL_MD5
from oracles.cifar10_files import CLASS_NAMES, PER_BATCH, batch, md5, write


@pytest.fixture
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the user's cache or setting, or the internet."""
    monkeypatch.setattr("pooch.os_cache", lambda _project: tmp_path / "cache")
    monkeypatch.setattr(cifar10, "MIRRORS", ())
    monkeypatch.delenv("NETWRIGHT_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that contains an "official" download of 5 x 20 + 20 images."""
    monkeypatch.setattr(cifar10, "IMAGES_PER_BATCH", PER_BATCH)
    batches = tmp_path / "data" / FOLDER
    batches.mkdir(parents=True)
    for number, name in enumerate(OFFICIAL_MD5):
        pixels = np.full((PER_BATCH, 3072), number, np.uint8)
        pixels[0] = np.arange(3072) % 251
        write(batches / name, batch(data=pixels))
    write(batches / "batches.meta", {b"label_names": [name.encode() for name in CLASS_NAMES]})
    monkeypatch.setattr(cifar10, "OFFICIAL_MD5", {name: md5(batches / name) for name in OFFICIAL_MD5})
    return batches.parent
