"""HTML written as text. Whatever came from the store passes through `words` or `script_json`."""

import json
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any


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


def chart(identity: str, title: str, note: str) -> str:
    """The place of a chart, which the page's script draws."""
    caption = f'<p class="note">{words(note)}</p>' if note else ""
    return (
        f'<section class="chart"><h3>{words(title)}</h3><div id="{identity}" role="img" '
        f'aria-label="{words(title)}"></div>{caption}</section>'
    )


def definitions(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and finished HTML side by side."""
    return f"<dl>{''.join(f'<dt>{words(name)}</dt><dd>{content}</dd>' for name, content in pairs)}</dl>"
