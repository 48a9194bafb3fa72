"""Drawings of cells against the cells that they show, read back from the SVG."""

import itertools
import random
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from netwright.architectures.equations import as_text, idle_activations, path_of_state
from netwright.architectures.published import lstm_cell, max_cell, nas_cell, nas_cnn_15
from netwright.architectures.recurrent import RecurrentCell
from netwright.drawing.any import draw, num_columns
from netwright.drawing.recurrent import draw_cell
from netwright.drawing.svg import Style
from netwright.drawing.tree import CARD, HALF, PORT, STEP, lay_out_tree
from netwright.spaces.exploring import sample
from netwright.spaces.recurrent import recurrent_cell

SVG = "{http://www.w3.org/2000/svg}"
EXTRA = {"combinations": ("add", "elem_mult", "max"), "activations": ("identity", "tanh", "sigmoid", "relu", "sin")}


def random_cell(base: int, seed: int) -> RecurrentCell:
    return sample(recurrent_cell(base, **EXTRA), random.Random(seed)).architecture


CELLS = {
    "nas": nas_cell(),
    "max": max_cell(),
    "lstm": lstm_cell(),
    **{f"base {base}": random_cell(base, base) for base in (2, 3, 4, 5, 6, 7, 9, 12)},
    "read where injected": replace(nas_cell(), read_index=3, inject_index=3),
    "at the root": replace(nas_cell(), read_index=14, inject_index=14),
}


@pytest.fixture(params=CELLS.values(), ids=CELLS.keys())
def cell(request) -> RecurrentCell:
    return request.param


def with_class(svg: str, name: str) -> list[ET.Element]:
    return [element for element in ET.fromstring(svg).iter() if name in element.get("class", "").split()]


def cards(svg: str) -> list[tuple[float, float]]:
    """(middle, upper edge) of every card, the injection's last."""
    return [(float(e.get("x")) + CARD / 2, float(e.get("y"))) for e in with_class(svg, "nw-card")]


def lines(svg: str, name: str) -> list[tuple[float, float, float, float, float]]:
    """Start, end of the straight part's y, and end of every line from a node to the one that joins it."""
    found = []
    for element in with_class(svg, name):
        pattern = r"M([\d.]+) ([\d.]+)(?:V([\d.]+))?C[\d.]+ [\d.]+ [\d.]+ [\d.]+ ([\d.]+) ([\d.]+)"
        if match := re.fullmatch(pattern, element.get("d", "")):
            x, y, rise, target, end = match.groups()
            found.append((float(x), float(y), float(rise or y), float(target), float(end)))
    return found


def texts(svg: str) -> list[tuple[float, float, float, str]]:
    """x, y, width and words, an index in smaller letters included."""
    found = []
    for element in ET.fromstring(svg).iter(f"{SVG}text"):
        size = 16 if "nw-title" in element.get("class") else 11.5
        below = "".join(element.itertext())[len(element.text or "") :]
        width = 0.56 * (size * len(element.text or "") + 8 * len(below))
        middle = not {"nw-start", "nw-title"} & set(element.get("class").split())
        x = float(element.get("x"))
        words = (element.text or "") + (f"_{below}" if below else "")
        found.append((x if middle else x + width / 2, float(element.get("y")), width, words))
    return found


def test_every_node_is_joined_by_its_parent_and_by_no_other(cell):
    svg = draw_cell(cell)
    tree = lay_out_tree(cell, title="", counts="", note="")
    expected = []
    for index in range(cell.base, len(cell.nodes)):
        for side, child in zip((-1, 1), cell.children(index), strict=True):
            target = tree.centres[index] + side * PORT
            expected.append((tree.centres[child], tree.exits[child], target, tree.bottom(index) + 5))
    drawn = [(x, y, target, end) for x, y, _, target, end in lines(svg, "nw-edge") + lines(svg, "nw-state")]
    assert sorted(drawn) == [pytest.approx(each, abs=0.06) for each in sorted(expected)]


def test_the_orange_lines_are_the_way_of_the_state(cell):
    svg = draw_cell(cell)
    tree = lay_out_tree(cell, title="", counts="", note="")
    starts = {(x, y) for x, y, *_ in lines(svg, "nw-state")}
    expected = {(tree.centres[index], tree.exits[index]) for index in path_of_state(cell)[:-1]}
    assert sorted(starts) == [pytest.approx(each, abs=0.06) for each in sorted(expected)]
    (old,), (new,) = ([text for text in texts(svg) if text[3] == words] for words in ("c_t-1", "c_t"))
    assert new[1] == pytest.approx(tree.tops[cell.read_index] + HALF, abs=4), "between combination and activation"
    assert old[1] == pytest.approx(tree.exits[cell.inject_index] + 1.5 * HALF, abs=4)
    assert abs(new[0] - tree.centres[cell.read_index]) < CARD
    assert abs(old[0] - tree.centres[cell.inject_index]) < CARD + 2
    said = "the new cell state is not made from the old one" in "".join(
        words for *_, words in texts(draw_cell(cell, title="T"))
    )
    assert said == (not path_of_state(cell))


def test_a_card_shows_the_node_that_it_is(cell):
    svg = draw_cell(cell)
    placed = cards(svg)
    assert len(placed) == len(cell.nodes) + 1
    idle = idle_activations(cell)
    assert len(with_class(svg, "nw-idle")) == len(idle)
    for (x, y), node in zip(placed, (*cell.nodes, cell.inject), strict=True):
        inside = [words for tx, ty, _, words in texts(svg) if abs(tx - x) < 1 and y < ty < y + 2 * HALF]
        assert inside == [node.activation] + (["max"] if node.combination == "max" else [])
        sign = [
            element.get("d")
            for element in with_class(svg, "nw-edge")
            if (start := re.match(r"M([\d.]+) ([\d.]+)[hl]", element.get("d")))
            and abs(float(start[1]) - x) < 6
            and y + HALF < float(start[2]) < y + 2 * HALF
        ]
        assert len(sign) == (node.combination != "max")
        assert not sign or ("h10" in sign[0]) == (node.combination == "add")
    coloured = sum(len(with_class(svg, f"nw-{name}")) for name in ("tanh", "sigmoid", "relu", "sin"))
    assert coloured == len(cell.nodes) + 1 - len(idle)


def test_the_inputs_and_the_output_are_named(cell):
    words = [text[3] for text in texts(draw_cell(cell))]
    assert words.count("x_t") == words.count("h_t-1") == cell.base
    assert words.count("h_t") == words.count("c_t") == words.count("c_t-1") == 1
    names = {f"l_{i}" if i < cell.base else f"n_{i}" for i in range(len(cell.nodes))}
    assert names <= set(words)
    assert {re.sub(r"^([ln])", r"\1_", name) for name in re.findall(r"^[ln]\d+", as_text(cell), re.M)} <= names


def overlaps(first, second) -> bool:
    return first[0] < second[2] and second[0] < first[2] and first[1] < second[3] and second[1] < first[3]


def assert_nothing_overlaps(svg: str) -> None:
    width, height = (float(ET.fromstring(svg).get(name)) for name in ("width", "height"))
    written = [(x - w / 2, y - 9, x + w / 2, y + 3, words) for x, y, w, words in texts(svg)]
    for left, top, right, bottom, words in written:
        assert left >= 0, words
        assert top >= 0, words
        assert right <= width, words
        assert bottom <= height, words
    for first, second in itertools.combinations(written, 2):
        assert not overlaps(first, second), (first, second)
    boxes = [(x - CARD / 2, y, x + CARD / 2, y + 2 * HALF) for x, y in cards(svg)]
    for first, second in itertools.combinations(boxes, 2):
        assert not overlaps(first, second), (first, second)
    for box, word in itertools.product(boxes, written):
        inside = box[0] <= word[0] and word[2] <= box[2] and box[1] <= word[1] and word[3] <= box[3]
        assert inside or not overlaps(box, word), (box, word)
    for x, y, rise, target, end in lines(svg, "nw-edge") + lines(svg, "nw-state"):
        straight = (x - 1, rise, x + 1, y)
        curve = (min(x, target), end, max(x, target), rise)
        for box in boxes + written:
            assert not overlaps(straight, box), (straight, box)
        for box in boxes:
            assert not overlaps(curve, box), (curve, box)


def test_nothing_overlaps(cell):
    assert_nothing_overlaps(draw_cell(cell, title="A title", note="a note"))
    assert_nothing_overlaps(draw_cell(cell))


@pytest.mark.parametrize("base", [2, 3, 4, 7, 8])
def test_nothing_overlaps_wherever_the_state_is(base):
    cell = random_cell(base, 0)
    for read, at in itertools.product(range(len(cell.nodes)), repeat=2):
        assert_nothing_overlaps(draw_cell(replace(cell, read_index=read, inject_index=at), title="T"))


def test_lines_do_not_cross():
    """Each node lies between the two that it joins, and the leaves below different nodes do not mingle."""
    for base in range(2, 17):
        cell = random_cell(base, 1)
        tree = lay_out_tree(cell, title="", counts="", note="")
        below = [{tree.centres[index]} for index in range(base)]
        for index in range(base, len(cell.nodes)):
            left, right = cell.children(index)
            assert max(below[left]) < min(below[right])
            assert tree.centres[left] < tree.centres[index] < tree.centres[right]
            assert tree.bottom(index) < min(tree.exits[left], tree.exits[right]) - STEP
            below.append(below[left] | below[right])


def test_a_drawing_stands_alone_and_is_escaped():
    svg = draw(nas_cell(), title="<script>alert(1)</script> & more", note='"<b>"')
    root = ET.fromstring(svg)
    assert "script" not in {element.tag.removeprefix(SVG) for element in root.iter()}
    assert "<script>alert(1)</script> & more" in [words for *_, words in texts(svg)]
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", svg)
    assert "prefers-color-scheme" in svg
    assert "prefers-color-scheme" not in draw(nas_cell(), style=Style(adaptive=False))
    assert root.find(f"{SVG}desc").text.endswith(str(nas_cell()))


def test_a_page_can_take_over_style_and_ground():
    svg = draw(nas_cell(), style=Style(stylesheet=False, background=False))
    assert "<style>" not in svg
    assert not with_class(svg, "nw-bg")
    assert len(svg) < 20_000


def test_any_architecture_is_drawn_as_its_kind():
    assert draw(nas_cell(), title="T") == draw_cell(nas_cell(), title="T")
    assert "15 layers, 65 connections" in draw(nas_cnn_15(), title="T")
    assert (num_columns(nas_cell()), num_columns(nas_cnn_15())) == (16, 15)
