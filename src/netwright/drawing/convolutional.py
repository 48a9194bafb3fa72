"""A ConvNet as a picture: the chain of its layers, filters in true proportions, an arc for each skip connection."""

from netwright.architectures.convolutional import IMAGE, ConvLayer, ConvNet
from netwright.drawing.layout import BAR_HEIGHT, BAR_WIDTH, POOL_GAP, PORT, Layout, arcs_of, lay_out
from netwright.drawing.svg import MARGIN, STANDALONE, Style, document, path, rectangle, text

HEAD = 3.2
"""Half the width of an arrow's head."""
CAPTION = (
    "A column is a layer: its filter, height by width in pixels, and its number of filters as a bar. Arrows and "
    "arcs lead from what is read to who reads it; what no layer reads goes to the classifier (orange). A dashed "
    "line is a max-pooling. Point at a layer to see what it reads."
)
"""How a drawing is read."""


def draw_convnet(network: ConvNet, *, title: str = "", note: str = "", style: Style = STANDALONE) -> str:
    """Draw a network; the arguments are those of `any.draw`."""
    counts = f"{_counted(len(network.layers), 'layer')}, {_counted(network.num_connections, 'connection')}"
    layout = lay_out(network, title=title, counts=counts, note=note)
    parts = [_row_names(layout), *_poolings(network, layout), _image(layout)]
    arcs = arcs_of(network)
    most = max(layer.num_filters for layer in network.layers)
    for index, layer in enumerate(network.layers):
        sources = [source for source, target in arcs if target == index]
        parts.append(_layer(index, layer, layout, sources, most))
    parts.append(_classifier(network, layout, [source for source, target in arcs if target == len(network.layers)]))
    return document(
        parts,
        width=layout.width,
        height=layout.height,
        heading=layout.heading,
        description=f"{counts}: {network}",  # the notation of the command line
        style=style,
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _row_names(layout: Layout) -> str:
    rows = [(layout.sizes, "filter size"), (layout.filters, "filters"), (layout.indices, "layer")]
    if layout.has_strides:
        rows.append((layout.strides, "stride"))
    return "".join(text(MARGIN, y, name, "nw-muted nw-start") for y, name in rows)


def _layer(index: int, layer: ConvLayer, layout: Layout, sources: list[int], most: int) -> str:
    x, top = layout.centres[index], layout.top
    parts = ['<g class="nw-layer">']
    if sources:
        parts.append(path("".join(layout.arc(source, index) for source in sources), "nw-arcs nw-line"))
    if index - 1 in (layer.inputs or (IMAGE,)):
        parts.append(_arrow(layout, index - 1, index, "nw-line", "nw-head"))
    parts.append(rectangle(x - layout.card / 2, top, layout.card, layout.card, "nw-card", 4))
    if sources:
        parts.append(_arrival(x, top, "nw-head"))
    parts.append(_filter(x, top + layout.card / 2, layer, layout.cell))
    parts.append(text(x, layout.sizes, f"{layer.filter_height}x{layer.filter_width}"))
    if (layer.stride_height, layer.stride_width) != (1, 1):
        parts.append(text(x, layout.strides, f"{layer.stride_height}x{layer.stride_width}"))
    height = BAR_HEIGHT * layer.num_filters / most
    parts.append(rectangle(x - BAR_WIDTH / 2, layout.ground - height, BAR_WIDTH, height, "nw-bar", 1.5))
    parts.append(text(x, layout.filters, layer.num_filters))
    parts.append(text(x, layout.indices, index, "nw-muted"))
    return "".join([*parts, "</g>"])


def _filter(x: float, y: float, layer: ConvLayer, cell: float) -> str:
    """Return a grid of the pixels that one filter covers."""
    height, width = layer.filter_height * cell, layer.filter_width * cell
    left, top = x - width / 2, y - height / 2
    lines = [f"M{left + n * cell:.1f} {top:.1f}v{height:.1f}" for n in range(1, layer.filter_width)]
    lines += [f"M{left:.1f} {top + n * cell:.1f}h{width:.1f}" for n in range(1, layer.filter_height)]
    outline = f"M{left:.1f} {top:.1f}h{width:.1f}v{height:.1f}h{-width:.1f}z"
    return f'<path d="{outline}{"".join(lines)}" class="nw-filter" stroke-width=".8"/>'


def _arrow(layout: Layout, source: int, target: int, line: str, head: str) -> str:
    """Return the short arrow between neighbouring cards."""
    start, end = layout.centres[source] + layout.card / 2 + 1, layout.centres[target] - layout.card / 2 - 1
    y = layout.top + layout.card / 2
    tip = f"M{end:.1f} {y:.1f}l-5 {-HEAD}v{2 * HEAD}z"
    return path(f"M{start:.1f} {y:.1f}H{end - 4:.1f}", f"nw-chain {line}") + path(tip, head)


def _arrival(x: float, top: float, head: str) -> str:
    """Return the arrow head that all arcs into a layer share."""
    return path(f"M{x - PORT:.1f} {top + 0.5:.1f}l{-HEAD} -5.5h{2 * HEAD}z", head)


def _image(layout: Layout) -> str:
    """Return the icon of the input image, with hills and a sun."""
    x, y = layout.centres[IMAGE], layout.top + layout.card / 2
    frame = f"M{x - 12:.1f} {y - 10:.1f}h24v20h-24z"
    hills = f"M{x - 12:.1f} {y + 6:.1f}l8 -9 6 6 4 -4 6 6"
    sun = f"M{x + 4:.1f} {y - 5:.1f}a2 2 0 1 0 4 0 2 2 0 1 0 -4 0"
    return (
        rectangle(x - layout.card / 2, layout.top, layout.card, layout.card, "nw-card", 4)
        + path(frame + hills + sun, "nw-icon")
        + text(x, layout.sizes, "image", "nw-muted")
    )


def _classifier(network: ConvNet, layout: Layout, sources: list[int]) -> str:
    """Return the icon of the classifier, and the lines from every output that no layer reads."""
    last = len(network.layers)
    x, y = layout.centres[last], layout.top + layout.card / 2
    parts = []
    if sources:
        parts.append(path("".join(layout.arc(source, last) for source in sources), "nw-exits nw-exit"))
    parts.append(_arrow(layout, last - 1, last, "nw-exit", "nw-exit-head"))
    parts.append(rectangle(x - layout.card / 2, layout.top, layout.card, layout.card, "nw-card", 4))
    if sources:
        parts.append(_arrival(x, layout.top, "nw-exit-head"))
    dots = "".join(f"M{x - 3:.1f} {y + 7.5 * n:.1f}a3 3 0 1 0 6 0 3 3 0 1 0 -6 0" for n in (-1.5, -0.5, 0.5, 1.5))
    parts.append(path(dots, "nw-icon"))
    parts.append(text(x, layout.sizes, "classifier", "nw-muted"))
    return "".join(parts)


def _poolings(network: ConvNet, layout: Layout) -> list[str]:
    """Return the dashed lines; a pooling shrinks every map that is read across it, so its line crosses the arcs."""
    parts = []
    for index, layer in enumerate(network.layers):
        if layer.pool > 1:
            x = layout.centres[index] + (layout.card + layout.gap + POOL_GAP) / 2
            above = layout.top - layout.arcs
            parts.append(path(f"M{x:.1f} {above:.1f}V{layout.ground:.1f}", "nw-pool"))
            parts.append(text(x, layout.filters, "pool", "nw-muted"))
            parts.append(text(x, layout.indices, f"{layer.pool}x{layer.pool}", "nw-muted"))
    return parts
