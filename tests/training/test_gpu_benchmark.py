"""benchmarks/gpu.py at toy sizes on the CPU, and its static step against the loop of a search."""

import io
import json
import random
import time
from dataclasses import replace
from pathlib import Path

import gpu
import numpy as np
import pytest
import torch
from PIL import Image
from static_step import Training

from netwright.nn import TreeLayer
from netwright.spaces.convolutional import convolutional
from netwright.spaces.exploring import sample

CPU = gpu.Bench(torch.device("cpu"), tiny=True, deadline=float("inf"), data=None)


@pytest.mark.parametrize("num_images", [32, 37, 33], ids=["full", "short last batch", "one image left over"])
@pytest.mark.parametrize("bfloat16", [False, True])
def test_the_static_step_equals_the_loop(num_images: int, bfloat16: bool) -> None:
    net = sample(convolutional(3, num_filters=(4, 6), filter_sizes=(1, 3)), random.Random(num_images)).architecture
    images, labels = gpu.random_images(num_images)
    training = Training(batch_size=16, epochs=2, seed=num_images, schedule="cosine")
    by_loop = gpu.initialised(net)
    losses = gpu.train_by_loop(by_loop, images, labels, training, gpu.speed_of(CPU, bfloat16=bfloat16))
    child = gpu.static_child(CPU, net, images, labels, training, bfloat16=bfloat16)
    assert [child.epoch(0), child.epoch(1)] == pytest.approx(losses, rel=1e-6)
    assert gpu.relative_difference(list(child.parameters), list(by_loop.parameters())) < 1e-6


def test_every_section_runs_at_toy_sizes(tmp_path: Path) -> None:
    sections = [name for name in gpu.SECTIONS if name != "processes"]
    gpu.run_sections(replace(CPU, data=jpeg_file(tmp_path)), sections, out := tmp_path / "gpu.json")
    document = json.loads(out.read_text(encoding="utf-8"))
    measured = document["measurements"]
    assert {each["section"] for each in measured} == set(sections)
    assert not [each for each in measured if "error" in each]
    assert all(each["relative_difference"] < 1e-6 for each in measured if each["section"] == "equality")
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
