"""HTML written as text. Whatever came from the store passes through `words` or `script_json`."""

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from plotly.offline import get_plotlyjs

# Nothing may be fetched, whatever a name in the store says.
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"


def document(title: str, body: Iterable[str], figures: Mapping[str, Any], *, styles: str = "") -> str:
    """The whole page: finished HTML for its body, the figures of its charts by their identity, more CSS."""
    resources = files("netwright.report")
    css = resources.joinpath("page.css").read_text(encoding="utf-8") + styles
    script = resources.joinpath("page.js").read_text(encoding="utf-8")
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{words(title)}</title>",
            f"<style>{css}</style></head><body><main>",
            *body,
            "<noscript><p>The charts and the sorting of the table need JavaScript.</p></noscript>",
            "</main>",
            f'<script type="application/json" id="figures">{script_json(figures)}</script>',
            f"<script>{get_plotlyjs()}</script>",
            f"<script>{script}</script>",
            "</body></html>\n",
        ]
    )


def words(value: object) -> str:
    """Text that no browser takes for markup, in an element or in a quoted attribute."""
    return escape(str(value), quote=True)


def script_json(value: Any) -> str:
    """JSON for a script element, which it cannot end."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def cell(content: str, *, value: float | None = None, number: bool = False, kind: str = "") -> str:
    """A table's cell with finished HTML; `value` is what a number column sorts by."""
    classes = " ".join(name for name in ("number" if number else "", kind) if name)
    attribute = f' class="{classes}"' if classes else ""
    sorted_by = f' data-value="{"" if value is None else repr(value)}"' if number else ""
    return f"<td{attribute}{sorted_by}>{content}</td>"


def table(headers: Sequence[tuple[str, bool]], rows: Iterable[Sequence[str]], *, sortable: bool = False) -> str:
    """A table of finished cells under (name, whether its column holds numbers) headers."""
    head = "".join(
        f'<th scope="col"{" class=number" if number else ""}>'
        + (f'<button type="button">{words(name)}</button>' if sortable else words(name))
        + "</th>"
        for name, number in headers
    )
    body = "\n".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    attribute = ' class="sortable"' if sortable else ""
    return (
        f'<div class="scroll"><table{attribute}><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>'
    )


class Charts:
    """The charts of a page: `place` gives the place of one, which the page's script draws from `figures`."""

    def __init__(self) -> None:
        self.figures: dict[str, dict[str, Any]] = {}

    def place(self, figure: dict[str, Any] | None) -> str:
        """HTML for a figure with its title and note; nothing for None."""
        if figure is None:
            return ""
        identity = f"chart-{len(self.figures)}"
        self.figures[identity] = figure
        title, note = words(figure["title"]), words(figure["note"])
        caption = f'<p class="note">{note}</p>' if note else ""
        return (
            f'<section class="chart"><h3>{title}</h3><div id="{identity}" role="img" aria-label="{title}"></div>'
            f"{caption}</section>"
        )


def definitions(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and finished HTML side by side."""
    return f"<dl>{''.join(f'<dt>{words(name)}</dt><dd>{content}</dd>' for name, content in pairs)}</dl>"
