"""Pages as HTML from Jinja2 templates. Autoescape keeps text from the store from becoming markup."""

from collections.abc import Sequence
from dataclasses import asdict
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from netwright.report.charts import Figure


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
    resources = files("netwright.report")
    return environment.get_template(template).render(
        figures=figures,
        charts={f"chart-{number}": asdict(figure) for number, figure in enumerate(figures)},
        css=resources.joinpath("page.css").read_text(encoding="utf-8") + styles,
        script=resources.joinpath("page.js").read_text(encoding="utf-8"),
        plotly=get_plotlyjs() if figures else "",
        **values,
    )
