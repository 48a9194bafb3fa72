"""PNGs: white, as large as the drawing asks, and with letters also where the machine has no fonts."""

import io

import pytest
from PIL import Image, ImageChops

from netwright import zoo
from netwright.architectures.convolutional import ConvLayer, ConvNet
from netwright.drawing import png
from netwright.drawing.any import draw
from netwright.drawing.convolutional import draw_convnet
from netwright.drawing.svg import Style


def image_of(svg: str) -> Image.Image:
    return Image.open(io.BytesIO(png.svg_to_png(svg))).convert("RGB")


def test_a_png_is_light_on_white_and_twice_as_large():
    image = image_of(draw_convnet(zoo.nas_cnn_15(), style=Style(adaptive=False)))
    assert image.getpixel((0, 0)) == (255, 255, 255)
    assert image.width == pytest.approx(2 * 960, abs=80)
    colours = image.getcolors(maxcolors=1 << 20)
    assert len(colours) > 50
    assert sum(count for count, colour in colours if colour == (255, 255, 255)) > 0.5 * image.width * image.height


def test_letters_need_no_font_of_the_machine(monkeypatch):
    """The renderer is told to leave out the system's fonts: what remains is the one that Pillow carries."""
    render = png.resvg_py.svg_to_bytes
    monkeypatch.setattr(png.resvg_py, "svg_to_bytes", lambda **given: render(**given, skip_system_fonts=True))
    words = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="20" class="nw-drawing"><style>{}</style>{}</svg>'
    )
    style = png_style()
    written = image_of(words.format(style, '<text x="45" y="15" class="nw-ink">0.97 ± 0.01 3x5</text>'))
    boxes = image_of(words.format(style, '<text x="45" y="15" class="nw-ink">\uf000\uf000\uf000\uf000</text>'))
    dark = [sum(pixel[0] < 128 for pixel in image.get_flattened_data()) for image in (written, boxes)]
    assert dark[0] > 200
    assert dark[0] != dark[1]
    monkeypatch.setattr(png, "_font", lambda: b"")
    unwritten = image_of(words.format(style, '<text x="45" y="15" class="nw-ink">0.97 3x5</text>'))
    assert all(pixel == (255, 255, 255) for pixel in unwritten.get_flattened_data())


def png_style() -> str:
    from netwright.drawing.svg import stylesheet

    return stylesheet(adaptive=False)


NETWORKS = {
    "one layer": ConvNet((ConvLayer(filter_height=3, filter_width=3, num_filters=8),)),
    "two layers": ConvNet(tuple(ConvLayer(filter_height=5, filter_width=5, num_filters=24, pool=2) for _ in range(2))),
    "the published network": zoo.nas_cnn_15(),
    "the published cell": zoo.nas_cell(),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_less_than_a_quarter_of_a_picture_is_blank_around_its_content(name):
    svg = draw(
        NETWORKS[name],
        title="digits, trial 32",
        note="search's validation accuracy 0.9613",
        style=Style(adaptive=False),
    )
    image = image_of(svg)
    left, top, right, bottom = ImageChops.difference(image, Image.new("RGB", image.size, "white")).getbbox()
    content, whole = (right - left) * (bottom - top), image.width * image.height
    assert content > 0.75 * whole, f"{1 - content / whole:.0%} of {image.width} x {image.height} is blank"
