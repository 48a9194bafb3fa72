"""Drawings against the networks that they show, read back from the SVG."""

import random
import re
import xml.etree.ElementTree as ET

import pytest

from netwright import zoo
from netwright.architectures.convolutional import ConvLayer, ConvNet
from netwright.drawing.convolutional import draw_convnet
from netwright.drawing.layout import IMAGE, lay_out
from netwright.drawing.svg import Style
from netwright.spaces.convolutional import convolutional
from netwright.spaces.exploring import sample

SVG = "{http://www.w3.org/2000/svg}"
POOLED = convolutional(13, block_size=3, pool_after=(13, 24), num_filters=(6, 12, 24, 36))
NETWORKS = {
    "published": zoo.nas_cnn_15(),
    "39 layers": sample(POOLED, random.Random(3)).architecture,
    "strides": sample(convolutional(8, strides=(1, 2, 3), pool_after=(3,)), random.Random(5)).architecture,
    "one layer": sample(convolutional(1), random.Random(0)).architecture,
    "nothing read": ConvNet(tuple(ConvLayer(filter_height=1, filter_width=3, num_filters=5) for _ in range(4))),
}


@pytest.fixture(params=NETWORKS.values(), ids=NETWORKS.keys())
def network(request) -> ConvNet:
    return request.param


def with_class(svg: str, name: str) -> list[ET.Element]:
    return [element for element in ET.fromstring(svg).iter() if name in element.get("class", "").split()]


def texts(svg: str) -> list[tuple[float, float, str]]:
    return [(float(e.get("x")), float(e.get("y")), e.text or "") for e in ET.fromstring(svg).iter(f"{SVG}text")]


def links_drawn(svg: str, network: ConvNet) -> set[tuple[int, int]]:
    """(source, target) of every arc and arrow, found by where their lines begin and end."""
    layout = lay_out(network, title="", counts="", note="")

    def nearest(x: float) -> int:
        return min(layout.centres, key=lambda index: abs(layout.centres[index] - x))

    links = set()
    for element in with_class(svg, "nw-arcs") + with_class(svg, "nw-exits"):
        for start, span in re.findall(r"M([\d.]+) [\d.]+a[\d.]+ [\d.]+ 0 0 1 ([\d.]+) 0", element.get("d")):
            links.add((nearest(float(start)), nearest(float(start) + float(span))))
    for element in with_class(svg, "nw-chain"):
        start, end = re.fullmatch(r"M([\d.]+) [\d.]+H([\d.]+)", element.get("d")).groups()
        links.add((nearest(float(start)), nearest(float(end) + 6)))  # the head is a path of its own
    return links


def test_every_connection_is_drawn_and_no_other(network):
    expected = {(source, target) for target, layer in enumerate(network.layers) for source in layer.inputs or (IMAGE,)}
    expected |= {(output, len(network.layers)) for output in network.outputs}
    assert links_drawn(draw_convnet(network), network) == expected


def test_filters_have_their_true_proportions(network):
    drawn = with_class(draw_convnet(network), "nw-filter")
    assert len(drawn) == len(network.layers)
    for element, layer in zip(drawn, network.layers, strict=True):
        width, height = map(float, re.match(r"M[\d.]+ [\d.]+h([\d.]+)v([\d.]+)h", element.get("d")).groups())
        assert height / width == pytest.approx(layer.filter_height / layer.filter_width, rel=0.03)
        assert element.get("d").count("M") == 1 + (layer.filter_height - 1) + (layer.filter_width - 1)


def test_bars_are_as_high_as_the_layers_are_wide(network):
    most = max(layer.num_filters for layer in network.layers)
    heights = [float(element.get("height")) for element in with_class(draw_convnet(network), "nw-bar")]
    assert heights == pytest.approx([38 * layer.num_filters / most for layer in network.layers], abs=0.06)


def test_the_numbers_below_a_layer_are_its_own(network):
    layout = lay_out(network, title="", counts="", note="")
    written = texts(draw_convnet(network))
    for index, layer in enumerate(network.layers):
        column = [words for x, _, words in sorted(written, key=lambda t: t[1]) if abs(x - layout.centres[index]) < 1]
        strided = (layer.stride_height, layer.stride_width) != (1, 1)
        stride = [f"{layer.stride_height}x{layer.stride_width}"] if strided else []
        shape = f"{layer.filter_height}x{layer.filter_width}"
        assert column == [shape, *stride, str(layer.num_filters), str(index)]


def test_poolings_stand_behind_the_layers_that_pool():
    network = NETWORKS["39 layers"]
    layout = lay_out(network, title="", counts="", note="")
    lines = [float(e.get("d")[1:].split()[0]) for e in with_class(draw_convnet(network), "nw-pool")]
    assert len(lines) == 2
    assert layout.centres[12] < lines[0] < layout.centres[13]
    assert layout.centres[23] < lines[1] < layout.centres[24]


def test_no_two_texts_overlap_and_none_leaves_the_picture(network):
    svg = draw_convnet(network, title="A title of some length that is wider than the smallest network", note="a note")
    width, height = (float(ET.fromstring(svg).get(name)) for name in ("width", "height"))
    boxes = []
    for element in ET.fromstring(svg).iter(f"{SVG}text"):
        size = 16 if "nw-title" in element.get("class") else 11.5
        long = 0.56 * size * len(element.text)
        x, y = float(element.get("x")), float(element.get("y"))
        left = x if {"nw-start", "nw-title"} & set(element.get("class").split()) else x - long / 2
        boxes.append((left, y - 0.75 * size, left + long, y + 0.2 * size, element.text))
        assert boxes[-1][0] >= 0
        assert boxes[-1][2] <= width
        assert boxes[-1][3] <= height
    for i, (left, top, right, bottom, words) in enumerate(boxes):
        for other in boxes[i + 1 :]:
            apart = right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top
            assert apart, (words, other[4])


def test_arcs_stay_between_the_title_and_the_layers(network):
    svg = draw_convnet(network, title="T")
    summary = next(y for _, y, words in texts(svg) if "layer" in words and "connection" in words)
    for element in with_class(svg, "nw-arcs") + with_class(svg, "nw-exits"):
        for top, high in re.findall(r"M[\d.]+ ([\d.]+)a[\d.]+ ([\d.]+) ", element.get("d")):
            assert float(top) - float(high) > summary


def test_a_drawing_stands_alone_and_is_escaped():
    svg = draw_convnet(zoo.nas_cnn_15(), title="<script>alert(1)</script> & more", note='"<b>"')
    root = ET.fromstring(svg)
    assert "script" not in {element.tag.removeprefix(SVG) for element in root.iter()}
    assert "<script>alert(1)</script> & more" in [words for *_, words in texts(svg)]
    assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)", svg)
    assert "prefers-color-scheme" in svg
    assert "prefers-color-scheme" not in draw_convnet(zoo.nas_cnn_15(), style=Style(adaptive=False))
    assert root.find(f"{SVG}desc").text.endswith(str(zoo.nas_cnn_15()))


def test_a_page_can_take_over_style_and_ground():
    svg = draw_convnet(zoo.nas_cnn_15(), style=Style(stylesheet=False, background=False))
    assert "<style>" not in svg
    assert not with_class(svg, "nw-bg")
    assert len(svg) < 20_000
