"""Pages as HTML from Jinja2 templates. Autoescape keeps text from the store from becoming markup."""

import base64
import functools
import gzip
from collections.abc import Sequence
from dataclasses import asdict
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from netwright.report.charts import Figure
from netwright.report.numbers import percent


def render(template: str, figures: Sequence[Figure], *, styles: str = "", **values: object) -> str:
    """Render a self-contained page.

    Args:
        template: The template's path inside the package; it extends report/page.html.jinja.
        figures: All charts of the page; without any, the page has no library of charts. The template shows one of
            them with the macro `chart`.
        styles: CSS to add to page.css.
        values: What the template refers to; strings are escaped.
    """
    environment = Environment(
        loader=PackageLoader("netwright", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    environment.filters["percent"] = percent
    resources = files("netwright.report")
    return environment.get_template(template).render(
        figures=figures,
        charts={f"chart-{number}": asdict(figure) for number, figure in enumerate(figures)},
        css=resources.joinpath("page.css").read_text(encoding="utf-8") + styles,
        script=resources.joinpath("page.js").read_text(encoding="utf-8"),
        plotly=_plotly() if figures else "",
        **values,
    )


@functools.cache
def _plotly() -> str:
    """Return Plotly's basic bundle, compressed by gzip to a third, in base64."""
    library = files("netwright.report").joinpath("plotly", "plotly-basic.min.js").read_bytes()
    return base64.b64encode(gzip.compress(library, mtime=0)).decode()
