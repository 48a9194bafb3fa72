"""docs/gpu.md: every row of its tables follows from the measurements in benchmarks/results."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "gpu.md").read_text(encoding="utf-8")
RESULTS = json.loads((ROOT / "benchmarks" / "results" / "gpu-h200-2026-11-28.json").read_text(encoding="utf-8"))
EXAFLOP = 240
"""Of the paper's first search, as docs/results.md counts it."""
WAYS = ("loop", "graph", "graph, filters padded to 8")


def measured(section: str, **wanted: Any) -> list[dict[str, Any]]:
    rows = [each for each in RESULTS["measurements"] if each["section"] == section]
    return [each for each in rows if all(each.get(name) == value for name, value in wanted.items())]


def rows_of(heading: str) -> list[list[str]]:
    """The cells of the table below a heading, without its first two lines."""
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_images_per_second_of_the_children() -> None:
    loops = measured("children", way="loop")
    expected = []
    for loop in loops:
        ways = [
            measured("children", way=way, **{name: loop[name] for name in ("depth", "mmac", "batch")})[0]
            for way in WAYS
        ]
        rates = [f"{each['images_s']:,} ({each['tflops']:.0f})" for each in ways]
        expected.append([str(loop["depth"]), str(loop["mmac"]), str(loop["batch"]), *rates])
    assert rows_of("Children") == expected


def test_milliseconds_of_the_recurrent_layers() -> None:
    def milliseconds(way: str, units: int) -> list[str]:
        timed = (measured("cells", way=f"{way}, {kind}", lstm_units=units)[0] for kind in ("eager", "graph"))
        return [f"{each['ms']:.2f}" for each in timed]

    found = {row[0]: row[1:] for row in rows_of("Recurrent layers")}
    names = {
        "`nn.LSTM`": "nn.LSTM",
        "`nn.LSTM` in bfloat16": "nn.LSTM bfloat16",
        "NAS cell, plain function": "NAS",
        "NAS cell, kernels": "NAS fused",
        "NAS cell, kernels, products in bfloat16": "NAS fused bfloat16",
    }
    assert found == {name: milliseconds(way, 650) + milliseconds(way, 1500) for name, way in names.items()}


def test_images_per_second_of_several_processes() -> None:
    expected = [
        [str(count), *(f"{measured('processes', way=way, count=count)[0]['images_s_together']:,}" for way in WAYS[:2])]
        for count in (1, 2, 4, 8)
    ]
    assert rows_of("Several children on one card") == expected


def test_days_of_the_papers_search() -> None:
    """Operations / operations per second / seconds per day, of the slowest and the fastest child of 15 layers."""
    expected = {}
    for way in WAYS:
        rates = [each["tflops"] for each in measured("children", way=way, depth=15, batch=128)]
        days = sorted(EXAFLOP * 1e6 / rate / 86_400 for rate in rates)
        expected[way] = (f"{min(rates):.0f} to {max(rates):.0f}", f"{days[0]:.0f} to {days[-1]:.0f}")
    product = measured("environment")[0]["bf16_tflops"]
    expected["a large product"] = (f"{product:.0f}", f"{EXAFLOP * 1e6 / product / 86_400:.1f}")
    assert {row[0]: (row[1], row[2]) for row in rows_of("What the paper's search would take: arithmetic")} == expected


@pytest.mark.parametrize(
    "figure",
    [
        lambda: f"{measured('variants', way='graph, deterministic')[0]['images_s']:,}",
        lambda: f"{measured('variants', way='graph')[0]['images_s']:,}",
        lambda: f"{measured('published')[1]['accuracy']:.1%}".replace("%", "% of"),
        lambda: f"{measured('published')[0]['images_s']:,} images",
        lambda: f"{measured('published')[1]['trained_s']:.0f} s",
        lambda: f"torch {RESULTS['torch']}",
    ],
)
def test_figures_in_the_text(figure: Any) -> None:
    assert re.search(rf"(?<![\d,.]){re.escape(figure())}", PAGE)
