"""benchmarks/gpu.py at toy sizes on the CPU."""

import io
import json
import time
from dataclasses import replace
from pathlib import Path

import gpu
import numpy as np
import pytest
import torch
from PIL import Image

from netwright.nn import TreeLayer

CPU = gpu.Bench(torch.device("cpu"), tiny=True, deadline=float("inf"), data=None)


def test_every_section_runs_at_toy_sizes(tmp_path: Path) -> None:
    sections = [name for name in gpu.SECTIONS if name != "processes"]
    gpu.run_sections(replace(CPU, data=jpeg_file(tmp_path)), sections, out := tmp_path / "gpu.json")
    document = json.loads(out.read_text(encoding="utf-8"))
    measured = document["measurements"]
    assert {each["section"] for each in measured} == set(sections)
    assert not [each for each in measured if "error" in each]
    assert all(each["relative_difference"] < 1e-6 for each in measured if each["section"] == "equality")
    assert any(each.get("recorded_repeats_bit_for_bit") for each in measured)
    assert all(each["same_bits_twice"] for each in measured if each["section"] == "repeatability")
    assert all(each["images_per_second"] > 0 for each in measured if each["section"] == "children")
    assert document["torch"] == torch.__version__


def jpeg_file(folder: Path) -> Path:
    """130 training and 65 test images in the layout of --data."""
    arrays = {}
    for part, count in (("train", 130), ("test", 65)):
        files = []
        for n in range(count):
            Image.new("RGB", (32, 32), (n, 2 * n % 256, 0)).save(file := io.BytesIO(), "JPEG")
            files.append(file.getvalue())
        arrays[f"{part}_jpeg"] = np.frombuffer(b"".join(files), np.uint8)
        arrays[f"{part}_offsets"] = np.cumsum([0, *map(len, files)])
        arrays[f"{part}_labels"] = np.arange(count, dtype=np.uint8) % 10
    np.savez(folder / "images.npz", **arrays)
    return folder / "images.npz"


def test_images_are_read_in_the_order_of_the_file(tmp_path: Path) -> None:
    images, labels = gpu.jpeg_images(jpeg_file(tmp_path), "test", 20)
    assert images.shape == (20, 3, 32, 32)
    assert labels.tolist() == [*range(10), *range(10)]
    assert [int(image[0].float().mean().round()) for image in images] == pytest.approx(list(range(20)), abs=2)


def test_a_section_that_fails_leaves_its_error_and_the_next_one_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(bench: gpu.Bench) -> gpu.Iterator[gpu.Measurement]:
        yield {"before": 1}
        raise RuntimeError("out of memory")

    monkeypatch.setitem(gpu.SECTIONS, "children", fails)
    gpu.run_sections(CPU, ["children", "environment"], out := tmp_path / "gpu.json")
    measured = json.loads(out.read_text(encoding="utf-8"))["measurements"]
    assert [each.get("error", "none") for each in measured] == ["none", "RuntimeError: out of memory", "none", "none"]


def test_the_plain_function_is_a_choice_of_a_context(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu.triton_steps, "can_run", lambda h: True)
    with gpu.plain_function():
        layer, x = TreeLayer(gpu.nas_cell(), 2, 2), torch.randn(2, 1, 2)
        assert layer(x, layer.initial_state(x))[0].shape == (2, 1, 2)
    assert gpu.triton_steps.can_run(x)


@pytest.mark.slow
def test_processes_share_the_device() -> None:
    bench = replace(CPU, deadline=time.perf_counter() + 120)
    measured = list(gpu.processes(bench))
    assert [(each["way"], each["processes"]) for each in measured] == [
        ("loop", 1),
        ("loop", 2),
        ("graph", 1),
        ("graph", 2),
    ]
    assert all(each["images_per_second_together"] > 0 for each in measured)
